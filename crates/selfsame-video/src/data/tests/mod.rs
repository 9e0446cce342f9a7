//! Tests of the data room, on videos that they render themselves: every frame shows its own number.

mod access;
mod bad;
mod copies;
mod film;
mod folder;
mod reference;
mod vectors;

//! How one instance becomes several views of itself.
//!
//! A [`Recipe`] says what is done, a [`Pipeline`] does it: it chooses a [`Geometry`] for each view, cuts and resizes it out of
//! a [`Picture`](crate::picture::Picture), changes colours, blurs and normalises. All of it is plain CPU code on planar floats.

pub mod blur;
pub mod boxes;
pub mod color;
pub mod geometry;
pub mod normalize;
mod pipeline;
pub mod preview;
pub mod recipe;
pub mod resample;
mod simd;
mod views;

pub use geometry::{Crop, Geometry};
pub use pipeline::{Pipeline, Scratch, required_scale};
pub use recipe::{Framing, Recipe};
pub use views::Views;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod properties;

//! Tests of the built program as a user meets it: what is typed, what is printed, what lies in the folders, and how it
//! ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod broken_checkpoints;
mod broken_data;
mod control;
mod data;
mod dense;
mod embed_export;
mod evaluate;
mod full_disk;
mod graph_training;
mod graphs;
mod interactions;
mod listing;
mod pictures;
mod pretrain;
mod ranking;
mod recommend;
mod resume;
mod settings;
mod signals;
mod sweep;
mod video_training;
mod videos;
mod workshop;

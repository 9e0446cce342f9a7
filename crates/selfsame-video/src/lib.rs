//! Video in selfsame: clips and motion vectors out of compressed files, clip-consistent views, 3-D backbones, the video methods and their evaluation.

pub mod data;
pub mod eval;
pub mod method;
pub mod model;
mod network;
pub mod pretrain;
pub mod preview;
pub mod settings;
pub mod trained;
pub mod view;

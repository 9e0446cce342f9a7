//! Video in selfsame: clips and motion vectors out of compressed files, clip-consistent views, 3-D backbones, the video methods and their evaluation.

pub mod data;
pub mod method;
pub mod model;
pub mod settings;
pub mod view;

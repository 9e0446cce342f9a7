//! selfsame learns representations from data without labels.
//!
//! This crate is what programs depend on; the program `selfsame` is built on it too. Every part works alone: losses are pure functions, layers
//! and optimisers know no trainer, the loop knows no method. The book (`docs/`) explains each.
//!
//! ```
//! use selfsame::prelude::*;
//!
//! // NT-Xent of two batches of projections, on the CPU.
//! let device = Device::flex();
//! let views = [0.1, 0.2].map(|x| Tensor::<2>::from_floats([[1.0, x], [x, 1.0]], &device));
//! let loss = nt_xent(views, 0.5);
//! assert_eq!(loss.dims(), [1]);
//! ```

pub mod embeddings;
#[cfg(feature = "video")]
pub mod motion_vectors;
pub mod recommendations;

pub use selfsame_core as core;
pub use selfsame_graph as graph;
pub use selfsame_image as image;
#[cfg(feature = "video")]
pub use selfsame_video as video;

/// What most programs need.
pub mod prelude {
    pub use burn::tensor::{Device, Tensor};
    pub use selfsame_core::loss::nt_xent;
    pub use selfsame_core::method::{Method, Objective, Step};
    pub use selfsame_core::nn::{Mode, Parameters};
    pub use selfsame_core::pretrain::Prepared;
    pub use selfsame_core::{Error, Random, Result};
    pub use selfsame_image::data::{Dataset, Loader};
    pub use selfsame_image::method::{ImageMethod, METHODS};
    pub use selfsame_image::model::{ResNet, ResNetConfig};
    pub use selfsame_image::view::{Pipeline, Recipe, Views};
}

//! The types of Burn that this crate's interfaces speak of.

pub use burn::tensor::{Device, Gradients, Tensor, TensorData};

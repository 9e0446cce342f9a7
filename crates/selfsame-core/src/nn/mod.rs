//! Layers with PyTorch's parameter names and layouts, so that weights go in and out without a mapping.
//!
//! Initial values are addressed randomness (see [`crate::Random`]): a layer built at the same address has the same
//! weights on every machine and device.

mod batch_norm;
mod conv2d;
mod embedding;
mod linear;
mod parameters;
mod statistic;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

pub use batch_norm::{BatchNorm, BatchNormConfig};
pub use conv2d::{Conv2d, Conv2dConfig};
pub use embedding::Embedding;
pub use linear::{Linear, LinearConfig};
pub use parameters::{Parameter, Parameters, is_adapted, is_statistic};
pub use selfsame_kernels::{Epilogue, Region, RoiAlign, Windows, max_pool2d, mean_pool2d, roi_align};
pub use selfsame_kernels::{SparseError, SparseMatrix, gather_rows, propagate, propagate_rows};
pub use statistic::Statistic;

use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use selfsame_kernels::AllReduce;

/// How a forward pass treats batch norm.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Statistics of the batch, over all ranks when `ranks` is given (SyncBN); running statistics are updated.
    Train {
        /// The ranks that share their statistics.
        ranks: Option<Arc<dyn AllReduce>>,
    },
    /// Running statistics.
    Evaluate,
}

impl Mode {
    /// Training with the statistics of this process alone.
    pub fn train() -> Self {
        Self::Train { ranks: None }
    }
}

/// A parameter with these values, in row-major order.
fn parameter<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

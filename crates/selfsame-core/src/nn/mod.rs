//! Layers with PyTorch's parameter names and layouts, so that weights go in and out without a mapping.
//!
//! Initial values are addressed randomness (see [`crate::Random`]): a layer built at the same address has the same
//! weights on every machine and device.

mod batch_norm;
mod conv2d;
mod conv3d;
mod dropout;
mod embedding;
mod layer_norm;
mod linear;
mod parameters;
mod statistic;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

pub use batch_norm::{BatchNorm, BatchNormConfig};
pub use conv2d::{Conv2d, Conv2dConfig};
pub use conv3d::{Conv3d, Conv3dConfig};
pub use dropout::{Noise, dropout};
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use linear::{Linear, LinearConfig};
pub use parameters::{Parameter, Parameters, is_adapted, is_statistic};
pub use selfsame_kernels::{ClipWindows, Windows, max_pool2d, max_pool3d, mean_pool2d, mean_pool3d};
pub use selfsame_kernels::{Epilogue, Region, RoiAlign, roi_align};
pub use selfsame_kernels::{SparseError, SparseMatrix, gather_rows, propagate, propagate_rows};
pub use statistic::Statistic;

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use selfsame_kernels::AllReduce;

use crate::{Error, Random, Result};

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

/// Where a network lives.
///
/// # Errors
/// Never, for what has parameters.
pub fn device_of(network: &impl Module) -> Result<Device> {
    let device = network.devices().into_iter().next();
    device.ok_or_else(|| Error::Internal("a network without parameters".into()))
}

/// A parameter with these values, in row-major order.
fn parameter<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// The weight `[output, input, kernel…]` of a convolution after He et al. 2015 (arXiv 1502.01852), normal with fan-out.
fn fan_out_normal<const D: usize>(shape: [usize; D], random: &Random, device: &Device) -> Param<Tensor<D>> {
    let fan_out = shape[0] * shape[2..].iter().product::<usize>();
    let deviation = (2.0 / fan_out as f32).sqrt();
    let mut random = random.clone();
    let weights = (0..shape.iter().product()).map(|_| deviation * random.normal()).collect();
    parameter(weights, shape, device)
}

/// Whether a backbone can be built whose channels are multiplied by this width.
///
/// # Errors
/// When it is not a number between 1/64 and 64.
pub fn check_width(width: f64) -> Result<()> {
    if (1.0 / 64.0..=64.0).contains(&width) {
        return Ok(());
    }
    let what = format!("a backbone of width {width} cannot be built");
    Err(Error::config(what, "choose a width between 0.015625 (1/64) and 64; 1 is the usual one"))
}

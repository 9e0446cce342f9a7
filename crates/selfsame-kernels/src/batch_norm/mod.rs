//! Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>,
//! algorithm 1), of one process or over all ranks of a data-parallel run.

mod columns;
mod cpu;
mod extension;
mod loops;
mod portable;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::AllReduce;
use extension::{BatchNormBackend, Statistics};

/// What [`batch_norm`] returns.
#[derive(Clone, Debug)]
pub struct BatchNormOutput<const D: usize> {
    /// The normalised input, in its shape.
    pub output: Tensor<D>,
    /// The mean of each channel over all ranks, `[channels]`; no gradient flows through it.
    pub mean: Tensor<1>,
    /// The biased variance of each channel over all ranks, `[channels]`; no gradient flows through it. The unbiased
    /// one is this times `count / (count - 1)`.
    pub variance: Tensor<1>,
    /// Elements of a channel, over all ranks.
    pub count: usize,
}

/// Normalises every channel to mean 0 and variance 1 over the batch, then scales by `weight` and shifts by `bias`:
/// `(input - mean) / sqrt(variance + epsilon) * weight + bias`.
///
/// `input` is `[batch, channels]` or `[batch, channels, height, width]` (any rank from 2 with channels second), `weight` and `bias` are `[channels]`. A
/// channel with one element has variance 0 and becomes `bias`.
///
/// With `ranks` the statistics are those of the batches of all ranks together, which may differ in size, and the
/// gradient of `input` is that of the sum of all ranks' objectives (SyncBN): one process with a batch of 2N and two processes with
/// batches of N get the same output and the same gradient. The gradients of `weight` and `bias` are this rank's part
/// alone; like those of all parameters they are to be summed over the ranks.
///
/// If the ranks fail (see [`AllReduce::sum`]) the statistics, the output and the gradients are NaN; the caller's next collective
/// call returns the error. The backward pass holds `ranks` weakly, so that a rank whose thread ends is noticed by the
/// others even though Burn keeps its unfinished graph: keep it alive until the backward pass is over. Ranks in one
/// process meet inside their backward passes, hence their graphs must share no tensor: a clone of a module shares its
/// parameters with the original, so each rank must load its own.
///
/// # Panics
///
/// If `weight` or `bias` are not `[channels]`.
pub fn batch_norm<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
    ranks: Option<Arc<dyn AllReduce>>,
) -> BatchNormOutput<D> {
    assert!(D >= 2, "batch normalisation needs [batch, channels, …], but the input has {D} dimensions");
    let channels = input.dims()[1];
    assert_eq!(weight.dims(), [channels], "batch normalisation needs one weight per channel");
    assert_eq!(bias.dims(), [channels], "batch normalisation needs one bias per channel");
    let normalised = Dispatch::batch_norm_over_ranks(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        epsilon,
        ranks,
    );
    let Statistics { mean, variance, count } = normalised.statistics;
    BatchNormOutput {
        output: Tensor::from_dispatch(normalised.output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
        count,
    }
}

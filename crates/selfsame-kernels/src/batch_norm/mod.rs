//! Batch normalisation with the statistics of the batch (Ioffe and Szegedy 2015, <https://arxiv.org/abs/1502.03167>,
//! algorithm 1), of one process or over all ranks of a data-parallel run, and with frozen statistics. The residual
//! addition and the ReLU that follow it in a residual network (He et al. 2015, <https://arxiv.org/abs/1512.03385>) are done in the
//! same pass over memory.

mod arithmetic;
mod autodiff;
mod cpu;
mod extension;
mod frozen;
mod loops;
mod portable;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::AllReduce;
use crate::optional::Optional;
use extension::{BatchNormBackend, Statistics};

/// What [`batch_norm`] returns.
#[derive(Clone, Debug)]
pub struct BatchNormOutput<const D: usize> {
    /// The normalised input after the [`Epilogue`], in the input's shape.
    pub output: Tensor<D>,
    /// The mean of each channel over all ranks, `[channels]`; no gradient flows through it.
    pub mean: Tensor<1>,
    /// The biased variance of each channel over all ranks, `[channels]`; no gradient flows through it. The unbiased
    /// one is this times `count / (count - 1)`.
    pub variance: Tensor<1>,
    /// Elements of a channel, over all ranks.
    pub count: usize,
}

/// What happens to the normalised values in the same pass: `relu(normalised + residual)`, or less.
#[derive(Clone, Debug, Default)]
pub struct Epilogue<const D: usize> {
    /// Added, in the input's shape.
    pub residual: Option<Tensor<D>>,
    /// Whether negative values become 0.
    pub relu: bool,
}

impl<const D: usize> Epilogue<D> {
    /// Nothing.
    pub fn none() -> Self {
        Self { residual: None, relu: false }
    }

    /// A ReLU alone.
    pub fn relu() -> Self {
        Self { residual: None, relu: true }
    }

    /// The addition of a residual, then a ReLU.
    pub fn residual_relu(residual: Tensor<D>) -> Self {
        Self { residual: Some(residual), relu: true }
    }
}

/// Normalises every channel to mean 0 and variance 1 over the batch, then scales by `weight` and shifts by `bias`:
/// `(input - mean) / sqrt(variance + epsilon) * weight + bias`; then follows the `epilogue`.
///
/// `input` is `[batch, channels]` or `[batch, height, width, channels]` (any rank from 2 with the channels last),
/// `weight` and `bias` are `[channels]`. A channel with one element has variance 0 and becomes `bias`.
///
/// With `ranks` the statistics are those of the batches of all ranks together, which may differ in size, and the
/// gradient of `input` is that of the sum of all ranks' objectives (SyncBN): one process with a batch of 2N and two
/// processes with batches of N get the same output and the same gradient. The gradients of `weight` and `bias` are
/// this rank's part alone; like those of all parameters they are to be summed over the ranks.
///
/// If the ranks fail (see [`AllReduce::sum`]) the statistics, the output and the gradients are NaN; the caller's next
/// collective call returns the error. The backward pass holds `ranks` weakly, so that a rank whose thread ends is
/// noticed by the others even though Burn keeps its unfinished graph: keep it alive until the backward pass is over.
/// Ranks in one process meet inside their backward passes, hence their graphs must share no tensor: a clone of a
/// module shares its parameters with the original, so each rank must load its own.
///
/// # Panics
///
/// If `weight` or `bias` are not `[channels]`, or the residual has not the input's shape.
pub fn batch_norm<const D: usize>(
    input: Tensor<D>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    epilogue: Epilogue<D>,
    epsilon: f64,
    ranks: Option<Arc<dyn AllReduce>>,
) -> BatchNormOutput<D> {
    check(&input, [&weight, &bias], &epilogue);
    let normalised = Dispatch::batch_norm_over_ranks(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        Optional::new(epilogue.residual.map(Tensor::into_dispatch)),
        epilogue.relu,
        epsilon,
        ranks,
    );
    let Statistics { mean, variance, count, .. } = normalised.statistics;
    BatchNormOutput {
        output: Tensor::from_dispatch(normalised.output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
        count,
    }
}

/// `input * scale + shift` in every channel, then the `epilogue`: batch normalisation with frozen statistics is that with
/// `scale = weight / sqrt(variance + epsilon)` and `shift = bias - mean * scale`.
///
/// `input` is `[batch, channels]` or `[batch, height, width, channels]` (any rank from 2 with the channels last),
/// `scale` and `shift` are `[channels]`. All have gradients.
///
/// # Panics
///
/// If `scale` or `shift` are not `[channels]`, or the residual has not the input's shape.
pub fn scale_and_shift<const D: usize>(
    input: Tensor<D>,
    scale: Tensor<1>,
    shift: Tensor<1>,
    epilogue: Epilogue<D>,
) -> Tensor<D> {
    check(&input, [&scale, &shift], &epilogue);
    Tensor::from_dispatch(Dispatch::scale_and_shift(
        input.into_dispatch(),
        scale.into_dispatch(),
        shift.into_dispatch(),
        Optional::new(epilogue.residual.map(Tensor::into_dispatch)),
        epilogue.relu,
    ))
}

fn check<const D: usize>(input: &Tensor<D>, of_channels: [&Tensor<1>; 2], epilogue: &Epilogue<D>) {
    assert!(D >= 2, "batch normalisation needs [batch, …, channels], but the input has {D} dimensions");
    for tensor in of_channels {
        assert_eq!(
            tensor.dims(),
            [input.dims()[D - 1]],
            "batch normalisation needs one weight and one bias per channel"
        );
    }
    if let Some(residual) = &epilogue.residual {
        assert_eq!(residual.dims(), input.dims(), "a residual has the shape of what it is added to");
    }
}

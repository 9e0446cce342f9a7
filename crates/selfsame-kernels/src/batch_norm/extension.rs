//! Batch normalisation as operations of Burn's backends.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, Flex, backend_extension};
use burn::tensor::DType;

use super::{cpu, frozen, portable};
use crate::AllReduce;
use crate::optional::Optional;

/// Statistics of every channel over all ranks.
#[derive(Clone, Debug, ExtensionType)]
pub struct Statistics<B: Backend> {
    /// `[channels]`.
    pub mean: FloatTensor<B>,
    /// Biased, `[channels]`.
    pub variance: FloatTensor<B>,
    /// Elements per channel.
    pub count: usize,
    /// What is added to the variance.
    pub epsilon: f64,
}

/// The normalised input and the statistics that normalised it.
#[derive(Clone, Debug, ExtensionType)]
pub struct Normalised<B: Backend> {
    /// In the input's shape.
    pub output: FloatTensor<B>,
    #[extension_type]
    pub statistics: Statistics<B>,
}

/// Gradients of what went in, but for the residual.
#[derive(Clone, Debug, ExtensionType)]
pub struct InputGradients<B: Backend> {
    /// In the input's shape.
    pub input: FloatTensor<B>,
    /// `[channels]`, this rank's part.
    pub weight: FloatTensor<B>,
    /// `[channels]`, this rank's part.
    pub bias: FloatTensor<B>,
}

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait BatchNormBackend: Backend {
    /// See [`batch_norm`](super::batch_norm).
    fn batch_norm_over_ranks(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        #[extension_type] residual: Optional<Self>,
        relu: bool,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> Normalised<Self> {
        portable::forward::<Self>(
            input,
            [weight, bias],
            residual.into_option(),
            relu,
            epsilon,
            ranks.as_deref(),
        )
    }

    /// The gradients of the input, the weight and the bias, and of the residual if there was one, given that of the output. The
    /// output itself is given if it went through a ReLU.
    fn batch_norm_over_ranks_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] statistics: Statistics<Self>,
        #[extension_type] output: Optional<Self>,
        output_gradient: FloatTensor<Self>,
        has_residual: bool,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        let ranks = ranks.as_deref();
        portable::backward::<Self>(
            input,
            weight,
            statistics,
            output.into_option(),
            output_gradient,
            has_residual,
            ranks,
        )
    }

    /// `input · scale + shift`, plus the residual, through the ReLU: normalisation with frozen statistics.
    fn scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        #[extension_type] residual: Optional<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        portable::finish::<Self>(input, [scale, shift], residual.into_option(), relu)
    }

    /// The gradients of the input, the scale (as the weight) and the shift (as the bias), and of the residual.
    fn scale_and_shift_backward(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        #[extension_type] output: Optional<Self>,
        output_gradient: FloatTensor<Self>,
        has_residual: bool,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        portable::finish_backward::<Self>(input, scale, output.into_option(), output_gradient, has_residual)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl BatchNormBackend for burn::backend::Cube {}

impl BatchNormBackend for Flex {
    fn batch_norm_over_ranks(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: Optional<Self>,
        relu: bool,
        epsilon: f64,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> Normalised<Self> {
        let (residual, ranks) = (residual.into_option(), ranks.as_deref());
        match input.dtype() {
            DType::F32 => cpu::forward(input, [weight, bias], residual, relu, epsilon, ranks),
            _ => portable::forward::<Self>(input, [weight, bias], residual, relu, epsilon, ranks),
        }
    }

    fn batch_norm_over_ranks_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        statistics: Statistics<Self>,
        output: Optional<Self>,
        output_gradient: FloatTensor<Self>,
        has_residual: bool,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        let ranks = ranks.as_deref();
        let backward = match input.dtype() {
            DType::F32 => cpu::backward,
            _ => portable::backward::<Self>,
        };
        backward(input, weight, statistics, output.into_option(), output_gradient, has_residual, ranks)
    }

    fn scale_and_shift(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        residual: Optional<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        match input.dtype() {
            DType::F32 => frozen::forward(input, [scale, shift], residual.into_option(), relu),
            _ => portable::finish::<Self>(input, [scale, shift], residual.into_option(), relu),
        }
    }

    fn scale_and_shift_backward(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        output: Optional<Self>,
        output_gradient: FloatTensor<Self>,
        has_residual: bool,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        let backward = match input.dtype() {
            DType::F32 => frozen::backward,
            _ => portable::finish_backward::<Self>,
        };
        backward(input, scale, output.into_option(), output_gradient, has_residual)
    }
}

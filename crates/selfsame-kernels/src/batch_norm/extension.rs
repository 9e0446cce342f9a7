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

/// What followed the normalisation in the same pass, and what tells the backward step where the gradient went through a ReLU.
#[derive(Clone, Debug, ExtensionType)]
pub enum Followed<B: Backend> {
    Nothing,
    /// The shift before the ReLU, `[channels]`: with it, the ReLU's input is computed again.
    Relu {
        shift: FloatTensor<B>,
    },
    Residual,
    /// The output, in the input's shape. What comes next keeps it anyway, so that this is no memory of its own.
    ResidualRelu {
        output: FloatTensor<B>,
    },
}

impl<B: Backend> Followed<B> {
    pub fn new(has_residual: bool, relu: bool, shift: &FloatTensor<B>, output: &FloatTensor<B>) -> Self {
        match (has_residual, relu) {
            (false, false) => Self::Nothing,
            (false, true) => Self::Relu { shift: shift.clone() },
            (true, false) => Self::Residual,
            (true, true) => Self::ResidualRelu { output: output.clone() },
        }
    }

    pub fn has_residual(&self) -> bool {
        matches!(self, Self::Residual | Self::ResidualRelu { .. })
    }
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

    /// The gradients of the input, the weight and the bias, and of the residual if there was one, given that of the output.
    fn batch_norm_over_ranks_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] statistics: Statistics<Self>,
        #[extension_type] followed: Followed<Self>,
        output_gradient: FloatTensor<Self>,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        let ranks = ranks.as_deref();
        portable::backward::<Self>(input, weight, statistics, followed, output_gradient, ranks)
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
        #[extension_type] followed: Followed<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        portable::finish_backward::<Self>(input, scale, followed, output_gradient)
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
        followed: Followed<Self>,
        output_gradient: FloatTensor<Self>,
        ranks: Option<Arc<dyn AllReduce>>,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        let ranks = ranks.as_deref();
        let backward = match input.dtype() {
            DType::F32 => cpu::backward,
            _ => portable::backward::<Self>,
        };
        backward(input, weight, statistics, followed, output_gradient, ranks)
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
        followed: Followed<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> (InputGradients<Self>, Option<FloatTensor<Self>>) {
        let backward = match input.dtype() {
            DType::F32 => frozen::backward,
            _ => portable::finish_backward::<Self>,
        };
        backward(input, scale, followed, output_gradient)
    }
}

//! Linear layers as operations of Burn's backends.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};

use super::portable;
use crate::optional::Optional;

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait LinearBackend: Backend {
    /// See [`linear`](super::linear).
    fn linear_layer(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Optional<Self>,
    ) -> FloatTensor<Self> {
        portable::forward::<Self>(input, weight, bias)
    }

    /// The gradient of the input, given that of the output.
    fn linear_layer_input_gradient(
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        portable::input_gradient::<Self>(weight, output_gradient)
    }

    /// The gradient of the weight, given that of the output.
    fn linear_layer_weight_gradient(
        input: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        portable::weight_gradient::<Self>(input, output_gradient)
    }

    /// The gradient of the bias, given that of the output.
    fn linear_layer_bias_gradient(output_gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        portable::bias_gradient::<Self>(output_gradient)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl LinearBackend for burn::backend::Cube {}

impl LinearBackend for Flex {}

//! Linear layers as operations of Burn's backends.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};

use super::portable;
use crate::optional::Optional;

/// Multiplications from which on a product is worth waking a thread: some 10 µs of work.
const WORTH_THREADS: usize = 1 << 19;

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

    /// The gradients of input and weight, given that of the output.
    fn linear_layer_gradients(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let of_input = Self::linear_layer_input_gradient(weight, output_gradient.clone());
        (of_input, Self::linear_layer_weight_gradient(input, output_gradient))
    }

    /// The gradient of the bias, given that of the output.
    fn linear_layer_bias_gradient(output_gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        portable::bias_gradient::<Self>(output_gradient)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl LinearBackend for burn::backend::Cube {}

impl LinearBackend for Flex {
    /// Both at the same time where they are worth it: products of this size are made by one thread each.
    fn linear_layer_gradients(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [rows, features] = [0, 1].map(|axis| input.layout().shape()[axis]);
        let is_small = rows * features * weight.layout().shape()[0] < WORTH_THREADS;
        let gradient = output_gradient.clone();
        let of_input = || portable::input_gradient::<Self>(weight, gradient);
        let of_weight = || portable::weight_gradient::<Self>(input, output_gradient);
        if is_small { (of_input(), of_weight()) } else { rayon::join(of_input, of_weight) }
    }
}

//! Noisy weights as operations of Burn's backends.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::DType;

use super::{cpu, portable};

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait NoisyBackend: Backend {
    /// See [`noisy_weight`](super::noisy_weight).
    fn noisy_weight(
        mean: FloatTensor<Self>,
        deviation: FloatTensor<Self>,
        of_output: FloatTensor<Self>,
        of_input: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        portable::weight::<Self>(mean, deviation, of_output, of_input)
    }

    /// The gradient of the deviation, given that of the weight.
    fn noisy_weight_deviation_gradient(
        gradient: FloatTensor<Self>,
        of_output: FloatTensor<Self>,
        of_input: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        portable::deviation_gradient::<Self>(gradient, of_output, of_input)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl NoisyBackend for burn::backend::Cube {}

impl NoisyBackend for Flex {
    fn noisy_weight(
        mean: FloatTensor<Self>,
        deviation: FloatTensor<Self>,
        of_output: FloatTensor<Self>,
        of_input: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        match mean.dtype() {
            DType::F32 => cpu::weight(&mean, &deviation, [&of_output, &of_input]),
            _ => portable::weight::<Self>(mean, deviation, of_output, of_input),
        }
    }

    fn noisy_weight_deviation_gradient(
        gradient: FloatTensor<Self>,
        of_output: FloatTensor<Self>,
        of_input: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        match gradient.dtype() {
            DType::F32 => cpu::deviation_gradient(&gradient, [&of_output, &of_input]),
            _ => portable::deviation_gradient::<Self>(gradient, of_output, of_input),
        }
    }
}

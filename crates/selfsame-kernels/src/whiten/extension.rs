//! Whitening as an operation of Burn's backends.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, Flex, backend_extension};
use burn::tensor::DType;

use super::{Groups, Singular, cpu, portable};

/// Whitened rows, and what their gradient needs.
#[derive(Clone, Debug, ExtensionType)]
pub struct Whitened<B: Backend> {
    /// In the input's shape; without meaning where a group is singular.
    pub output: FloatTensor<B>,
    /// W = L⁻¹ of every group, `[groups, features, features]`.
    pub inverses: FloatTensor<B>,
    /// The first group without a factor.
    pub singular: Option<Singular>,
}

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait WhitenBackend: Backend {
    /// See [`whiten`](super::whiten).
    fn whiten(input: FloatTensor<Self>, groups: Groups, epsilon: f64) -> Whitened<Self> {
        portable::forward::<Self>(input, groups, epsilon)
    }

    /// The gradient of the input, given the output and its gradient.
    fn whiten_backward(
        output: FloatTensor<Self>,
        inverses: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        groups: Groups,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        portable::backward::<Self>(output, inverses, output_gradient, groups, epsilon)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl WhitenBackend for burn::backend::Cube {}

impl WhitenBackend for Flex {
    fn whiten(input: FloatTensor<Self>, groups: Groups, epsilon: f64) -> Whitened<Self> {
        match input.dtype() {
            DType::F32 => cpu::forward(input, groups, epsilon),
            _ => portable::forward::<Self>(input, groups, epsilon),
        }
    }

    fn whiten_backward(
        output: FloatTensor<Self>,
        inverses: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        groups: Groups,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        let backward = match output.dtype() {
            DType::F32 => cpu::backward,
            _ => portable::backward::<Self>,
        };
        backward(output, inverses, output_gradient, groups, epsilon)
    }
}

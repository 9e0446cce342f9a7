//! The steps as operations of Burn's backends.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};
use burn::tensor::DType;

use super::{AdamStep, MomentumStep, cpu, portable};
use crate::optional::Optional;

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait UpdateBackend: Backend {
    /// See [`momentum_step`](super::momentum_step).
    fn momentum_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        #[extension_type] scale: Optional<Self>,
        step: MomentumStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        portable::momentum_step::<Self>(parameter, gradient, momentum, scale.into_option(), step)
    }

    /// See [`adam_step`](super::adam_step).
    fn adam_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        portable::adam_step::<Self>(parameter, gradient, first, second, step)
    }

    /// See [`weighted_sum`](super::weighted_sum).
    fn weighted_sum(
        left: FloatTensor<Self>,
        left_share: f64,
        right: FloatTensor<Self>,
        right_share: f64,
    ) -> FloatTensor<Self> {
        portable::weighted_sum::<Self>(left, left_share, right, right_share)
    }

    /// See [`squared_norm`](super::squared_norm).
    fn squared_norm(vector: FloatTensor<Self>) -> FloatTensor<Self> {
        portable::squared_norm::<Self>(vector)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl UpdateBackend for burn::backend::Cube {}

/// Optimisers work outside of gradient graphs; with one, the portable steps can be differentiated like all of Burn's operations.
impl<B: UpdateBackend, C: CheckpointStrategy> UpdateBackend for Autodiff<B, C> {}

impl UpdateBackend for Flex {
    fn momentum_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        scale: Optional<Self>,
        step: MomentumStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let scale = scale.into_option();
        match parameter.dtype() {
            DType::F32 => cpu::momentum_step(parameter, gradient, momentum, scale, step),
            _ => portable::momentum_step::<Self>(parameter, gradient, momentum, scale, step),
        }
    }

    fn adam_step(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        match parameter.dtype() {
            DType::F32 => cpu::adam_step(parameter, gradient, first, second, step),
            _ => portable::adam_step::<Self>(parameter, gradient, first, second, step),
        }
    }

    fn weighted_sum(
        left: FloatTensor<Self>,
        left_share: f64,
        right: FloatTensor<Self>,
        right_share: f64,
    ) -> FloatTensor<Self> {
        match left.dtype() {
            DType::F32 => cpu::weighted_sum(left, left_share, right, right_share),
            _ => portable::weighted_sum::<Self>(left, left_share, right, right_share),
        }
    }

    fn squared_norm(vector: FloatTensor<Self>) -> FloatTensor<Self> {
        match vector.dtype() {
            DType::F32 => cpu::squared_norm(vector),
            _ => portable::squared_norm::<Self>(vector),
        }
    }
}

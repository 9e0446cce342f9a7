//! RoIAlign as operations of Burn's backends.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::{DType, Shape};

use super::reading::Reading;
use super::{cpu, portable};

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait RoiAlignBackend: Backend {
    /// Maps `[batch, height, width, channels]` to `[outputs, channels]`.
    fn read_regions(maps: FloatTensor<Self>, reading: Arc<Reading>) -> FloatTensor<Self> {
        portable::read::<Self>(maps, &reading)
    }

    /// The gradient of maps of this shape, given that of the output.
    fn read_regions_backward(
        output_gradient: FloatTensor<Self>,
        reading: Arc<Reading>,
        shape: Shape,
    ) -> FloatTensor<Self> {
        portable::read_backward::<Self>(output_gradient, &reading, shape)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl RoiAlignBackend for burn::backend::Cube {}

impl RoiAlignBackend for Flex {
    fn read_regions(maps: FloatTensor<Self>, reading: Arc<Reading>) -> FloatTensor<Self> {
        match maps.dtype() {
            DType::F32 => cpu::read(&maps, &reading),
            _ => portable::read::<Self>(maps, &reading),
        }
    }

    fn read_regions_backward(
        output_gradient: FloatTensor<Self>,
        reading: Arc<Reading>,
        shape: Shape,
    ) -> FloatTensor<Self> {
        match output_gradient.dtype() {
            DType::F32 => cpu::read_backward(&output_gradient, &reading, shape),
            _ => portable::read_backward::<Self>(output_gradient, &reading, shape),
        }
    }
}

//! Pooling as operations of Burn's backends.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::{DType, Shape};

use super::{ClipWindows, cpu, portable};

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait PoolBackend: Backend {
    /// See [`max_pool2d`](super::max_pool2d) and [`max_pool3d`](super::max_pool3d).
    fn max_pool(input: FloatTensor<Self>, windows: ClipWindows) -> FloatTensor<Self> {
        portable::max_pool::<Self>(input, windows)
    }

    /// The gradient of the input, given the output and its gradient.
    fn max_pool_backward(
        input: FloatTensor<Self>,
        output: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        windows: ClipWindows,
    ) -> FloatTensor<Self> {
        let _ = output;
        portable::max_pool_backward::<Self>(input, output_gradient, windows)
    }

    /// See [`mean_pool2d`](super::mean_pool2d).
    fn mean_pool(input: FloatTensor<Self>) -> FloatTensor<Self> {
        portable::mean_pool::<Self>(input)
    }

    /// The gradient of an input of this shape, given that of the output.
    fn mean_pool_backward(output_gradient: FloatTensor<Self>, shape: Shape) -> FloatTensor<Self> {
        portable::mean_pool_backward::<Self>(output_gradient, shape)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl PoolBackend for burn::backend::Cube {}

impl PoolBackend for Flex {
    fn max_pool(input: FloatTensor<Self>, windows: ClipWindows) -> FloatTensor<Self> {
        match input.dtype() {
            DType::F32 => cpu::max_pool(&input, windows),
            _ => portable::max_pool::<Self>(input, windows),
        }
    }

    fn max_pool_backward(
        input: FloatTensor<Self>,
        output: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        windows: ClipWindows,
    ) -> FloatTensor<Self> {
        match input.dtype() {
            DType::F32 => cpu::max_pool_backward(&input, &output, &output_gradient, windows),
            _ => portable::max_pool_backward::<Self>(input, output_gradient, windows),
        }
    }

    fn mean_pool(input: FloatTensor<Self>) -> FloatTensor<Self> {
        match input.dtype() {
            DType::F32 => cpu::mean_pool(&input),
            _ => portable::mean_pool::<Self>(input),
        }
    }

    fn mean_pool_backward(output_gradient: FloatTensor<Self>, shape: Shape) -> FloatTensor<Self> {
        match output_gradient.dtype() {
            DType::F32 => cpu::mean_pool_backward(&output_gradient, shape),
            _ => portable::mean_pool_backward::<Self>(output_gradient, shape),
        }
    }
}

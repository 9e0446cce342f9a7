//! Sparse products as operations of Burn's backends.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::DType;

use super::{SparseMatrix, cpu, portable};

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait SparseBackend: Backend {
    /// `[columns, width]` to `[rows, width]`.
    fn multiply_sparse(dense: FloatTensor<Self>, matrix: SparseMatrix) -> FloatTensor<Self> {
        portable::multiply::<Self>(dense, &matrix)
    }

    /// See [`propagate`](super::propagate); at least one layer.
    fn propagate(table: FloatTensor<Self>, layers: Arc<[SparseMatrix]>) -> FloatTensor<Self> {
        portable::propagate::<Self>(table, &layers)
    }

    /// The gradient of the table, given that of the output.
    fn propagate_backward(
        output_gradient: FloatTensor<Self>,
        layers: Arc<[SparseMatrix]>,
    ) -> FloatTensor<Self> {
        portable::propagate_backward::<Self>(output_gradient, &layers)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl SparseBackend for burn::backend::Cube {}

impl SparseBackend for Flex {
    fn multiply_sparse(dense: FloatTensor<Self>, matrix: SparseMatrix) -> FloatTensor<Self> {
        match dense.dtype() {
            DType::F32 => cpu::multiply(&dense, &matrix),
            _ => portable::multiply::<Self>(dense, &matrix),
        }
    }

    fn propagate(table: FloatTensor<Self>, layers: Arc<[SparseMatrix]>) -> FloatTensor<Self> {
        match table.dtype() {
            DType::F32 => cpu::propagate(&table, &layers),
            _ => portable::propagate::<Self>(table, &layers),
        }
    }

    fn propagate_backward(
        output_gradient: FloatTensor<Self>,
        layers: Arc<[SparseMatrix]>,
    ) -> FloatTensor<Self> {
        match output_gradient.dtype() {
            DType::F32 => cpu::propagate_backward(&output_gradient, &layers),
            _ => portable::propagate_backward::<Self>(output_gradient, &layers),
        }
    }
}

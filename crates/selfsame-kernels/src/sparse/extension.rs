//! Sparse products as operations of Burn's backends.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::DType;

use super::{SparseMatrix, cpu, portable};
use crate::rows::portable::{add_to_rows, select};

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

    /// See [`propagate_rows`](super::propagate_rows); at least one layer.
    fn propagate_rows(
        table: FloatTensor<Self>,
        layers: Arc<[SparseMatrix]>,
        rows: Arc<[u32]>,
    ) -> FloatTensor<Self> {
        select::<Self>(portable::propagate::<Self>(table, &layers), &rows)
    }

    /// The gradient of the table, given that of the rows.
    fn propagate_rows_backward(
        output_gradient: FloatTensor<Self>,
        layers: Arc<[SparseMatrix]>,
        rows: Arc<[u32]>,
    ) -> FloatTensor<Self> {
        let nodes = layers.first().map_or(0, SparseMatrix::rows);
        portable::propagate_backward::<Self>(add_to_rows::<Self>(output_gradient, &rows, nodes), &layers)
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
    fn propagate_rows(
        table: FloatTensor<Self>,
        layers: Arc<[SparseMatrix]>,
        rows: Arc<[u32]>,
    ) -> FloatTensor<Self> {
        match table.dtype() {
            DType::F32 => cpu::propagate_rows(&table, &layers, &rows),
            _ => select::<Self>(portable::propagate::<Self>(table, &layers), &rows),
        }
    }

    fn propagate_rows_backward(
        output_gradient: FloatTensor<Self>,
        layers: Arc<[SparseMatrix]>,
        rows: Arc<[u32]>,
    ) -> FloatTensor<Self> {
        match output_gradient.dtype() {
            DType::F32 => cpu::propagate_rows_backward(&output_gradient, &layers, &rows),
            _ => {
                let nodes = layers.first().map_or(0, SparseMatrix::rows);
                let gradient = add_to_rows::<Self>(output_gradient, &rows, nodes);
                portable::propagate_backward::<Self>(gradient, &layers)
            }
        }
    }
}

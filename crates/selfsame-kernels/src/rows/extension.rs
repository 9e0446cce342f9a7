//! Gathering rows as an operation of Burn's backends.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::DType;

use super::{cpu, portable};

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait RowsBackend: Backend {
    /// `[rows, columns]` to `[indices, columns]`.
    fn gather_rows(table: FloatTensor<Self>, indices: Arc<[u32]>) -> FloatTensor<Self> {
        portable::select::<Self>(table, &indices)
    }

    /// The gradient of a table of so many rows, given that of the rows gathered.
    fn gather_rows_backward(
        output_gradient: FloatTensor<Self>,
        indices: Arc<[u32]>,
        rows: usize,
    ) -> FloatTensor<Self> {
        portable::add_to_rows::<Self>(output_gradient, &indices, rows)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl RowsBackend for burn::backend::Cube {}

impl RowsBackend for Flex {
    fn gather_rows(table: FloatTensor<Self>, indices: Arc<[u32]>) -> FloatTensor<Self> {
        match table.dtype() {
            DType::F32 => cpu::gather(&table, &indices),
            _ => portable::select::<Self>(table, &indices),
        }
    }

    fn gather_rows_backward(
        output_gradient: FloatTensor<Self>,
        indices: Arc<[u32]>,
        rows: usize,
    ) -> FloatTensor<Self> {
        match output_gradient.dtype() {
            DType::F32 => cpu::scatter(&output_gradient, &indices, rows),
            _ => portable::add_to_rows::<Self>(output_gradient, &indices, rows),
        }
    }
}

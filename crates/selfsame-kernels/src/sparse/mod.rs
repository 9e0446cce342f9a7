//! Sparse matrices times dense ones, and the propagation of graph convolutions without weights (LightGCN; He et al. 2020, arXiv 2002.02126).
//!
//! A matrix is kept row by row (CSR). A product is bound by the memory from which rows of the dense factor come: a thread takes rows with about
//! as many entries as the next one's, sums each in registers and writes it once. A propagation needs the mean of all its layers; the last
//! product reads the layers before it as it writes this mean, and the backward pass needs no layers at all (Horner's scheme):
//!
//! ```text
//! forward   X_k = A_k X_{k−1},  output = (X_0 + … + X_K) / (K + 1)
//! backward  S ← G;  for k = K … 1: S ← G + A_kᵀ S;  gradient = S / (K + 1)
//! ```

mod autodiff;
mod cpu;
mod extension;
mod matrix;
mod portable;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

pub use matrix::{SparseError, SparseMatrix};

use extension::SparseBackend;

impl SparseMatrix {
    /// This matrix `[rows, columns]` times a dense one `[columns, width]`: `[rows, width]`, with a gradient to the dense factor. Sums have
    /// the order of a row's entries, whatever the number of threads.
    ///
    /// # Panics
    ///
    /// If the dense factor has not as many rows as this has columns.
    pub fn multiply(&self, dense: Tensor<2>) -> Tensor<2> {
        let [rows, _] = dense.dims();
        assert_eq!(rows, self.columns(), "rows of a dense factor, and columns of a sparse one");
        Tensor::from_dispatch(Dispatch::multiply_sparse(dense.into_dispatch(), self.clone()))
    }
}

/// The mean of a table `[nodes, width]` and what each of these matrices in turn makes of it:
/// (E + A₁E + A₂A₁E + …) / (layers + 1), with a gradient to the table. Layers of one graph are clones of one matrix, which share
/// its memory; without layers this is the table.
///
/// # Panics
///
/// If a matrix is not square, or its size is not the table's number of rows.
pub fn propagate(layers: &[SparseMatrix], table: Tensor<2>) -> Tensor<2> {
    let [rows, _] = table.dims();
    for matrix in layers {
        let size = [matrix.rows(), matrix.columns()];
        assert_eq!(size, [rows, rows], "the size of a graph, and a table's rows");
    }
    if layers.is_empty() {
        return table;
    }
    Tensor::from_dispatch(Dispatch::propagate(table.into_dispatch(), Arc::from(layers)))
}

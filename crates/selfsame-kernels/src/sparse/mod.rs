//! Sparse matrices times dense ones, and the propagation of graph convolutions without weights (LightGCN; He et al. 2020, arXiv 2002.02126).
//!
//! A matrix is kept row by row (CSR). A product is bound by the memory from which rows of the dense factor come: a thread takes rows with about
//! as many entries as the next one's, asks for rows of the factor some entries ahead, sums each row in registers and writes it once. A propagation needs the mean of all its layers; the last
//! product reads the layers before it as it writes this mean, and the backward pass needs no layers at all (Horner's scheme):
//!
//! ```text
//! forward   X_k = A_k X_{k−1},  output = (X_0 + … + X_K) / (K + 1)
//! backward  S ← G;  for k = K … 1: S ← G + A_kᵀ S;  gradient = S / (K + 1)
//! ```
//!
//! A batch asks for few rows of the output. Then the last layer is made for these only, and the first backward product adds up the few rows
//! of G that are not zero, which are kept apart and never become a table.

mod autodiff;
mod cpu;
mod extension;
mod matrix;
mod portable;
mod some_rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

pub use matrix::{SparseError, SparseMatrix};

use crate::gather_rows;
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
    let [nodes, _] = table.dims();
    assert_square(layers, nodes);
    if layers.is_empty() {
        return table;
    }
    Tensor::from_dispatch(Dispatch::propagate(table.into_dispatch(), Arc::from(layers)))
}

/// The rows `rows` of [`propagate`]'s output, in this order and as often as they are asked for: `[rows, width]`. The last layer and its
/// gradient cost only what these rows need, and the gradient of the output is no table of all nodes; so this is better than
/// [`gather_rows`](crate::gather_rows) of the whole.
///
/// # Panics
///
/// As of [`propagate`], and if a row is none of the table's.
pub fn propagate_rows(layers: &[SparseMatrix], table: Tensor<2>, rows: &[u32]) -> Tensor<2> {
    let [nodes, _] = table.dims();
    assert_square(layers, nodes);
    if layers.is_empty() {
        return gather_rows(table, rows);
    }
    for &row in rows {
        assert!((row as usize) < nodes, "row {row} is none of {nodes} rows");
    }
    let (layers, rows) = (Arc::from(layers), Arc::from(rows));
    Tensor::from_dispatch(Dispatch::propagate_rows(table.into_dispatch(), layers, rows))
}

fn assert_square(layers: &[SparseMatrix], nodes: usize) {
    for matrix in layers {
        let size = [matrix.rows(), matrix.columns()];
        assert_eq!(size, [nodes, nodes], "the size of a graph, and a table's rows");
    }
}

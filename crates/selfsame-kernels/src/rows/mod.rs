//! Rows of a table by their numbers, as embeddings are looked up.

mod autodiff;
mod cpu;
mod extension;
pub mod portable;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

pub use cpu::{gather, order};

use extension::RowsBackend;

/// The rows `indices` of a table `[rows, columns]`, in this order: `[indices, columns]`. A row may be asked for any number of times; its
/// gradient is the sum over these, in the order of the indices, whatever the number of threads.
///
/// The gradient of the table is as large as the table: where several sets of rows are needed, one call with all their indices and
/// [`Tensor::narrow`] on the result costs one such gradient instead of several.
///
/// # Panics
///
/// If an index is not that of a row.
pub fn gather_rows(table: Tensor<2>, indices: &[u32]) -> Tensor<2> {
    let [rows, _] = table.dims();
    for &index in indices {
        assert!((index as usize) < rows, "row {index} is none of {rows} rows");
    }
    Tensor::from_dispatch(Dispatch::gather_rows(table.into_dispatch(), Arc::from(indices)))
}

//! Sparse products of `f32` tensors on the CPU.

use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use rayon::prelude::*;

use super::SparseMatrix;
use crate::buffer::{Places, written};
use crate::flex::tensor;
use crate::simd::{Simd, Work, on_this_cpu};

pub fn multiply(dense: &FlexTensor, matrix: &SparseMatrix) -> FlexTensor {
    let dense = dense.to_contiguous();
    let width = dense.layout().shape()[1];
    let product = product(matrix, dense.storage(), width, &[], 1.0);
    tensor(product, Shape::new([matrix.rows(), width]))
}

pub fn propagate(table: &FlexTensor, layers: &[SparseMatrix]) -> FlexTensor {
    let table = table.to_contiguous();
    let shape = table.layout().shape().clone();
    let width = shape[1];
    let Some((last, first)) = layers.split_last() else { return table };
    let mut made: Vec<Vec<f32>> = Vec::with_capacity(first.len());
    for matrix in first {
        let layer = product(matrix, made.last().map_or(table.storage(), Vec::as_slice), width, &[], 1.0);
        made.push(layer);
    }
    let layers_before: Vec<&[f32]> =
        std::iter::once(table.storage()).chain(made.iter().map(Vec::as_slice)).collect();
    let from = layers_before[first.len()];
    let mean = product(last, from, width, &layers_before, share(layers));
    tensor(mean, shape)
}

pub fn propagate_backward(output_gradient: &FlexTensor, layers: &[SparseMatrix]) -> FlexTensor {
    let output_gradient = output_gradient.to_contiguous();
    let shape = output_gradient.layout().shape().clone();
    let gradient: &[f32] = output_gradient.storage();
    let mut sum: Option<Vec<f32>> = None;
    for (at, matrix) in layers.iter().enumerate().rev() {
        let scale = if at == 0 { share(layers) } else { 1.0 };
        let from = sum.as_deref().unwrap_or(gradient);
        sum = Some(product(matrix.transpose(), from, shape[1], &[gradient], scale));
    }
    sum.map_or_else(|| output_gradient.clone(), |sum| tensor(sum, shape))
}

fn share(layers: &[SparseMatrix]) -> f32 {
    (1.0 / (layers.len() + 1) as f64) as f32
}

/// `scale · (matrix · dense + sum of addends)`, all rows `width` wide.
fn product(matrix: &SparseMatrix, dense: &[f32], width: usize, addends: &[&[f32]], scale: f32) -> Vec<f32> {
    let length = matrix.rows() * width;
    assert_eq!(dense.len(), matrix.columns() * width, "a dense factor has not the size of the sparse one");
    assert!(addends.iter().all(|addend| addend.len() == length), "an addend has not the size of a product");
    let write = |places: &Places<'_>| {
        matrix.parts().par_windows(2).for_each(|part| {
            on_this_cpu(Rows { matrix, dense, width, addends, scale, rows: [part[0], part[1]], places });
        });
    };
    // SAFETY: the parts have all rows, of which each is written whole.
    #[allow(unsafe_code)]
    unsafe {
        written(length, write)
    }
}

/// Some rows of a product.
pub struct Rows<'a> {
    matrix: &'a SparseMatrix,
    dense: &'a [f32],
    width: usize,
    addends: &'a [&'a [f32]],
    scale: f32,
    /// The first one, and the one after the last.
    rows: [usize; 2],
    places: &'a Places<'a>,
}

impl Work for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with<S: Simd>(self, simd: S) {
        let [first, last] = self.rows;
        simd.run(
            #[inline(always)]
            || {
                for row in first..last {
                    let mut column = 0;
                    // SAFETY: `product` made sure of all sizes, and a matrix that its columns lie in it; these columns of the result lie in it,
                    // and no other thread has this row.
                    #[allow(unsafe_code)]
                    unsafe {
                        while column + 8 * S::LANES <= self.width {
                            self.columns::<S, 8>(simd, row, column);
                            column += 8 * S::LANES;
                        }
                        if column + 4 * S::LANES <= self.width {
                            self.columns::<S, 4>(simd, row, column);
                            column += 4 * S::LANES;
                        }
                        while column + S::LANES <= self.width {
                            self.columns::<S, 1>(simd, row, column);
                            column += S::LANES;
                        }
                        if column < self.width {
                            self.last_columns(simd, row, column);
                        }
                    }
                }
            },
        );
    }
}

#[cfg(test)]
impl<'a> Rows<'a> {
    /// All rows of a plain product.
    pub fn of(matrix: &'a SparseMatrix, dense: &'a [f32], width: usize, places: &'a Places<'a>) -> Self {
        assert_eq!(dense.len(), matrix.columns() * width);
        Self { matrix, dense, width, addends: &[], scale: 1.0, rows: [0, matrix.rows()], places }
    }
}

impl Rows<'_> {
    /// Columns and values of a row.
    #[inline(always)]
    fn entries(&self, row: usize) -> impl Iterator<Item = (usize, f32)> {
        let offsets = self.matrix.offsets();
        let range = offsets[row]..offsets[row + 1];
        let columns = self.matrix.indices()[range.clone()].iter().map(|&column| column as usize);
        columns.zip(self.matrix.values()[range].iter().copied())
    }

    /// `VECTORS` vectors of a row, from a column on.
    ///
    /// # Safety
    ///
    /// They must lie in the row, and the row's numbers and sizes be right.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn columns<S: Simd, const VECTORS: usize>(&self, simd: S, row: usize, column: usize) {
        let mut sums = [simd.splat(0.0); VECTORS];
        let dense = self.dense.as_ptr();
        // SAFETY: as the caller vouches.
        unsafe {
            for (from, value) in self.entries(row) {
                let value = simd.splat(value);
                let from = dense.add(from * self.width + column);
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.multiply_add(value, simd.read(from.add(at * S::LANES)), *sum);
                }
            }
            let start = row * self.width + column;
            for addend in self.addends {
                let from = addend.as_ptr().add(start);
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.add(*sum, simd.read(from.add(at * S::LANES)));
                }
            }
            let (to, scale) = (self.places.part(start, VECTORS * S::LANES), simd.splat(self.scale));
            for (at, sum) in sums.into_iter().enumerate() {
                simd.write(to.add(at * S::LANES), simd.multiply(sum, scale));
            }
        }
    }

    /// The rest of a row, less than a vector.
    ///
    /// # Safety
    ///
    /// As of [`columns`](Self::columns).
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn last_columns<S: Simd>(&self, simd: S, row: usize, column: usize) {
        let mut sum = simd.splat(0.0);
        let count = self.width - column;
        // SAFETY: as the caller vouches.
        unsafe {
            for (from, value) in self.entries(row) {
                let from = self.dense.as_ptr().add(from * self.width + column);
                sum = simd.multiply_add(simd.splat(value), simd.read_part(from, count), sum);
            }
            let start = row * self.width + column;
            for addend in self.addends {
                sum = simd.add(sum, simd.read_part(addend.as_ptr().add(start), count));
            }
            simd.write_part(
                self.places.part(start, count),
                simd.multiply(sum, simd.splat(self.scale)),
                count,
            );
        }
    }
}

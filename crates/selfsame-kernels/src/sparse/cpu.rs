//! Sparse products of `f32` tensors on the CPU.

use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use rayon::prelude::*;

use super::SparseMatrix;
use super::some_rows::SomeRows;
use crate::buffer::{Places, written};
use crate::flex::tensor;
use crate::simd::{Simd, Work, on_this_cpu, prefetch};

/// So many entries ahead the rows are fetched that will be added: a row comes from a far cache or from memory, in no order that a CPU foresees.
const AHEAD: usize = 16;
/// Rows of the result that a thread takes at a time, where only some are asked for.
const ROWS: usize = 32;
/// Numbers in a line of the cache.
const LINE: usize = 16;

pub fn multiply(dense: &FlexTensor, matrix: &SparseMatrix) -> FlexTensor {
    let dense = dense.to_contiguous();
    let width = dense.layout().shape()[1];
    let product = Product::new(matrix, Factor::All(dense.storage()), width).all_rows();
    tensor(product, Shape::new([matrix.rows(), width]))
}

pub fn propagate(table: &FlexTensor, layers: &[SparseMatrix]) -> FlexTensor {
    let table = table.to_contiguous();
    let shape = table.layout().shape().clone();
    let mean = mean(table.storage(), layers, shape[1], |product| product.all_rows());
    mean.map_or(table, |mean| tensor(mean, shape))
}

pub fn propagate_rows(table: &FlexTensor, layers: &[SparseMatrix], rows: &[u32]) -> FlexTensor {
    let table = table.to_contiguous();
    let width = table.layout().shape()[1];
    let mean = mean(table.storage(), layers, width, |product| product.some_rows(rows));
    mean.map_or_else(
        || crate::rows::gather(&table, rows),
        |mean| tensor(mean, Shape::new([rows.len(), width])),
    )
}

/// The mean of a table and its layers, of which `rows` makes those rows that are needed; nothing without layers.
fn mean(
    table: &[f32],
    layers: &[SparseMatrix],
    width: usize,
    rows: impl FnOnce(&Product<'_>) -> Vec<f32>,
) -> Option<Vec<f32>> {
    let (last, first) = layers.split_last()?;
    let mut made: Vec<Vec<f32>> = Vec::with_capacity(first.len());
    for matrix in first {
        let before = Factor::All(made.last().map_or(table, Vec::as_slice));
        made.push(Product::new(matrix, before, width).all_rows());
    }
    let addends: Vec<&[f32]> = std::iter::once(table).chain(made.iter().map(Vec::as_slice)).collect();
    let mut product = Product::new(last, Factor::All(addends[first.len()]), width);
    product.addends = &addends;
    product.scale = share(layers);
    Some(rows(&product))
}

pub fn propagate_backward(output_gradient: &FlexTensor, layers: &[SparseMatrix]) -> FlexTensor {
    let output_gradient = output_gradient.to_contiguous();
    let shape = output_gradient.layout().shape().clone();
    let gradient: &[f32] = output_gradient.storage();
    let sum = sum_backward(layers, shape[1], Factor::All(gradient), &[gradient], None);
    sum.map_or_else(|| output_gradient.clone(), |sum| tensor(sum, shape))
}

pub fn propagate_rows_backward(
    output_gradient: &FlexTensor,
    layers: &[SparseMatrix],
    rows: &[u32],
) -> FlexTensor {
    let output_gradient = output_gradient.to_contiguous();
    let width = output_gradient.layout().shape()[1];
    let nodes = layers.first().map_or(0, SparseMatrix::rows);
    let gradient = SomeRows::new(output_gradient.storage(), rows, nodes, width);
    let sum = sum_backward(layers, width, Factor::Some(&gradient), &[], Some(&gradient));
    tensor(sum.unwrap_or_default(), Shape::new([nodes, width]))
}

/// Horner's scheme; nothing without layers.
fn sum_backward<'a>(
    layers: &[SparseMatrix],
    width: usize,
    gradient: Factor<'a>,
    addends: &'a [&'a [f32]],
    some_addend: Option<&'a SomeRows>,
) -> Option<Vec<f32>> {
    let mut sum: Option<Vec<f32>> = None;
    for (at, matrix) in layers.iter().enumerate().rev() {
        let scale = if at == 0 { share(layers) } else { 1.0 };
        let factor = sum.as_deref().map_or(gradient, Factor::All);
        let product = Product { matrix: matrix.transpose(), factor, width, addends, some_addend, scale };
        let next = product.all_rows();
        sum = Some(next);
    }
    sum
}

fn share(layers: &[SparseMatrix]) -> f32 {
    (1.0 / (layers.len() + 1) as f64) as f32
}

/// `scale · (matrix · factor + sum of addends)`, all rows `width` wide.
struct Product<'a> {
    matrix: &'a SparseMatrix,
    factor: Factor<'a>,
    width: usize,
    addends: &'a [&'a [f32]],
    some_addend: Option<&'a SomeRows>,
    scale: f32,
}

/// What a sparse matrix is multiplied with.
#[derive(Clone, Copy)]
enum Factor<'a> {
    /// All rows.
    All(&'a [f32]),
    /// The rows that are not zero.
    Some(&'a SomeRows),
}

impl<'a> Product<'a> {
    fn new(matrix: &'a SparseMatrix, factor: Factor<'a>, width: usize) -> Self {
        Self { matrix, factor, width, addends: &[], some_addend: None, scale: 1.0 }
    }

    fn all_rows(&self) -> Vec<f32> {
        self.check();
        let write = |places: &Places<'_>| {
            self.matrix.parts().par_windows(2).for_each(|part| {
                on_this_cpu(Part { product: self, rows: Rows::Range(part[0], part[1]), places });
            });
        };
        // SAFETY: the parts have all rows, of which each is written whole.
        #[allow(unsafe_code)]
        unsafe {
            written(self.matrix.rows() * self.width, write)
        }
    }

    fn some_rows(&self, rows: &[u32]) -> Vec<f32> {
        self.check();
        assert!(rows.iter().all(|&row| (row as usize) < self.matrix.rows()), "a row is none of a product's");
        let write = |places: &Places<'_>| {
            rows.par_chunks(ROWS).enumerate().for_each(|(chunk, rows)| {
                on_this_cpu(Part { product: self, rows: Rows::List(rows, chunk * ROWS), places });
            });
        };
        // SAFETY: the chunks have all rows of the list, and for each a row of the result is written whole.
        #[allow(unsafe_code)]
        unsafe {
            written(rows.len() * self.width, write)
        }
    }

    /// That all sizes fit, on which reading and writing without further checks relies.
    fn check(&self) {
        let [rows, columns] = [self.matrix.rows(), self.matrix.columns()];
        let fits = match self.factor {
            Factor::All(dense) => dense.len() == columns * self.width,
            Factor::Some(some) => some.rows() == columns && some.width() == self.width,
        };
        assert!(fits, "a dense factor has not the size of the sparse one");
        let length = rows * self.width;
        assert!(
            self.addends.iter().all(|addend| addend.len() == length)
                && self.some_addend.is_none_or(|some| some.rows() == rows && some.width() == self.width),
            "an addend has not the size of a product"
        );
    }
}

/// Some rows of a product, made by one thread.
struct Part<'a> {
    product: &'a Product<'a>,
    rows: Rows<'a>,
    places: &'a Places<'a>,
}

enum Rows<'a> {
    /// From the first one up to the last, which is not among them, into the same rows of the result.
    Range(usize, usize),
    /// These, into rows of the result that follow each other from this one on.
    List(&'a [u32], usize),
}

/// What is added up in a row of a product.
struct Entries<'a> {
    /// Which rows of the dense factor.
    indices: &'a [u32],
    /// And by what they are multiplied, as many.
    values: &'a [f32],
    /// These rows, and those that are needed next.
    ahead: &'a [u32],
    /// The dense factor.
    dense: &'a [f32],
}

impl Work for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with<S: Simd>(self, simd: S) {
        let matrix = self.product.matrix;
        // Room for the entries of the row that has most.
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        simd.run(
            #[inline(always)]
            || {
                let (count, to) = match self.rows {
                    Rows::Range(first, last) => (last - first, first),
                    Rows::List(rows, to) => (rows.len(), to),
                };
                for at in 0..count {
                    let (row, last) = match self.rows {
                        Rows::Range(first, last) => (first + at, last),
                        Rows::List(rows, _) => (rows[at] as usize, rows[at] as usize + 1),
                    };
                    let offsets = matrix.offsets();
                    let (start, end) = (offsets[row], offsets[row + 1]);
                    let entries = match self.product.factor {
                        Factor::All(dense) => Entries {
                            indices: &matrix.indices()[start..end],
                            values: &matrix.values()[start..end],
                            ahead: &matrix.indices()[start..offsets[last]],
                            dense,
                        },
                        Factor::Some(some) => {
                            if indices.len() < end - start {
                                indices.resize(end - start, 0);
                                values.resize(end - start, 0.0);
                            }
                            let columns = &matrix.indices()[start..end];
                            let mut found = 0;
                            // Without a branch, which would be guessed wrong too often.
                            for (&column, &value) in columns.iter().zip(&matrix.values()[start..end]) {
                                let place = some.place(column as usize);
                                indices[found] = place;
                                values[found] = value;
                                found += usize::from(place != SomeRows::NONE);
                            }
                            let indices = &indices[..found];
                            Entries {
                                indices,
                                values: &values[..found],
                                ahead: indices,
                                dense: some.values(),
                            }
                        }
                    };
                    // SAFETY: `check` made sure of all sizes, a matrix that its columns lie in it and `SomeRows` that places do; the
                    // rows of the result lie in it, and no other thread has them.
                    #[allow(unsafe_code)]
                    unsafe {
                        self.row(simd, row, to + at, &entries);
                    }
                }
            },
        );
    }
}

impl Part<'_> {
    /// A row of the product, into row `to` of the result.
    ///
    /// # Safety
    ///
    /// The indices of the entries must be rows of their factor, both rows must exist, and nobody else may have row `to`.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn row<S: Simd>(&self, simd: S, row: usize, to: usize, entries: &Entries<'_>) {
        let width = self.product.width;
        let mut column = 0;
        // SAFETY: as the caller vouches; the columns lie in a row.
        unsafe {
            while column + 8 * S::LANES <= width {
                self.columns::<S, 8>(simd, row, to, column, entries);
                column += 8 * S::LANES;
            }
            if column + 4 * S::LANES <= width {
                self.columns::<S, 4>(simd, row, to, column, entries);
                column += 4 * S::LANES;
            }
            while column + S::LANES <= width {
                self.columns::<S, 1>(simd, row, to, column, entries);
                column += S::LANES;
            }
            if column < width {
                self.last_columns(simd, row, to, column, entries);
            }
        }
    }

    /// `VECTORS` vectors of a row, from a column on.
    ///
    /// # Safety
    ///
    /// As of [`row`](Self::row), and the vectors must lie in the row.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn columns<S: Simd, const VECTORS: usize>(
        &self,
        simd: S,
        row: usize,
        to: usize,
        column: usize,
        entries: &Entries<'_>,
    ) {
        let Product { width, addends, some_addend, scale, .. } = *self.product;
        let mut sums = [simd.splat(0.0); VECTORS];
        let dense = entries.dense.as_ptr();
        let last = entries.ahead.len().saturating_sub(1);
        // SAFETY: as the caller vouches; `last` is the place of an index, because there are at least as many as entries.
        unsafe {
            for (at, (&from, &value)) in entries.indices.iter().zip(entries.values).enumerate() {
                let next = *entries.ahead.get_unchecked((at + AHEAD).min(last)) as usize;
                for line in 0..(VECTORS * S::LANES).div_ceil(LINE) {
                    prefetch(dense.wrapping_add(next * width + column + line * LINE));
                }
                let value = simd.splat(value);
                let from = dense.add(from as usize * width + column);
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.multiply_add(value, simd.read(from.add(at * S::LANES)), *sum);
                }
            }
            for addend in addends {
                let from = addend.as_ptr().add(row * width + column);
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.add(*sum, simd.read(from.add(at * S::LANES)));
                }
            }
            if let Some(addend) = some_addend.and_then(|some| some.row(row)) {
                let from = addend.as_ptr().add(column);
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.add(*sum, simd.read(from.add(at * S::LANES)));
                }
            }
            let to = self.places.part(to * width + column, VECTORS * S::LANES);
            let scale = simd.splat(scale);
            for (at, sum) in sums.into_iter().enumerate() {
                simd.write(to.add(at * S::LANES), simd.multiply(sum, scale));
            }
        }
    }

    /// The rest of a row, less than a vector.
    ///
    /// # Safety
    ///
    /// As of [`row`](Self::row), and the column must lie in the row.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn last_columns<S: Simd>(
        &self,
        simd: S,
        row: usize,
        to: usize,
        column: usize,
        entries: &Entries<'_>,
    ) {
        let Product { width, addends, some_addend, scale, .. } = *self.product;
        let mut sum = simd.splat(0.0);
        let count = width - column;
        let dense = entries.dense.as_ptr();
        // SAFETY: as the caller vouches; exactly the numbers up to the end of a row are read and written.
        unsafe {
            for (&from, &value) in entries.indices.iter().zip(entries.values) {
                let from = dense.add(from as usize * width + column);
                sum = simd.multiply_add(simd.splat(value), simd.read_part(from, count), sum);
            }
            for addend in addends {
                sum = simd.add(sum, simd.read_part(addend.as_ptr().add(row * width + column), count));
            }
            if let Some(addend) = some_addend.and_then(|some| some.row(row)) {
                sum = simd.add(sum, simd.read_part(addend.as_ptr().add(column), count));
            }
            let to = self.places.part(to * width + column, count);
            simd.write_part(to, simd.multiply(sum, simd.splat(scale)), count);
        }
    }
}

/// All rows of a plain product by certain vectors.
#[cfg(test)]
pub fn product_with<S: Simd>(simd: S, matrix: &SparseMatrix, dense: &[f32], width: usize) -> Vec<f32> {
    let product = Product::new(matrix, Factor::All(dense), width);
    product.check();
    let rows = Rows::Range(0, matrix.rows());
    let write = |places: &Places<'_>| Part { product: &product, rows, places }.with(simd);
    // SAFETY: all rows are written.
    #[allow(unsafe_code)]
    unsafe {
        written(matrix.rows() * width, write)
    }
}

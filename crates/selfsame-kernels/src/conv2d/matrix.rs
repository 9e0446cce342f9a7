//! Matrix products on slices.

use gemm::{Parallelism, gemm};

/// A view of a matrix in a slice.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row by row, with `row_stride` values from one row to the next.
    pub fn new(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(fits(values.len(), rows, columns, row_stride), "a matrix does not fit into its slice");
        Self { values, rows, columns, row_stride, column_stride: 1 }
    }

    /// Rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

fn fits(length: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    rows == 0 || columns == 0 || (row_stride >= columns && (rows - 1) * row_stride + columns <= length)
}

/// Writes `left · right` to `target`, row by row with `row_stride` values from one row to the next, or adds it to what is there.
pub fn multiply(left: Matrix<'_>, right: Matrix<'_>, target: &mut [f32], row_stride: usize, add: bool) {
    let (rows, columns, inner) = (left.rows, right.columns, left.columns);
    assert_eq!(inner, right.rows, "the matrices of a product do not fit together");
    assert!(fits(target.len(), rows, columns, row_stride), "a product does not fit into its slice");
    if rows == 0 || columns == 0 {
        return;
    }
    // SAFETY: `fits` was asserted for all three matrices with their strides, so that every element that the product reads or writes lies in its
    // slice; `target` is borrowed mutably and therefore overlaps neither of the others; strides fit into isize because slices do.
    #[allow(unsafe_code)]
    unsafe {
        gemm(
            rows,
            columns,
            inner,
            target.as_mut_ptr(),
            1,
            row_stride as isize,
            add,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

//! A matrix times a narrow panel, with all sums in registers.
//!
//! A panel has one or two vectors of columns. For some rows at a time, as many as the registers hold, every step of depth reads the panel's row
//! once and multiplies it with one number of each row: two loads and a broadcast a row for two multiply-adds a row, which keeps the
//! multipliers busy (Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication"). Panel and rows should lie in the caches.

use crate::simd::Simd;

/// A matrix `[rows, depth]`: number `(row, step)` is at `row · row_stride + step · depth_stride`.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub depth: usize,
    pub row_stride: usize,
    pub depth_stride: usize,
}

/// A matrix `[depth, vectors · LANES]` with `stride` numbers from one row to the next.
#[derive(Clone, Copy)]
pub struct Panel<'a> {
    pub values: &'a [f32],
    pub stride: usize,
    /// 1 or 2.
    pub vectors: usize,
}

/// Most rows whose sums fit into the registers: two vectors a row, and some for what is multiplied.
pub const fn most_rows<S: Simd>() -> usize {
    if S::REGISTERS >= 32 { 12 } else { 6 }
}

/// Writes `left · panel` to `target`, or adds it to what is there. `target` has `stride` numbers from one row to the next.
pub fn multiply<S: Simd>(
    simd: S,
    left: Left<'_>,
    panel: Panel<'_>,
    target: &mut [f32],
    stride: usize,
    add: bool,
) {
    let Left { rows, depth, .. } = left;
    if rows == 0 {
        return;
    }
    let width = panel.vectors * S::LANES;
    let last = |count: usize, stride: usize| count.saturating_sub(1) * stride;
    assert!(panel.vectors == 1 || panel.vectors == 2, "a panel has one or two vectors");
    assert!(
        depth == 0 || last(rows, left.row_stride) + last(depth, left.depth_stride) < left.values.len(),
        "the left matrix is smaller than a product needs"
    );
    assert!(
        depth == 0 || last(depth, panel.stride) + width <= panel.values.len(),
        "the panel is smaller than a product needs"
    );
    assert!(last(rows, stride) + width <= target.len(), "a product does not fit into its target");

    // Groups of rows that differ by one at most: as even as can be, because a small group does not fill the multipliers.
    let groups = rows.div_ceil(most_rows::<S>());
    let (small, larger) = (rows / groups, rows % groups);
    let mut block = Block {
        left: left.values.as_ptr(),
        panel: panel.values.as_ptr(),
        target: target.as_mut_ptr(),
        stride,
        add,
    };
    simd.run(
        #[inline(always)]
        || {
            for group in 0..groups {
                let count = small + usize::from(group < larger);
                // SAFETY: the assertions above say that all rows lie in all three matrices; the groups together have as many.
                #[allow(unsafe_code)]
                unsafe {
                    if panel.vectors == 1 {
                        block.rows::<S, 1>(simd, count, left, panel);
                    } else {
                        block.rows::<S, 2>(simd, count, left, panel);
                    }
                }
                block.left = block.left.wrapping_add(count * left.row_stride);
                block.target = block.target.wrapping_add(count * stride);
            }
        },
    );
}

/// Some rows of a product.
struct Block {
    left: *const f32,
    panel: *const f32,
    target: *mut f32,
    stride: usize,
    add: bool,
}

impl Block {
    /// # Safety
    ///
    /// `count` rows must lie in all matrices.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn rows<S: Simd, const VECTORS: usize>(
        &self,
        simd: S,
        count: usize,
        left: Left<'_>,
        panel: Panel<'_>,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            match count {
                1 => self.sum::<S, 1, VECTORS>(simd, left, panel),
                2 => self.sum::<S, 2, VECTORS>(simd, left, panel),
                3 => self.sum::<S, 3, VECTORS>(simd, left, panel),
                4 => self.sum::<S, 4, VECTORS>(simd, left, panel),
                5 => self.sum::<S, 5, VECTORS>(simd, left, panel),
                6 => self.sum::<S, 6, VECTORS>(simd, left, panel),
                _ if most_rows::<S>() == 6 => unreachable!("groups have at most 6 rows"),
                7 => self.sum::<S, 7, VECTORS>(simd, left, panel),
                8 => self.sum::<S, 8, VECTORS>(simd, left, panel),
                9 => self.sum::<S, 9, VECTORS>(simd, left, panel),
                10 => self.sum::<S, 10, VECTORS>(simd, left, panel),
                11 => self.sum::<S, 11, VECTORS>(simd, left, panel),
                _ => self.sum::<S, 12, VECTORS>(simd, left, panel),
            }
        }
    }

    /// # Safety
    ///
    /// `ROWS` rows must lie in all matrices.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn sum<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        left: Left<'_>,
        panel: Panel<'_>,
    ) {
        // SAFETY: rows, steps and vectors are those that `multiply` asserted to lie in the matrices.
        unsafe {
            let target = |row: usize, vector: usize| self.target.add(row * self.stride + vector * S::LANES);
            let mut sums = [[simd.splat(0.0); VECTORS]; ROWS];
            if self.add {
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = simd.read(target(row, vector));
                    }
                }
            }
            let (mut values, mut columns) = (self.left, self.panel);
            for _ in 0..left.depth {
                let mut vectors = [simd.splat(0.0); VECTORS];
                for (at, vector) in vectors.iter_mut().enumerate() {
                    *vector = simd.read(columns.add(at * S::LANES));
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let value = simd.splat(*values.add(row * left.row_stride));
                    for (sum, vector) in sums.iter_mut().zip(vectors) {
                        *sum = simd.multiply_add(value, vector, *sum);
                    }
                }
                values = values.wrapping_add(left.depth_stride);
                columns = columns.wrapping_add(panel.stride);
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (vector, sum) in sums.into_iter().enumerate() {
                    simd.write(target(row, vector), sum);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::simd::{Portable, Work, on_this_cpu};

    /// Values that look random and are the same everywhere.
    fn wave(length: usize) -> Vec<f32> {
        (0..length).map(|at| (0.7 * at as f32).sin()).collect()
    }

    /// Compares a product of odd strides with sums that are made one by one.
    #[derive(Clone, Copy)]
    struct Compare {
        rows: usize,
        depth: usize,
        vectors: usize,
        add: bool,
    }

    impl Work for Compare {
        type Output = ();

        fn with<S: Simd>(self, simd: S) {
            let Self { rows, depth, vectors, add } = self;
            let width = vectors * S::LANES;
            for (row_stride, depth_stride) in [(depth + 3, 1), (1, rows + 2)] {
                let left_values = wave(rows * row_stride + depth * depth_stride);
                let left = Left { values: &left_values, rows, depth, row_stride, depth_stride };
                let panel_values = wave(depth * (width + 5));
                let panel = Panel { values: &panel_values, stride: width + 5, vectors };
                let stride = width + 1;
                let before = wave(rows * stride);
                let mut target = before.clone();
                multiply(simd, left, panel, &mut target, stride, add);
                for (at, value) in target.iter().enumerate() {
                    let (row, column) = (at / stride, at % stride);
                    let start = if add || column >= width { f64::from(before[at]) } else { 0.0 };
                    let steps = if column >= width { 0 } else { depth };
                    let product = |step: usize| {
                        f64::from(left_values[row * row_stride + step * depth_stride])
                            * f64::from(panel_values[step * (width + 5) + column])
                    };
                    let sum = start + (0..steps).map(product).sum::<f64>();
                    assert!((f64::from(*value) - sum).abs() < 1e-5, "row {row}, column {column} of {rows}");
                }
            }
        }
    }

    #[test]
    fn products_of_all_heights() {
        for rows in 1..30 {
            for (depth, vectors, add) in
                [(0, 1, false), (0, 2, true), (1, 1, true), (7, 2, false), (20, 1, false), (9, 2, true)]
            {
                let compare = Compare { rows, depth, vectors, add };
                on_this_cpu(compare);
                compare.with(Portable::<4, 16>);
                // The block of AVX-512, wherever this runs.
                compare.with(Portable::<16, 32>);
            }
        }
    }

    #[test]
    #[should_panic = "the left matrix is smaller"]
    fn a_matrix_that_is_too_small_is_refused() {
        let left = Left { values: &[0.0; 11], rows: 3, depth: 4, row_stride: 4, depth_stride: 1 };
        let panel = Panel { values: &[0.0; 16], stride: 4, vectors: 1 };
        multiply(Portable::<4, 16>, left, panel, &mut [0.0; 12], 4, false);
    }
}

//! Products whose sums stay in registers, of rows that lie anywhere.

use crate::product::most_rows;
use crate::simd::Simd;

/// A block of sums as the registers of a CPU hold it: some rows of one or two vectors.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub rows: usize,
    /// Numbers in a vector.
    pub lanes: usize,
}

impl Block {
    pub const fn of<S: Simd>() -> Self {
        Self { rows: most_rows::<S>(), lanes: S::LANES }
    }

    /// Numbers in a row of two vectors.
    pub const fn width(&self) -> usize {
        2 * self.lanes
    }
}

/// The sums of a block.
pub type Sums<S, const ROWS: usize, const VECTORS: usize> = [[<S as Simd>::Vector; VECTORS]; ROWS];

/// Adds to every row of `sums`, for all rows of `panel`, the row of the panel times a number: the row's number at `first`, the next, and so on.
///
/// # Panics
///
/// When a row has fewer numbers than that.
#[inline(always)]
pub fn add_products<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    sums: &mut Sums<S, ROWS, VECTORS>,
    rows: &[&[f32]; ROWS],
    first: usize,
    panel: &[f32],
) {
    let width = VECTORS * S::LANES;
    let steps = panel.len() / width;
    for row in rows {
        assert!(first + steps <= row.len(), "a row of a product is too short");
    }
    let mut columns = panel.as_ptr();
    for at in first..first + steps {
        // SAFETY: `at` was asserted to lie in every row, and the panel holds as many rows of `VECTORS` vectors as there are steps.
        #[allow(unsafe_code)]
        unsafe {
            let mut vectors = [simd.splat(0.0); VECTORS];
            for (at, vector) in vectors.iter_mut().enumerate() {
                *vector = simd.read(columns.add(at * S::LANES));
            }
            for (row, sums) in rows.iter().zip(sums.iter_mut()) {
                let value = simd.splat(*row.get_unchecked(at));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = simd.multiply_add(value, vector, *sum);
                }
            }
        }
        columns = columns.wrapping_add(width);
    }
}

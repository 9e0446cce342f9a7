//! Products whose sums stay in registers.
//!
//! A block of sums has as many rows as fit, and one or two vectors a row. Every step takes one value for every row and one row of a panel, and adds
//! their products: two loads of vectors and a broadcast a row for two multiply-adds a row, which is what keeps the multipliers of a CPU busy.

use pulp::{Arch, Simd, WithSimd};

/// The block of this CPU.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub rows: usize,
    /// Values in a vector.
    pub lanes: usize,
}

/// Rows of the block, by the number of vector registers: two sums a row, and some for what is multiplied.
pub const fn rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 12 } else { 6 }
}

impl Block {
    /// Of the CPU that this runs on.
    pub fn of_this_cpu() -> Self {
        struct Ask;
        impl WithSimd for Ask {
            type Output = Block;
            fn with_simd<S: Simd>(self, _: S) -> Block {
                Block { rows: rows::<S>(), lanes: S::F32_LANES }
            }
        }
        Arch::new().dispatch(Ask)
    }

    /// Values in a row of two vectors.
    pub fn width(&self) -> usize {
        2 * self.lanes
    }
}

/// The sums of a block.
pub type Sums<S, const ROWS: usize, const VECTORS: usize> = [[<S as Simd>::f32s; VECTORS]; ROWS];

/// Adds to every row of `sums`, for all rows of `panel`, the row of the panel times a value: the row's value at `first`, at `first + stride`, and so on.
///
/// # Panics
///
/// When a row has fewer values than that.
#[inline(always)]
pub fn add_products<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    sums: &mut Sums<S, ROWS, VECTORS>,
    rows: &[&[f32]; ROWS],
    first: usize,
    stride: usize,
    panel: &[f32],
) {
    let (steps, _) = S::as_simd_f32s(panel).0.as_chunks::<VECTORS>();
    let Some(last) = steps.len().checked_sub(1) else { return };
    let last = first + last * stride;
    for row in rows {
        assert!(last < row.len(), "a row of a product is too short");
    }
    let mut at = first;
    for vectors in steps {
        for (row, sums) in rows.iter().zip(sums.iter_mut()) {
            // SAFETY: `at` runs from `first` to `last`, which was asserted to lie in every row.
            #[allow(unsafe_code)]
            let value = simd.splat_f32s(unsafe { *row.get_unchecked(at) });
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = simd.mul_add_f32s(value, *vector, *sum);
            }
        }
        at = at.wrapping_add(stride);
    }
}

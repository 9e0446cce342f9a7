//! Stretches of maps times a matrix in panels: the convolution itself, and the gradient of its input.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::panels::Panels;
use super::reach::Reach;
use super::registers::{Block, Sums, add_products, rows};
use super::scratch::Scratch;

/// Rows of a panel that are used at once: so many stay in the first cache, beside what they are multiplied with.
const DEPTH: usize = 256;

/// Writes to the target of every reach what it reads times its panels. The reachs have the same source and target.
pub fn convolve(block: Block, reachs: &[(Reach, Panels)], source: &[f32], target: &mut [f32]) {
    let Some((Reach { target: maps, every, .. }, _)) = reachs.first() else { return };
    let tiles = maps.split(maps.tiles(*every), target);
    tiles.into_par_iter().for_each(|(tile, target)| {
        let mut room = Scratch::take();
        for (reach, panels) in reachs {
            let product = Product {
                targets: &reach.targets(&tile),
                stretches: &reach.stretches(&tile, source, &mut room, block.rows),
                pieces: &pieces(reach.size[0], reach.stretch()),
                stretch: reach.stretch(),
                panels,
            };
            Arch::new().dispatch(OnCpu { product, target });
        }
    });
}

/// A part of what a target pixel reads: of these rows of the reach, these values.
struct Piece {
    rows: Range<usize>,
    values: Range<usize>,
}

/// All that a pixel reads, cut into pieces of about `DEPTH` values.
fn pieces(rows: usize, stretch: usize) -> Vec<Piece> {
    if stretch > DEPTH {
        let length = stretch.div_ceil(stretch.div_ceil(DEPTH));
        let piece = |row: usize, from: usize| Piece {
            rows: row..row + 1,
            values: from..(from + length).min(stretch),
        };
        return (0..rows)
            .flat_map(|row| (0..stretch).step_by(length).map(move |from| piece(row, from)))
            .collect();
    }
    let step = (DEPTH / stretch.max(1)).max(1);
    (0..rows)
        .step_by(step)
        .map(|row| Piece { rows: row..(row + step).min(rows), values: 0..stretch })
        .collect()
}

/// The product for one tile.
struct Product<'a> {
    /// Where the target pixels begin.
    targets: &'a [usize],
    /// What they read, row by row of the reach.
    stretches: &'a [&'a [f32]],
    pieces: &'a [Piece],
    stretch: usize,
    panels: &'a Panels,
}

struct OnCpu<'a> {
    product: Product<'a>,
    target: &'a mut [f32],
}

impl WithSimd for OnCpu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match rows::<S>() {
            12 => self.product.run::<S, 12>(simd, self.target),
            _ => self.product.run::<S, 6>(simd, self.target),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(&self, simd: S, target: &mut [f32]) {
        for (at, piece) in self.pieces.iter().enumerate() {
            for panel in 0..self.panels.count() {
                for pixel in (0..self.targets.len()).step_by(ROWS) {
                    if self.panels.width(panel) == S::F32_LANES {
                        self.block::<S, ROWS, 1>(simd, at == 0, piece, panel, pixel, target);
                    } else {
                        self.block::<S, ROWS, 2>(simd, at == 0, piece, panel, pixel, target);
                    }
                }
            }
        }
    }

    /// The product of a piece of some pixels with a panel; written to the target at first, later added to it.
    #[inline(always)]
    fn block<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &self,
        simd: S,
        is_first: bool,
        piece: &Piece,
        panel: usize,
        pixel: usize,
        target: &mut [f32],
    ) {
        let width = VECTORS * S::F32_LANES;
        let column = panel * 2 * S::F32_LANES;
        let pixels = self.targets.len().next_multiple_of(ROWS);
        let values = self.panels.panel(panel);
        let mut sums: Sums<S, ROWS, VECTORS> = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        for row in piece.rows.clone() {
            let start = row * self.stretch + piece.values.start;
            let values = &values[start * width..(start + piece.values.len()) * width];
            let Some(stretches) = self.stretches[row * pixels + pixel..].first_chunk::<ROWS>() else {
                return;
            };
            add_products(simd, &mut sums, stretches, piece.values.start, 1, values);
        }
        let used = width.min(self.panels.columns - column);
        let targets = &self.targets[pixel..];
        match targets.first_chunk::<ROWS>() {
            Some(targets) if used == width => {
                for (sums, start) in sums.iter().zip(targets) {
                    let (target, _) = S::as_mut_simd_f32s(&mut target[start + column..][..width]);
                    for (target, sum) in target.iter_mut().zip(sums) {
                        *target = if is_first { *sum } else { simd.add_f32s(*target, *sum) };
                    }
                }
            }
            _ => {
                // A copy, because what is counted at run time does not stay in registers.
                let sums = sums;
                for (sums, start) in sums.iter().zip(targets) {
                    let target = target[start + column..][..used].chunks_mut(S::F32_LANES);
                    for (target, sum) in target.zip(sums) {
                        let old =
                            if is_first { simd.splat_f32s(0.0) } else { simd.partial_load_f32s(target) };
                        simd.partial_store_f32s(target, simd.add_f32s(old, *sum));
                    }
                }
            }
        }
    }
}

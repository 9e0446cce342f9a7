//! Stretches of clips times a matrix in panels: the convolution itself, and the gradient of its input.

use std::ops::Range;

use rayon::prelude::*;

use super::panels::Panels;
use super::reach::Reach;
use super::registers::{Block, Sums, add_products};
use super::scratch::Scratch;
use super::tile::Clips;
use crate::buffer::zeroed;
use crate::simd::Simd;

/// Values of a panel that are used at once: so many stay in the first cache, beside what they are multiplied with.
const PANEL: usize = 6144;

/// What the target's pixels read times the panels, for all `reaches`, whose pixels are different ones of the same target; elsewhere 0.
pub fn convolve<S: Simd>(
    simd: S,
    target: &Clips,
    every: [usize; 3],
    reaches: &[(Reach, Panels)],
    source: &[f32],
) -> Vec<f32> {
    let length = target.pixels() * target.channels;
    let mut values = Vec::with_capacity(length);
    let tiles = target.split(target.tiles(every), &mut values.spare_capacity_mut()[..length]);
    tiles.into_par_iter().for_each(|(tile, target)| {
        // Here and not for all tiles at once, so that it happens in the cache.
        let target = zeroed(target);
        let mut room = Scratch::take();
        for (reach, panels) in reaches {
            let rows = Block::of::<S>().rows;
            let read = reach.stretches(&tile, 0..reach.lines(), source, &mut room, rows);
            let product = Product {
                targets: &reach.targets(&tile),
                are_outside: &read.are_outside(rows),
                read: &read.values,
                pieces: &pieces(reach.lines(), reach.stretch(), PANEL / Block::of::<S>().width()),
                stretch: reach.stretch(),
                panels,
            };
            simd.run(
                #[inline(always)]
                || match rows {
                    12 => product.run::<S, 12>(simd, target),
                    _ => product.run::<S, 6>(simd, target),
                },
            );
        }
    });
    // SAFETY: the tiles are all of the target, as `split` asserts, and every one was written above; the capacity is at least `length`.
    #[allow(unsafe_code)]
    unsafe {
        values.set_len(length);
    }
    values
}

/// A part of what a target pixel reads: of these lines of the reach, these values.
struct Piece {
    lines: Range<usize>,
    values: Range<usize>,
}

/// All that a pixel reads, cut into pieces of at most `depth` values.
fn pieces(lines: usize, stretch: usize, depth: usize) -> Vec<Piece> {
    if stretch > depth {
        let length = stretch.div_ceil(stretch.div_ceil(depth));
        let piece = |line: usize, from: usize| Piece {
            lines: line..line + 1,
            values: from..(from + length).min(stretch),
        };
        return (0..lines)
            .flat_map(|line| (0..stretch).step_by(length).map(move |from| piece(line, from)))
            .collect();
    }
    let step = (depth / stretch.max(1)).max(1);
    (0..lines)
        .step_by(step)
        .map(|line| Piece { lines: line..(line + step).min(lines), values: 0..stretch })
        .collect()
}

/// The product for one tile.
struct Product<'a> {
    /// Where the target pixels begin.
    targets: &'a [usize],
    /// What they read, line by line of the reach.
    read: &'a [&'a [f32]],
    /// Of the same, for every block of pixels: whether it is nothing but zeros.
    are_outside: &'a [bool],
    pieces: &'a [Piece],
    stretch: usize,
    panels: &'a Panels,
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(&self, simd: S, target: &mut [f32]) {
        for (at, piece) in self.pieces.iter().enumerate() {
            for panel in 0..self.panels.count() {
                for pixel in (0..self.targets.len()).step_by(ROWS) {
                    if self.panels.width(panel) == S::LANES {
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
        let width = VECTORS * S::LANES;
        let column = panel * 2 * S::LANES;
        let pixels = self.targets.len().next_multiple_of(ROWS);
        let values = self.panels.panel(panel);
        let mut sums: Sums<S, ROWS, VECTORS> = [[simd.splat(0.0); VECTORS]; ROWS];
        for line in piece.lines.clone() {
            let start = line * pixels + pixel;
            if self.are_outside[start / ROWS] {
                continue;
            }
            let Some(stretches) = self.read[start..].first_chunk::<ROWS>() else {
                return;
            };
            let start = line * self.stretch + piece.values.start;
            let values = &values[start * width..(start + piece.values.len()) * width];
            add_products(simd, &mut sums, stretches, piece.values.start, values);
        }
        let used = width.min(self.panels.columns - column);
        let targets = &self.targets[pixel..];
        match targets.first_chunk::<ROWS>() {
            Some(targets) if used == width => {
                for (sums, start) in sums.iter().zip(targets) {
                    let target = &mut target[start + column..][..width];
                    for (target, sum) in target.chunks_exact_mut(S::LANES).zip(sums) {
                        let sum = if is_first { *sum } else { simd.add(simd.load(target), *sum) };
                        simd.store(target, sum);
                    }
                }
            }
            _ => {
                // A copy, because what is counted at run time does not stay in registers.
                let sums = sums;
                for (sums, start) in sums.iter().zip(targets) {
                    let target = target[start + column..][..used].chunks_mut(S::LANES);
                    for (target, sum) in target.zip(sums) {
                        let sum = if is_first { *sum } else { simd.add(simd.load(target), *sum) };
                        simd.store(target, sum);
                    }
                }
            }
        }
    }
}

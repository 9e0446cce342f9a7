//! One tile's part of the gradient of the weight.

use pulp::{Arch, Simd, WithSimd};

use super::super::panels::width;
use super::super::reach::Reach;
use super::super::registers::{Block, Sums, add_products, rows};
use super::super::scratch::Scratch;
use super::super::tile::Tile;
use super::Piece;
use super::copies::{gather, to_panels};

/// Adds a tile to the sums of a piece.
pub fn add(
    block: Block,
    reach: &Reach,
    tile: &Tile,
    source: &[f32],
    target_gradient: &[f32],
    piece: &Piece,
    sums: &mut [f32],
) {
    let pixels = reach.target.pixels_of(tile);
    let [mut room, mut lines, mut panels] = [(); 3].map(|()| Scratch::take());
    let stretches = reach.stretches(tile, source, &mut room, 1);
    let length = piece.length(block);
    let lines = lines.first(pixels.len() * length);
    let channels = reach.target.channels;
    let gradients = &target_gradient[pixels.start * channels..pixels.end * channels];
    let panels = panels.first(pixels.len() * piece.outputs.len().next_multiple_of(block.width()));
    let last = width(block, piece.outputs.len(), (piece.outputs.len() - 1) / block.width());
    Arch::new().dispatch(|| {
        gather(&stretches, reach.stretch(), &piece.rows, lines, length);
        to_panels(gradients, channels, &piece.outputs, panels, [block.width(), last]);
    });
    Arch::new().dispatch(Product { pixels: pixels.len(), lines, length, panels, last, sums });
}

/// Lines `[pixels, length]` times panels `[pixels, outputs]`, summed over the pixels.
struct Product<'a> {
    pixels: usize,
    lines: &'a [f32],
    length: usize,
    panels: &'a [f32],
    /// Values in a row of the last panel.
    last: usize,
    sums: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match rows::<S>() {
            12 => self.run::<S, 12>(simd),
            _ => self.run::<S, 6>(simd),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) {
        let width = 2 * S::F32_LANES;
        let count = self.sums.len() / (self.length * width);
        let panels = self.panels.chunks_exact(self.pixels * width);
        for (at, (panel, sums)) in panels.zip(self.sums.chunks_exact_mut(self.length * width)).enumerate() {
            if at + 1 == count && self.last < width {
                let panel = &panel[..self.pixels * self.last];
                add_panel::<S, ROWS, 1>(simd, panel, self.lines, self.length, sums);
            } else {
                add_panel::<S, ROWS, 2>(simd, panel, self.lines, self.length, sums);
            }
        }
    }
}

#[inline(always)]
fn add_panel<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    panel: &[f32],
    lines: &[f32],
    length: usize,
    sums: &mut [f32],
) {
    let mut rows = [lines; ROWS];
    for (at, row) in rows.iter_mut().enumerate() {
        *row = &lines[at..];
    }
    let (sums, _) = S::as_mut_simd_f32s(sums).0.as_chunks_mut::<VECTORS>();
    for (at, sums) in sums.as_chunks_mut::<ROWS>().0.iter_mut().enumerate().take(length / ROWS) {
        let mut block: Sums<S, ROWS, VECTORS> = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        add_products(simd, &mut block, &rows, at * ROWS, length, panel);
        for (sum, more) in sums.as_flattened_mut().iter_mut().zip(block.as_flattened()) {
            *sum = simd.add_f32s(*sum, *more);
        }
    }
}

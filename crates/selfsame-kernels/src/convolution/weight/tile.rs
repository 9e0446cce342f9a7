//! One tile's part of the gradient of the weight.

use super::super::copies::{gather, to_panels};
use super::super::reach::Reach;
use super::super::registers::Block;
use super::super::scratch::Scratch;
use super::super::tile::Tile;
use super::{Piece, panel_width};
use crate::product::{Left, Panel, multiply};
use crate::simd::Simd;

/// Adds a tile to the sums of a piece: what its pixels read, `[pixels, rows]`, transposed, times their gradients `[pixels, outputs]`.
pub fn add<S: Simd>(
    simd: S,
    reach: &Reach,
    tile: &Tile,
    source: &[f32],
    target_gradient: &[f32],
    piece: &Piece,
    sums: &mut [f32],
) {
    let pixels = reach.target.pixels_of(tile);
    let [mut room, mut lines, mut panels] = [(); 3].map(|()| Scratch::take());
    let stretch = reach.stretch();
    let (first, length) = (piece.rows.start / stretch, piece.rows.len());
    let read = reach.stretches(tile, first..piece.rows.end.div_ceil(stretch), source, &mut room, 1);
    let rows = piece.rows.start - first * stretch..piece.rows.end - first * stretch;
    let lines = lines.first(pixels.len() * length);
    let (channels, width) = (reach.target.channels, Block::of::<S>().width());
    let gradients = &target_gradient[pixels.start * channels..pixels.end * channels];
    let panels = panels.first(pixels.len() * piece.outputs.len().next_multiple_of(width));
    // So few channels are a panel as they lie.
    let is_panel = channels == width;
    simd.run(
        #[inline(always)]
        || {
            gather(&read.values, stretch, &rows, lines, length);
            if !is_panel {
                let last = panel_width::<S>(piece, piece.outputs.len().div_ceil(width) - 1);
                to_panels(gradients, channels, &piece.outputs, panels, [width, last]);
            }
            let panels = if is_panel { gradients } else { panels };
            let left = Left {
                values: lines,
                rows: length,
                depth: pixels.len(),
                row_stride: 1,
                depth_stride: length,
            };
            let all = panels.chunks_exact(pixels.len() * width).zip(sums.chunks_exact_mut(length * width));
            for (at, (values, sums)) in all.enumerate() {
                let stride = panel_width::<S>(piece, at);
                let panel = Panel { values, stride, vectors: stride / S::LANES };
                multiply(simd, left, panel, sums, stride, true);
            }
        },
    );
}

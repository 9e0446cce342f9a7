//! The gradient of the weight: what every output pixel reads, times the gradient of that pixel, summed over all pixels.

mod tile;

use std::ops::Range;

use rayon::prelude::*;

use super::panels::width;
use super::reach::Reach;
use super::registers::Block;
use super::scratch::Scratch;
use super::tile::Tile;
use crate::simd::Simd;

/// Rows of the gradient and outputs that are summed by one thread at a time: so many that their part of a tile stays in the cache.
const ROWS: usize = 144;
const OUTPUTS: usize = 512;

/// Pieces into which the work is cut if its size allows; fixed, so that the sums do not depend on the number of threads.
const PIECES: usize = 32;

/// Pixels of a piece, at least: the sums of all pieces must be added in the end.
const PIXELS: usize = 1024;

/// A part of the work: sums over some tiles, for some rows of the gradient, `(line of the reach, column, channel)`, and some outputs.
///
/// The sums lie in panels: some outputs for all rows, row by row, then the next outputs.
struct Piece<'a> {
    rows: Range<usize>,
    outputs: Range<usize>,
    tiles: &'a [Tile],
}

/// Number of a piece's sums, with those that fill the last panel.
fn size<S: Simd>(piece: &Piece) -> usize {
    piece.rows.len() * piece.outputs.len().next_multiple_of(Block::of::<S>().width())
}

/// Outputs in a panel of a piece, with those that fill it.
fn panel_width<S: Simd>(piece: &Piece, panel: usize) -> usize {
    width(Block::of::<S>(), piece.outputs.len(), panel)
}

/// The gradient `[outputs, channels, kernel…]` of the weight, given that of the target. There are values.
pub fn gradient<S: Simd>(simd: S, reach: &Reach, source: &[f32], target_gradient: &[f32]) -> Vec<f32> {
    let block = Block::of::<S>();
    let rows = cut(reach.lines() * reach.stretch(), ROWS, block.rows);
    let outputs = cut(reach.target.channels, OUTPUTS, block.width());
    let tiles = reach.target.tiles([1; 3]);
    let most = (reach.target.pixels() / PIXELS).clamp(1, tiles.len());
    let parts = (PIECES / (rows.len() * outputs.len())).clamp(1, most);
    let pieces: Vec<Piece> = tiles
        .chunks(tiles.len().div_ceil(parts))
        .flat_map(|tiles| rows.iter().map(move |rows| (tiles, rows)))
        .flat_map(|(tiles, rows)| {
            outputs.iter().map(move |outputs| Piece { rows: rows.clone(), outputs: outputs.clone(), tiles })
        })
        .collect();

    let mut room = Scratch::take();
    let mut rest = room.first(pieces.iter().map(|piece| size::<S>(piece)).sum());
    let mut pieces: Vec<(Piece, &mut [f32])> = pieces
        .into_iter()
        .map(|piece| {
            let (sums, others) = std::mem::take(&mut rest).split_at_mut(size::<S>(&piece));
            rest = others;
            (piece, sums)
        })
        .collect();
    pieces.par_iter_mut().for_each(|(piece, sums)| {
        sums.fill(0.0);
        for tile in piece.tiles {
            tile::add(simd, reach, tile, source, target_gradient, piece, sums);
        }
    });
    collect::<S>(reach, &pieces)
}

/// `0..length` in ranges of about `most`, all but the last of which are multiples of `multiple`.
fn cut(length: usize, most: usize, multiple: usize) -> Vec<Range<usize>> {
    let step = length.div_ceil(length.div_ceil(most)).next_multiple_of(multiple);
    (0..length).step_by(step).map(|from| from..(from + step).min(length)).collect()
}

/// The sums of all pieces in the order of the weight.
fn collect<S: Simd>(reach: &Reach, pieces: &[(Piece, &mut [f32])]) -> Vec<f32> {
    let channels = reach.source.channels;
    let taps = reach.lines() * reach.size[2];
    let width = Block::of::<S>().width();
    let mut gradient = vec![0.0; reach.target.channels * channels * taps];
    let gradients = gradient.par_chunks_mut(channels * taps).enumerate();
    gradients.for_each(|(output, gradient)| {
        for (piece, sums) in pieces.iter().filter(|(piece, _)| piece.outputs.contains(&output)) {
            let at = output - piece.outputs.start;
            let (panel, column) = (at / width, at % width);
            let sums = &sums[panel * width * piece.rows.len() + column..];
            let mut sums = sums.iter().step_by(panel_width::<S>(piece, panel));
            let mut row = piece.rows.start;
            while row < piece.rows.end {
                let (tap, channel) = (row / channels, row % channels);
                let count = (channels - channel).min(piece.rows.end - row);
                let places = gradient[channel * taps + tap..].iter_mut().step_by(taps).take(count);
                places.zip(&mut sums).for_each(|(place, sum)| *place += sum);
                row += count;
            }
        }
    });
    gradient
}

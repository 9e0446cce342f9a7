//! Unfolding images into patches and folding patches back.
//!
//! The matrix of patches of a tile is `[patch, columns]`: one row for every value of a patch, (channel, kernel row, kernel column), one column for
//! every output pixel, (image, row, column). A row of it is thus a shifted copy of a channel.

use std::ops::Range;

use super::extent::{Extent, Tile};

/// The part of one row of the matrix that belongs to one image: a channel's plane, shifted.
struct Shifted {
    /// Where it starts in the matrix.
    start: usize,
    /// Where the channel's plane starts in the images.
    plane: usize,
    /// Row and column of the input that belong to output row and column 0.
    shift: [isize; 2],
    /// Output rows and columns whose input lies inside the image.
    inside: [Range<usize>; 2],
}

/// Visits all of a tile's matrix. `images` of the tile lie one after another.
fn visit(extent: &Extent, tile: &Tile, mut visit: impl FnMut(&Shifted)) {
    let padding = extent.padding as isize;
    let size = tile.rows.len() * extent.output_width;
    let mut start = 0;
    for channel in 0..extent.channels {
        for kernel_row in 0..extent.kernel as isize {
            let rows = inside(extent.stride, kernel_row - padding, extent.height, &tile.rows);
            for kernel_column in 0..extent.kernel as isize {
                let all = 0..extent.output_width;
                let columns = inside(extent.stride, kernel_column - padding, extent.width, &all);
                for image in 0..tile.images.len() {
                    visit(&Shifted {
                        start,
                        plane: (image * extent.channels + channel) * extent.height * extent.width,
                        shift: [kernel_row - padding, kernel_column - padding],
                        inside: [rows.clone(), columns.clone()],
                    });
                    start += size;
                }
            }
        }
    }
}

/// Which of the outputs have their input, `output · stride + shift`, in `0..length`.
fn inside(stride: usize, shift: isize, length: usize, outputs: &Range<usize>) -> Range<usize> {
    let above = |bound: isize| (bound - shift + stride as isize - 1).max(0) as usize / stride;
    let first = above(0).clamp(outputs.start, outputs.end);
    first..above(length as isize).clamp(first, outputs.end)
}

/// Whether a shifted plane is one shifted stretch of memory, but for its edges.
fn is_stretch(extent: &Extent) -> bool {
    extent.stride == 1 && extent.output_width == extent.width
}

/// A shifted plane as a stretch of memory: its rows that are inside, the part of them that `images` of this length cover, and the first
/// value of that part in the images.
fn stretch(extent: &Extent, tile: &Tile, at: &Shifted, length: usize) -> (Range<usize>, Range<usize>, usize) {
    let [rows, _] = &at.inside;
    let width = extent.width;
    let begin = at.start + (rows.start - tile.rows.start) * width;
    let all = begin..begin + rows.len() * width;
    let from = (at.plane + rows.start * width) as isize + at.shift[0] * width as isize + at.shift[1];
    let skipped = (-from).max(0) as usize;
    let count = (length as isize - from).clamp(0, all.len() as isize) as usize;
    let covered = all.start + skipped.min(count)..all.start + count;
    // A stretch of which nothing is covered may begin beyond the images.
    (all, covered, from.clamp(0, length as isize) as usize)
}

/// Empties the columns of a stretch whose input lies beside the image: there stand values of the next row.
fn clear_edges(extent: &Extent, at: &Shifted, stretch: &mut [f32]) {
    let [_, columns] = &at.inside;
    if columns.len() < extent.width {
        for row in stretch.chunks_exact_mut(extent.width) {
            row[..columns.start].fill(0.0);
            row[columns.end..].fill(0.0);
        }
    }
}

/// Unfolds `images` (those of the tile) into `patches`.
pub fn unfold(extent: &Extent, tile: &Tile, images: &[f32], patches: &mut [f32]) {
    let size = tile.rows.len() * extent.output_width;
    visit(extent, tile, |at| {
        if is_stretch(extent) {
            let (all, covered, from) = stretch(extent, tile, at, images.len());
            patches[at.start..all.start].fill(0.0);
            patches[all.end..at.start + size].fill(0.0);
            let count = covered.len();
            patches[covered].copy_from_slice(&images[from..from + count]);
            clear_edges(extent, at, &mut patches[all]);
            return;
        }
        let target = &mut patches[at.start..at.start + size];
        target.fill(0.0);
        for (target, source) in segments(extent, tile, at) {
            let values = images[at.plane..][source].iter().step_by(extent.stride);
            patches[target].iter_mut().zip(values).for_each(|(target, value)| *target = *value);
        }
    });
}

/// Adds `patches` to the pixels of `images` that they came from; the patches are spoilt.
pub fn fold(extent: &Extent, tile: &Tile, patches: &mut [f32], images: &mut [f32]) {
    visit(extent, tile, |at| {
        if is_stretch(extent) {
            let (all, covered, from) = stretch(extent, tile, at, images.len());
            clear_edges(extent, at, &mut patches[all]);
            let values = &patches[covered];
            let pixels = &mut images[from..from + values.len()];
            pixels.iter_mut().zip(values).for_each(|(pixel, value)| *pixel += value);
            return;
        }
        for (source, target) in segments(extent, tile, at) {
            let pixels = images[at.plane..][target].iter_mut().step_by(extent.stride);
            pixels.zip(&patches[source]).for_each(|(pixel, value)| *pixel += value);
        }
    });
}

/// The rows of a shifted plane one by one: where they lie in the matrix, and where in the channel's plane.
fn segments<'a>(
    extent: &'a Extent,
    tile: &'a Tile,
    at: &'a Shifted,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + 'a {
    let [rows, columns] = &at.inside;
    rows.clone().filter(|_| !columns.is_empty()).map(move |row| {
        let start = at.start + (row - tile.rows.start) * extent.output_width;
        let input_row = (row * extent.stride).wrapping_add_signed(at.shift[0]) * extent.width;
        let input = |column: usize| input_row + (column * extent.stride).wrapping_add_signed(at.shift[1]);
        (start + columns.start..start + columns.end, input(columns.start)..input(columns.end - 1) + 1)
    })
}

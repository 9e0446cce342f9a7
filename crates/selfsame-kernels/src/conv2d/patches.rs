//! Unfolding images into patches and folding patches back.

use super::extent::{Extent, Tile};

/// Where the patches' values of one row of the output lie: `row` of the matrix of patches, from `column` on, is the shifted row that starts at
/// `source` of the image (none where it lies in the padding).
struct Segment {
    start: usize,
    source: Option<usize>,
    shift: isize,
}

/// Visits every row segment of a tile's matrix of patches, `[patch, columns]`. `images` holds the tile's images, one after another.
fn segments(extent: &Extent, tile: &Tile, mut visit: impl FnMut(Segment)) {
    let columns = extent.columns(tile);
    let padding = extent.padding as isize;
    for channel in 0..extent.channels {
        for kernel_row in 0..extent.kernel {
            for kernel_column in 0..extent.kernel {
                let row = (channel * extent.kernel + kernel_row) * extent.kernel + kernel_column;
                let shift = kernel_column as isize - padding;
                let mut start = row * columns;
                for image in 0..tile.images.len() {
                    let plane = (image * extent.channels + channel) * extent.height;
                    for output_row in tile.rows.clone() {
                        let y = (output_row * extent.stride + kernel_row) as isize - padding;
                        let inside = y >= 0 && y < extent.height as isize;
                        let source = inside.then(|| (plane + y as usize) * extent.width);
                        visit(Segment { start, source, shift });
                        start += extent.output_width;
                    }
                }
            }
        }
    }
}

/// The outputs of a row whose input column `x · stride + shift` lies inside.
fn inside(extent: &Extent, shift: isize) -> std::ops::Range<usize> {
    let (stride, width) = (extent.stride as isize, extent.width as isize);
    let first = (-shift + stride - 1).max(0) / stride;
    let end = if width > shift { (width - shift + stride - 1) / stride } else { 0 };
    let end = end.clamp(0, extent.output_width as isize);
    first.min(end) as usize..end as usize
}

/// Unfolds `images` (those of the tile) into `patches`, `[patch, columns]`.
pub fn unfold(extent: &Extent, tile: &Tile, images: &[f32], patches: &mut [f32]) {
    segments(extent, tile, |segment| {
        let target = &mut patches[segment.start..segment.start + extent.output_width];
        let Some(source) = segment.source else {
            target.fill(0.0);
            return;
        };
        let inside = inside(extent, segment.shift);
        let row = &images[source..source + extent.width];
        target[..inside.start].fill(0.0);
        target[inside.end..].fill(0.0);
        if inside.is_empty() {
            return;
        }
        let first = (inside.start * extent.stride).wrapping_add_signed(segment.shift);
        let target = &mut target[inside];
        if extent.stride == 1 {
            target.copy_from_slice(&row[first..first + target.len()]);
        } else {
            let values = row[first..].iter().step_by(extent.stride);
            target.iter_mut().zip(values).for_each(|(target, value)| *target = *value);
        }
    });
}

/// Adds `patches`, `[patch, columns]`, to the pixels of `images` that they came from.
pub fn fold(extent: &Extent, tile: &Tile, patches: &[f32], images: &mut [f32]) {
    segments(extent, tile, |segment| {
        let Some(source) = segment.source else { return };
        let inside = inside(extent, segment.shift);
        if inside.is_empty() {
            return;
        }
        let first = (inside.start * extent.stride).wrapping_add_signed(segment.shift);
        let values = &patches[segment.start..segment.start + extent.output_width][inside];
        let row = &mut images[source..source + extent.width][first..];
        if extent.stride == 1 {
            row.iter_mut().zip(values).for_each(|(target, value)| *target += value);
        } else {
            row.iter_mut().step_by(extent.stride).zip(values).for_each(|(target, value)| *target += value);
        }
    });
}

//! Unfolding images into patches and folding patches back.
//!
//! The matrix of patches of a tile is `[pixels, patch]`: one row for every output pixel, in it (kernel row, kernel column, channel). As the channels
//! lie last, one kernel row of a patch is one stretch of an image's row.

use std::ops::Range;

use super::extent::{Extent, Tile};

/// Visits the kernel rows of all patches of a tile that lie inside the image: where the part inside lies among the patches, and where in the images.
fn visit(extent: &Extent, tile: &Tile, mut visit: impl FnMut(Range<usize>, Range<usize>)) {
    let Extent { channels, height, width, kernel, stride, padding, .. } = *extent;
    let mut patch = 0;
    for image in tile.images.clone() {
        for output_row in tile.rows.clone() {
            for output_column in 0..extent.output_width {
                let (top, left) = (output_row * stride, output_column * stride);
                let columns =
                    padding.saturating_sub(left)..kernel.min((width + padding).saturating_sub(left));
                for kernel_row in
                    padding.saturating_sub(top)..kernel.min((height + padding).saturating_sub(top))
                {
                    if !columns.is_empty() {
                        let pixel =
                            (image * height + top + kernel_row - padding) * width + left + columns.start
                                - padding;
                        let start = patch + (kernel_row * kernel + columns.start) * channels;
                        let length = columns.len() * channels;
                        visit(start..start + length, pixel * channels..pixel * channels + length);
                    }
                }
                patch += extent.patch();
            }
        }
    }
}

/// Unfolds `images` into the `patches` of a tile.
pub fn unfold(extent: &Extent, tile: &Tile, images: &[f32], patches: &mut [f32]) {
    patches.fill(0.0);
    visit(extent, tile, |patch, image| patches[patch].copy_from_slice(&images[image]));
}

/// Adds the `patches` of a tile to the pixels that they came from, of `images` from the tile's first on.
pub fn fold(extent: &Extent, tile: &Tile, patches: &[f32], images: &mut [f32]) {
    let first = tile.images.start * extent.image();
    visit(extent, tile, |patch, image| {
        let pixels = &mut images[image.start - first..image.end - first];
        pixels.iter_mut().zip(&patches[patch]).for_each(|(pixel, value)| *pixel += value);
    });
}

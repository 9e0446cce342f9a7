//! Clips cut into tiles, the pieces of work of one thread.

use std::ops::Range;

/// Pixels that are handled at once: enough to make good use of every weight that comes into the cache, few enough to stay there themselves.
const PIXELS: usize = 144;

/// Sizes of clips `[batch, frames, height, width, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Clips {
    pub batch: usize,
    pub frames: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

/// Some rows of one image, or some whole images, which are the frames of all clips. Their pixels lie one after another in memory.
#[derive(Clone, Debug)]
pub struct Tile {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

impl Clips {
    /// Number of all frames.
    pub fn images(&self) -> usize {
        self.batch * self.frames
    }

    /// All pixels in tiles, in order. Only every `step`-th frame, row and column counts for their size, and tiles begin at a multiple of so many rows.
    pub fn tiles(&self, step: [usize; 3]) -> Vec<Tile> {
        let (rows, columns) = (self.height.div_ceil(step[1]), self.width.div_ceil(step[2]));
        let bands = (rows * columns).div_ceil(PIXELS).clamp(1, rows.max(1));
        let band = (rows.div_ceil(bands) * step[1]).max(1);
        let most = if bands == 1 { (step[0] * PIXELS / (rows * columns).max(1)).max(1) } else { 1 };
        // As even as can be, since the last thread is waited for.
        let group = self.images().div_ceil(self.images().div_ceil(most).max(1)).max(1);
        let groups = (0..self.images()).step_by(group);
        groups
            .flat_map(|image| {
                (0..self.height).step_by(band).map(move |row| Tile {
                    images: image..(image + group).min(self.images()),
                    rows: row..(row + band).min(self.height),
                })
            })
            .collect()
    }

    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.images() * self.height * self.width
    }

    /// The pixels of a tile, counted from the first of all.
    pub fn pixels_of(&self, tile: &Tile) -> Range<usize> {
        let first = (tile.images.start * self.height + tile.rows.start) * self.width;
        first..first + tile.images.len() * tile.rows.len() * self.width
    }

    /// The values of these clips, tile by tile.
    ///
    /// # Panics
    ///
    /// When the tiles are not all, in order.
    pub fn split<'a, T>(&self, tiles: Vec<Tile>, mut values: &'a mut [T]) -> Vec<(Tile, &'a mut [T])> {
        let part = |tile: Tile| {
            let length = self.pixels_of(&tile).len() * self.channels;
            let (part, rest) = std::mem::take(&mut values).split_at_mut(length);
            values = rest;
            (tile, part)
        };
        let parts = tiles.into_iter().map(part).collect();
        assert!(values.is_empty(), "the tiles of some clips do not cover them");
        parts
    }
}

//! Maps cut into tiles, the pieces of work of one thread.

use std::ops::Range;

/// Pixels that are handled at once: enough to make good use of every weight that comes into the cache, few enough to stay there themselves.
const PIXELS: usize = 144;

/// Sizes of maps `[batch, height, width, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Maps {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

/// Some rows of one image, or some whole images. Their pixels lie one after another in memory.
#[derive(Clone, Debug)]
pub struct Tile {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

impl Maps {
    /// All pixels in tiles, in order. Only every `step`-th row and column counts for their size, and tiles begin at a multiple of `step` rows.
    pub fn tiles(&self, step: usize) -> Vec<Tile> {
        let (rows, columns) = (self.height.div_ceil(step), self.width.div_ceil(step));
        let bands = (rows * columns).div_ceil(PIXELS).clamp(1, rows.max(1));
        let band = (rows.div_ceil(bands) * step).max(1);
        let group = if bands == 1 { (PIXELS / (rows * columns).max(1)).max(1) } else { 1 };
        let groups = (0..self.batch).step_by(group);
        groups
            .flat_map(|image| {
                (0..self.height).step_by(band).map(move |row| Tile {
                    images: image..(image + group).min(self.batch),
                    rows: row..(row + band).min(self.height),
                })
            })
            .collect()
    }

    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    /// The pixels of a tile, counted from the first of all.
    pub fn pixels_of(&self, tile: &Tile) -> Range<usize> {
        let first = (tile.images.start * self.height + tile.rows.start) * self.width;
        first..first + tile.images.len() * tile.rows.len() * self.width
    }

    /// The values of these maps, tile by tile.
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
        assert!(values.is_empty(), "the tiles of some maps do not cover them");
        parts
    }
}

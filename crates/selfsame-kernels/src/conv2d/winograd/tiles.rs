//! Where the tiles lie.

use std::ops::Range;

use super::transform::{POSITIONS, STEP};
use crate::conv2d::extent::Extent;

/// Numbers in a line of a cache.
const LINE: usize = 16;

/// The tiles of a batch of maps, row by row, image by image: each has 4×4 outputs.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    /// Rows of tiles in an image.
    pub rows: usize,
    /// Tiles in a row.
    pub columns: usize,
}

/// The first output of a tile.
#[derive(Clone, Copy, Debug)]
pub struct Corner {
    pub image: usize,
    pub top: usize,
    pub left: usize,
}

impl Grid {
    /// Of a convolution whose maps keep their size.
    pub fn of(extent: &Extent) -> Self {
        let Extent { batch, height, width, .. } = *extent;
        Self { batch, height, width, rows: height.div_ceil(STEP), columns: width.div_ceil(STEP) }
    }

    pub fn tiles(&self) -> usize {
        self.batch * self.rows * self.columns
    }

    pub fn corner(&self, tile: usize) -> Corner {
        let (row, column) = (tile / self.columns, tile % self.columns);
        Corner { image: row / self.rows, top: row % self.rows * STEP, left: column * STEP }
    }

    /// Blocks of whole rows of tiles, of about `most` tiles, as even as can be.
    pub fn blocks(&self, most: usize) -> Vec<Range<usize>> {
        let rows = self.batch * self.rows;
        let count = rows.div_ceil((most / self.columns.max(1)).max(1)).max(1);
        let start = |block: usize| block * rows / count * self.columns;
        (0..count).map(|block| start(block)..start(block + 1)).collect()
    }

    /// The pixels of the maps before those of a row of tiles.
    fn pixels_before(&self, tile: usize) -> usize {
        let row = tile / self.columns.max(1);
        let rows = self.rows.max(1);
        (row / rows * self.height + row % rows * STEP) * self.width
    }

    /// `maps` with `channels` cut into what belongs to each of the blocks.
    pub fn split<'a>(
        &self,
        blocks: &[Range<usize>],
        channels: usize,
        mut maps: &'a mut [f32],
    ) -> Vec<&'a mut [f32]> {
        let mut parts = Vec::with_capacity(blocks.len());
        for block in blocks {
            let pixels = self.pixels_before(block.end) - self.pixels_before(block.start);
            let (part, rest) = std::mem::take(&mut maps).split_at_mut(pixels * channels);
            parts.push(part);
            maps = rest;
        }
        parts
    }
}

/// Transformed tiles: `[positions, tiles, channels]`, where neighbours lie an odd number of cache lines apart, because powers of two would
/// meet in the same few places of a cache.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// From one tile to the next.
    pub tile: usize,
    /// From one position to the next.
    pub position: usize,
}

impl Layout {
    pub fn new(tiles: usize, channels: usize) -> Self {
        let tile = odd_lines(channels);
        Self { tile, position: odd_lines(tiles * tile) }
    }

    /// Numbers of all positions.
    pub fn size(&self) -> usize {
        POSITIONS * self.position
    }
}

/// The next length that is an odd number of cache lines.
pub fn odd_lines(length: usize) -> usize {
    (length.div_ceil(LINE) | 1) * LINE
}

/// Columns of a matrix in panels of two vectors; the last has one if that is enough.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub count: usize,
    pub lanes: usize,
}

impl Columns {
    /// Columns in a panel.
    pub fn width(&self) -> usize {
        2 * self.lanes
    }

    pub fn panels(&self) -> usize {
        self.count.div_ceil(self.width())
    }

    /// Vectors of a panel.
    pub fn vectors(&self, panel: usize) -> usize {
        if self.count - panel * self.width() <= self.lanes { 1 } else { 2 }
    }
}

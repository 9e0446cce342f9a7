//! Where the tiles lie.

use std::ops::Range;

use rayon::prelude::*;

use super::transform::{KERNEL, STEP, TILE};

/// Numbers in a line of a cache.
pub const LINE: usize = 16;

/// Tiles of a piece of a block, which is transformed by one thread.
const PIECE: usize = 8;

/// A block with more tiles than is wanted, by this factor, is cut between frames: neighbouring blocks then both transform the frames in between.
const FRAMES: usize = 4;

/// The tiles of one frame of each clip, row by row, clip by clip; all frames of a clip have the same. A tile is 4 outputs high, and as wide if it
/// is square, else one output wide.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub batch: usize,
    /// Rows and columns of the maps that are read.
    pub source: [usize; 2],
    /// Zeros above them, and as many left of them if a tile is square.
    pub border: usize,
    /// Rows of the outputs.
    pub height: usize,
    /// Columns of the outputs.
    pub width: usize,
    /// Rows of tiles in a frame.
    pub rows: usize,
    /// Tiles in a row.
    pub columns: usize,
    pub is_square: bool,
}

/// The first output of a tile in one of the frames of all clips.
#[derive(Clone, Copy, Debug)]
pub struct Corner {
    pub image: usize,
    pub top: usize,
    pub left: usize,
}

/// The same tiles in some frames of clips that have `all` frames, frame by frame.
#[derive(Clone, Debug)]
pub struct Block {
    pub tiles: Range<usize>,
    pub frames: Range<usize>,
    pub all: usize,
}

impl Grid {
    /// Over maps of the size `source` with so many zeros around them.
    pub fn new(batch: usize, source: [usize; 2], border: usize, is_square: bool) -> Self {
        let [rows, columns] = source;
        // A tile that is not square is a column: nothing lies beside it.
        let beside = if is_square { border } else { 1 };
        let output = |size: usize, border: usize| (size + 2 * border).saturating_sub(KERNEL - 1);
        let (height, width) = (output(rows, border), output(columns, beside));
        let columns = if is_square { width.div_ceil(STEP) } else { width };
        Self { batch, source, border, height, width, rows: height.div_ceil(STEP), columns, is_square }
    }

    /// For the gradient of the input, which is made of that of the output: with the zeros that a kernel can reach and the outputs do not have.
    pub fn turned(&self) -> Self {
        Self::new(self.batch, [self.height, self.width], KERNEL - 1 - self.border, self.is_square)
    }

    /// Tiles of one frame of all clips.
    pub fn tiles(&self) -> usize {
        self.batch * self.rows * self.columns
    }

    /// Positions of a transformed tile.
    pub fn positions(&self) -> usize {
        if self.is_square { TILE * TILE } else { TILE }
    }

    /// Values of a frame of the kernel.
    pub fn taps(&self) -> usize {
        if self.is_square { KERNEL * KERNEL } else { KERNEL }
    }

    /// Blocks of about `most` tiles, as even as can be: of whole rows of tiles, or of parts of rows if these are long, and of all frames, or some if that
    /// are far too many.
    pub fn blocks(&self, frames: usize, most: usize) -> Vec<Block> {
        let tiles = if self.columns > most {
            let pieces = even(self.columns, self.columns.div_ceil(most));
            let start = |row: usize| row * self.columns;
            (0..self.batch * self.rows)
                .flat_map(|row| {
                    pieces.iter().map(move |piece| start(row) + piece.start..start(row) + piece.end)
                })
                .collect()
        } else {
            let rows = self.batch * self.rows;
            let count = rows.div_ceil((most / (self.columns * frames).max(1)).max(1)).max(1);
            let tiles = |rows: Range<usize>| rows.start * self.columns..rows.end * self.columns;
            even(rows, count).into_iter().map(tiles).collect::<Vec<_>>()
        };
        let largest = tiles.iter().map(Range::len).max().unwrap_or(0);
        let pieces = even(frames, (frames * largest).div_ceil(FRAMES * most).clamp(1, frames.max(1)));
        let blocks = |tiles: Range<usize>| {
            let block = move |frames_of_block: &Range<usize>| Block {
                tiles: tiles.clone(),
                frames: frames_of_block.clone(),
                all: frames,
            };
            pieces.iter().map(block).collect::<Vec<_>>()
        };
        tiles.into_iter().flat_map(blocks).collect()
    }
}

/// `0..length` in `count` ranges that differ by one at most.
fn even(length: usize, count: usize) -> Vec<Range<usize>> {
    (0..count).map(|at| at * length / count..(at + 1) * length / count).collect()
}

impl Block {
    /// Tiles of all its frames.
    pub fn len(&self) -> usize {
        self.tiles.len() * self.frames.len()
    }

    /// Does work on all its tiles, in pieces that several threads take.
    pub fn in_pieces(&self, work: impl Fn(Range<usize>) + Sync + Send) {
        even(self.len(), self.len().div_ceil(PIECE)).into_par_iter().for_each(work);
    }

    /// Of some of its tiles, which are counted frame by frame.
    pub fn corners(&self, grid: &Grid, tiles: Range<usize>) -> impl Iterator<Item = Corner> + use<> {
        let Grid { rows, columns, is_square, .. } = *grid;
        let Self { tiles: of_frame, frames, all } = self.clone();
        tiles.map(move |at| {
            let (frame, tile) = (frames.start + at / of_frame.len(), of_frame.start + at % of_frame.len());
            let (row, column) = (tile / columns, tile % columns);
            Corner {
                image: row / rows * all + frame,
                top: row % rows * STEP,
                left: if is_square { column * STEP } else { column },
            }
        })
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

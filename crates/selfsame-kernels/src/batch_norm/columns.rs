//! A batch as a matrix, and its work shared out among threads by channel.
//!
//! An input `[batch, channels, positions]` is read as a matrix with one row per instance and `channels × positions`
//! columns. Sums run down the columns in `f64` and then across each channel's columns: one vectorised loop serves
//! planes of any size, single values included, and the order of additions, hence every bit of a result, is the same
//! for any number of threads.

use std::ops::Range;

use burn::tensor::Shape;
use rayon::prelude::*;

/// Columns whose sums stay in the first-level cache while rows are added to them.
const TILE: usize = 1024;
/// Columns of a block, at least: fewer would read too little of each row at a time.
const BLOCK: usize = 256;
/// Elements that are worth a task.
const TASK: usize = 1 << 14;

/// The size of the matrix.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    rows: usize,
    pub channels: usize,
    positions: usize,
}

impl Extent {
    /// Of a tensor `[batch, channels, …]`.
    pub fn of(shape: &Shape) -> Self {
        let positions = (2..shape.num_dims()).map(|dimension| shape[dimension]).product();
        Self { rows: shape[0], channels: shape[1], positions }
    }

    /// Elements per channel.
    pub fn count(self) -> usize {
        self.rows * self.positions
    }

    /// Applies `work` to every item, one for each block, on several threads; the results are in the items' order.
    pub fn map<T: Send, R: Send>(self, items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
        items.into_par_iter().with_min_len(self.blocks_per_task()).map(work).collect()
    }

    /// All channels, in blocks.
    pub fn blocks(self) -> Vec<Block> {
        let width = self.block_channels();
        (0..self.channels)
            .step_by(width)
            .map(|start| Block { extent: self, channels: start..(start + width).min(self.channels) })
            .collect()
    }

    /// All channels, in blocks, with each block's part of every row of `values`, a matrix of this size.
    pub fn split(self, values: &mut [f32]) -> Vec<(Block, Vec<&mut [f32]>)> {
        let mut blocks: Vec<_> = self.blocks().into_iter().map(|block| (block, Vec::new())).collect();
        let width = self.block_channels() * self.positions;
        for row in values.chunks_mut(self.columns().max(1)) {
            for ((_, parts), part) in blocks.iter_mut().zip(row.chunks_mut(width.max(1))) {
                parts.push(part);
            }
        }
        blocks
    }

    fn columns(self) -> usize {
        self.channels * self.positions
    }

    fn block_channels(self) -> usize {
        (BLOCK / self.positions.max(1)).clamp(1, self.channels.max(1))
    }

    fn blocks_per_task(self) -> usize {
        let elements = self.rows * self.block_channels() * self.positions;
        TASK.div_ceil(elements.max(1))
    }
}

/// Neighbouring channels: the same columns of every row.
#[derive(Clone, Debug)]
pub struct Block {
    extent: Extent,
    channels: Range<usize>,
}

/// Neighbouring elements of a row.
#[derive(Clone, Debug)]
pub struct Part {
    pub row: usize,
    /// Where they are in the matrix.
    pub elements: Range<usize>,
    /// Which columns of the block they are.
    pub columns: Range<usize>,
}

impl Block {
    /// From one value for every channel of the matrix to one for every column of the block.
    pub fn columns_of(&self, channels: &[f32]) -> Vec<f32> {
        channels[self.channels.clone()]
            .iter()
            .flat_map(|&value| std::iter::repeat_n(value, self.extent.positions))
            .collect()
    }

    /// The sum of each channel; `add` adds the elements of a part to the sums of their columns.
    pub fn sums(&self, mut add: impl FnMut(&mut [f64], Part)) -> Vec<f64> {
        let mut totals = vec![0.0; self.channels.len()];
        let mut sums = [0.0; TILE];
        for columns in self.tiles() {
            let sums = &mut sums[..columns.len()];
            sums.fill(0.0);
            for row in 0..self.extent.rows {
                add(sums, self.part(row, &columns));
            }
            self.fold(sums, columns.start, &mut totals);
        }
        totals
    }

    /// All elements of the block.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        let rows = 0..self.extent.rows;
        self.tiles().flat_map(move |columns| rows.clone().map(move |row| self.part(row, &columns)))
    }

    /// The block's columns, some at a time.
    fn tiles(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let width = self.channels.len() * self.extent.positions;
        (0..width).step_by(TILE).map(move |start| start..(start + TILE).min(width))
    }

    fn part(&self, row: usize, columns: &Range<usize>) -> Part {
        let start = row * self.extent.columns() + self.channels.start * self.extent.positions;
        Part { row, elements: start + columns.start..start + columns.end, columns: columns.clone() }
    }

    /// Adds the sums of columns, the first of which is the block's column `start`, to their channels' totals.
    fn fold(&self, mut sums: &[f64], mut start: usize, totals: &mut [f64]) {
        while !sums.is_empty() {
            let channel = start / self.extent.positions;
            let left_in_channel = (channel + 1) * self.extent.positions - start;
            let (own, others) = sums.split_at(left_in_channel.min(sums.len()));
            totals[channel] += sum(own);
            start += own.len();
            sums = others;
        }
    }
}

/// In eight interleaved partial sums: a single one would wait for each addition before the next.
fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    for values in values.chunks(lanes.len()) {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += value;
        }
    }
    lanes.iter().sum()
}

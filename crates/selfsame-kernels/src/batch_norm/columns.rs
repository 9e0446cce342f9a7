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

    /// One number per channel: `work` computes those of a block's channels.
    pub fn per_channel(self, work: impl Fn(Block) -> Vec<f64> + Sync) -> Vec<f64> {
        let blocks = self.channels.div_ceil(self.block_channels());
        let parts: Vec<Vec<f64>> = (0..blocks)
            .into_par_iter()
            .with_min_len(self.blocks_per_task())
            .map(|index| work(self.block(index)))
            .collect();
        parts.concat()
    }

    /// Lets `work` write each block's part of every row of `values`, a matrix of this size.
    pub fn for_each_block(self, values: &mut [f32], work: impl Fn(Block, Vec<&mut [f32]>) + Sync) {
        let width = self.block_channels() * self.positions;
        if values.is_empty() {
            return;
        }
        let mut blocks: Vec<Vec<&mut [f32]>> = Vec::new();
        blocks.resize_with(self.channels.div_ceil(self.block_channels()), Vec::new);
        for row in values.chunks_mut(self.columns()) {
            for (block, part) in blocks.iter_mut().zip(row.chunks_mut(width)) {
                block.push(part);
            }
        }
        blocks
            .into_par_iter()
            .with_min_len(self.blocks_per_task())
            .enumerate()
            .for_each(|(index, rows)| work(self.block(index), rows));
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

    fn block(self, index: usize) -> Block {
        let start = index * self.block_channels();
        Block { extent: self, channels: start..(start + self.block_channels()).min(self.channels) }
    }
}

/// Neighbouring channels: the same columns of every row.
#[derive(Clone, Debug)]
pub struct Block {
    extent: Extent,
    channels: Range<usize>,
}

impl Block {
    /// From one value per channel of the matrix to one per column of the block.
    pub fn columns_of(&self, values: &[f32]) -> Vec<f32> {
        let channels = &values[self.channels.clone()];
        channels.iter().flat_map(|&value| std::iter::repeat_n(value, self.extent.positions)).collect()
    }

    /// The sum of each channel. `add` adds some elements of a row to the sums of their columns; it is told which
    /// elements of the matrix they are, and which columns of the block.
    pub fn sums(&self, mut add: impl FnMut(&mut [f64], Range<usize>, Range<usize>)) -> Vec<f64> {
        let mut totals = vec![0.0; self.channels.len()];
        let mut sums = [0.0; TILE];
        for columns in self.tiles() {
            let sums = &mut sums[..columns.len()];
            sums.fill(0.0);
            for row in 0..self.extent.rows {
                add(sums, self.elements(row, &columns), columns.clone());
            }
            self.fold(sums, columns.start, &mut totals);
        }
        totals
    }

    /// Visits the block's part of every row; `work` is told which elements of the matrix its part holds, and which
    /// columns of the block.
    pub fn rows(
        &self,
        mut rows: Vec<&mut [f32]>,
        mut work: impl FnMut(&mut [f32], Range<usize>, Range<usize>),
    ) {
        for columns in self.tiles() {
            for (index, row) in rows.iter_mut().enumerate() {
                work(&mut row[columns.clone()], self.elements(index, &columns), columns.clone());
            }
        }
    }

    /// The block's columns, some at a time.
    fn tiles(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let width = self.channels.len() * self.extent.positions;
        (0..width).step_by(TILE).map(move |start| start..(start + TILE).min(width))
    }

    fn elements(&self, row: usize, columns: &Range<usize>) -> Range<usize> {
        let start = row * self.extent.columns() + self.channels.start * self.extent.positions;
        start + columns.start..start + columns.end
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

//! The gradient of the weight.

use std::ops::Range;

use rayon::prelude::*;

use super::frames::Frames;
use super::maps::{transform_input, transform_output_gradient};
use super::tiles::{Block, Columns, Grid, Layout, odd_lines};
use super::weight::{Part, add_gradients};
use crate::buffer::Places;
use crate::convolution::scratch::Scratch;
use crate::product::{Left, Panel, multiply};
use crate::simd::{Simd, Work};

/// Most numbers of a frame's sums at all positions that a thread may hold.
const LARGEST_SUMS: usize = 160 << 10;
/// Parts in which the gradient of a small weight is summed; fixed, so that the sum does not depend on the number of threads.
const PARTS: usize = 16;
/// Numbers of the gradient of which a thread sums all parts.
const STRETCH: usize = 2048;
/// Least tiles of a part; with fewer, transforming the sums back would take a good part of the time.
const LEAST_TILES: usize = 64;
/// Transformed numbers of a block of tiles that stay in the second cache beside the sums.
const BLOCK: usize = 144 << 10;
/// Tiles of a block when it is used for many panels.
const TILES: usize = 64;
/// Transformed numbers that are kept at once for all panels; about the size of a third cache.
const GROUP: usize = 2 << 20;
/// Channels whose sums with a panel of outputs are made at once.
const CHANNELS: usize = 64;
/// Panels of outputs that use some channels one after another, while these are in the cache.
const PANELS: usize = 2;

/// The gradient `[outputs, channels, frames, …]` of a weight.
pub struct WeightGradient<'a> {
    pub grid: Grid,
    pub frames: Frames,
    pub channels: usize,
    pub outputs: usize,
    pub input: &'a [f32],
    pub output_gradient: &'a [f32],
    /// Zeros at first.
    pub gradient: &'a mut [f32],
}

impl Work for WeightGradient<'_> {
    type Output = ();

    fn with<S: Simd>(self, simd: S) {
        let Self { grid, frames, channels, outputs, input, output_gradient, gradient } = self;
        let columns = Columns { count: outputs, lanes: S::LANES };
        let sum = Sum { simd, grid, frames, channels, columns, input, output_gradient };
        if grid.positions() * channels * columns.panels() * columns.width() <= LARGEST_SUMS {
            sum.by_tiles(gradient);
        } else {
            sum.by_panels(gradient);
        }
    }
}

/// Tiles of inputs and of gradients, both transformed.
struct Transformed<'a> {
    /// Of the gradients.
    block: &'a Block,
    maps: &'a [f32],
    gradients: &'a [f32],
}

/// Sums of some channels with some panels of outputs.
struct Piece {
    panels: Range<usize>,
    channels: Range<usize>,
}

struct Sum<'a, S> {
    simd: S,
    grid: Grid,
    frames: Frames,
    channels: usize,
    columns: Columns,
    input: &'a [f32],
    output_gradient: &'a [f32],
}

impl<S: Simd> Sum<'_, S> {
    /// Parts of the tiles one by one; every part has all sums.
    fn by_tiles(&self, gradient: &mut [f32]) {
        let Self { grid, frames, channels, columns, .. } = *self;
        let size = grid.positions() * (Layout::new(1, channels).tile + Layout::new(1, columns.count).tile);
        let blocks = grid.blocks(frames.target, (BLOCK / size).clamp(12, 96));
        let count = (grid.tiles() * frames.target / LEAST_TILES).clamp(1, PARTS);
        let part = blocks.len().div_ceil(count);
        let frame_size = columns.panels() * self.sum_size(channels);
        let mut parts = Scratch::take();
        let length = gradient.len();
        let parts = parts.first(blocks.len().div_ceil(part) * length);
        parts.par_chunks_mut(length).zip(blocks.par_chunks(part)).for_each(|(gradient, blocks)| {
            let mut sums = Scratch::take();
            let sums = sums.first(frames.taps * frame_size);
            let (mut maps, mut gradients) = (Scratch::take(), Scratch::take());
            let piece = Piece { panels: 0..columns.panels(), channels: 0..channels };
            for (at, block) in blocks.iter().enumerate() {
                let maps = maps.first(self.map_size(block));
                let gradients = gradients.first(self.gradient_size(block));
                let sources = frames.sources(block);
                self.transform_input(&sources, 0..sources.len(), &Places::of(maps));
                self.transform_gradient(block, 0..block.len(), &Places::of(gradients));
                let tiles = Transformed { block, maps, gradients };
                for (frame, sums) in sums.chunks_exact_mut(frame_size).enumerate() {
                    self.multiply(&tiles, frame, &piece, sums, at > 0);
                }
            }
            gradient.fill(0.0);
            for (frame, sums) in sums.chunks_exact(frame_size).enumerate() {
                self.add_gradients(frame, &piece, sums, gradient);
            }
        });
        gradient.par_chunks_mut(STRETCH).enumerate().for_each(|(at, totals)| {
            for part in parts.chunks_exact(length) {
                let part = &part[at * STRETCH..];
                totals.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            }
        });
    }

    /// All tiles are transformed first, then the sums of a few panels at a time are made.
    fn by_panels(&self, gradient: &mut [f32]) {
        let Self { grid, frames, channels, columns, .. } = *self;
        let blocks = grid.blocks(frames.target, TILES);
        let map_size = blocks.iter().map(|block| self.map_size(block)).max().unwrap_or(0);
        let gradient_size = blocks.iter().map(|block| self.gradient_size(block)).max().unwrap_or(0);
        let panel_gradient = columns.width() * channels * frames.taps * grid.taps();
        let group = (GROUP / (map_size + gradient_size)).max(1);
        let (mut maps, mut gradients) = (Scratch::take(), Scratch::take());
        for blocks in blocks.chunks(group) {
            let maps = maps.first(blocks.len() * map_size);
            let gradients = gradients.first(blocks.len() * gradient_size);
            let places = [Places::of(maps), Places::of(gradients)];
            // Piece by piece, because small maps have few blocks.
            blocks.par_iter().enumerate().for_each(|(at, block)| {
                let maps = places[0].among(at * map_size, map_size);
                let gradients = places[1].among(at * gradient_size, gradient_size);
                let sources = frames.sources(block);
                rayon::join(
                    || sources.in_pieces(|tiles| self.transform_input(&sources, tiles, &maps)),
                    || block.in_pieces(|tiles| self.transform_gradient(block, tiles, &gradients)),
                );
            });
            let (maps, gradients) = (&*maps, &*gradients);
            gradient.par_chunks_mut(PANELS * panel_gradient).enumerate().for_each(|(at, gradient)| {
                let panels = at * PANELS..columns.panels().min((at + 1) * PANELS);
                let step = CHANNELS.min(channels);
                let mut sums = Scratch::take();
                let sums = sums.first(panels.len() * self.sum_size(step));
                let starts = (0..channels).step_by(step);
                for (frame, start) in
                    (0..frames.taps).flat_map(|frame| starts.clone().map(move |start| (frame, start)))
                {
                    let piece = Piece { panels: panels.clone(), channels: start..channels.min(start + step) };
                    for (at, block) in blocks.iter().enumerate() {
                        let maps = &maps[at * map_size..][..map_size];
                        let gradients = &gradients[at * gradient_size..][..gradient_size];
                        self.multiply(&Transformed { block, maps, gradients }, frame, &piece, sums, at > 0);
                    }
                    self.add_gradients(frame, &piece, sums, gradient);
                }
            });
        }
    }

    /// Numbers of the transformed inputs that a block reads.
    fn map_size(&self, block: &Block) -> usize {
        self.grid.positions() * Layout::new(self.frames.sources(block).len(), self.channels).position
    }

    /// Numbers of the transformed gradients of a block.
    fn gradient_size(&self, block: &Block) -> usize {
        self.grid.positions() * Layout::new(block.len(), self.columns.count).position
    }

    /// Numbers of the sums of some channels with a panel of outputs at all positions.
    fn sum_size(&self, channels: usize) -> usize {
        self.grid.positions() * odd_lines(channels * self.columns.width())
    }

    /// Of some tiles of the sources of a block.
    fn transform_input(&self, sources: &Block, tiles: Range<usize>, maps: &Places<'_>) {
        transform_input(self.simd, &self.grid, sources, tiles, self.channels, self.input, maps);
    }

    fn transform_gradient(&self, block: &Block, tiles: Range<usize>, gradients: &Places<'_>) {
        let outputs = self.columns.count;
        transform_output_gradient(
            self.simd,
            &self.grid,
            block,
            tiles,
            outputs,
            self.output_gradient,
            gradients,
        );
    }

    /// Products of transformed tiles and gradients that meet at a frame of the kernels, summed over the tiles, for some channels and some panels of outputs,
    /// one after another.
    fn multiply(&self, tiles: &Transformed<'_>, frame: usize, piece: &Piece, sums: &mut [f32], add: bool) {
        let Transformed { block, maps, gradients } = *tiles;
        let Piece { panels, channels } = piece;
        let met = self.frames.met(frame, block);
        let map = Layout::new(self.frames.sources(block).len(), self.channels);
        let gradient = Layout::new(block.len(), self.columns.count);
        let width = self.columns.width();
        let sum_position = odd_lines(channels.len() * width);
        for position in 0..self.grid.positions() {
            let left = Left {
                values: &maps[position * map.position + met.source * map.tile + channels.start..],
                rows: channels.len(),
                depth: met.count,
                row_stride: 1,
                depth_stride: map.tile,
            };
            for (panel, sums) in panels.clone().zip(sums.chunks_mut(self.sum_size(channels.len()))) {
                let start = position * gradient.position + met.target * gradient.tile + panel * width;
                let vectors = self.columns.vectors(panel);
                let right = Panel { values: &gradients[start..], stride: gradient.tile, vectors };
                multiply(self.simd, left, right, &mut sums[position * sum_position..], width, add);
            }
        }
    }

    /// Adds what some sums come to to the gradients of the kernels of their panels.
    fn add_gradients(&self, frame: usize, piece: &Piece, sums: &[f32], gradient: &mut [f32]) {
        let Self { simd, ref grid, ref frames, channels: all_channels, columns, .. } = *self;
        let panel_gradient = columns.width() * all_channels * frames.taps * grid.taps();
        let part = Part { frame, frames: frames.taps, channels: piece.channels.clone(), all_channels };
        let sums = sums.chunks(self.sum_size(piece.channels.len()));
        for ((panel, gradient), sums) in
            piece.panels.clone().zip(gradient.chunks_mut(panel_gradient)).zip(sums)
        {
            add_gradients(simd, grid, columns, panel, &part, sums, gradient);
        }
    }
}

//! The gradient of the weight.

use std::ops::Range;

use rayon::prelude::*;

use super::maps::{transform_input, transform_output_gradient};
use super::tiles::{Columns, Grid, Layout, odd_lines};
use super::transform::POSITIONS;
use super::weight::{TAPS, add_gradients};
use crate::conv2d::scratch::Scratch;
use crate::product::{Left, Panel, multiply};
use crate::simd::{Simd, Work};

/// Most numbers of sums at all positions that a thread may hold.
const LARGEST_SUMS: usize = 160 << 10;
/// Parts in which the gradient of a small weight is summed; fixed, so that the sum does not depend on the number of threads.
const PARTS: usize = 16;
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

/// The gradient `[outputs, channels, 3, 3]` of a weight.
pub struct WeightGradient<'a> {
    pub grid: Grid,
    pub channels: usize,
    pub outputs: usize,
    pub input: &'a [f32],
    pub output_gradient: &'a [f32],
    pub gradient: &'a mut [f32],
}

impl Work for WeightGradient<'_> {
    type Output = ();

    fn with<S: Simd>(self, simd: S) {
        let Self { grid, channels, outputs, input, output_gradient, gradient } = self;
        let columns = Columns { count: outputs, lanes: S::LANES };
        let sum = Sum { simd, grid, channels, columns, input, output_gradient };
        gradient.fill(0.0);
        if POSITIONS * channels * columns.panels() * columns.width() <= LARGEST_SUMS {
            sum.by_tiles(gradient);
        } else {
            sum.by_panels(gradient);
        }
    }
}

/// Tiles of inputs and of gradients, both transformed.
struct Transformed<'a> {
    tiles: usize,
    maps: &'a [f32],
    gradients: &'a [f32],
}

struct Sum<'a, S> {
    simd: S,
    grid: Grid,
    channels: usize,
    columns: Columns,
    input: &'a [f32],
    output_gradient: &'a [f32],
}

impl<S: Simd> Sum<'_, S> {
    /// Parts of the tiles one by one; every part has all sums.
    fn by_tiles(&self, gradient: &mut [f32]) {
        let Self { simd, grid, channels, columns, .. } = *self;
        let size = POSITIONS * (Layout::new(1, channels).tile + Layout::new(1, columns.count).tile);
        let blocks = grid.blocks((BLOCK / size).clamp(12, 96));
        let count = (grid.tiles() / LEAST_TILES).clamp(1, PARTS);
        let part = blocks.len().div_ceil(count);
        let sum_size = self.sum_size(channels);
        let panel_gradient = columns.width() * channels * TAPS;
        let mut parts = Scratch::take();
        let parts = parts.first(blocks.len().div_ceil(part) * gradient.len());
        parts.par_chunks_mut(gradient.len()).zip(blocks.par_chunks(part)).for_each(|(gradient, blocks)| {
            let mut sums = Scratch::take();
            let sums = sums.first(columns.panels() * sum_size);
            let (mut maps, mut gradients) = (Scratch::take(), Scratch::take());
            for (at, tiles) in blocks.iter().enumerate() {
                let maps = maps.first(Layout::new(tiles.len(), channels).size());
                let gradients = gradients.first(Layout::new(tiles.len(), columns.count).size());
                self.transform(tiles.clone(), maps, gradients);
                let block = Transformed { tiles: tiles.len(), maps, gradients };
                self.multiply(&block, 0..columns.panels(), 0..channels, sums, at > 0);
            }
            gradient.fill(0.0);
            for (panel, gradient) in gradient.chunks_mut(panel_gradient).enumerate() {
                let sums = &sums[panel * sum_size..][..sum_size];
                add_gradients(simd, columns, panel, 0..channels, channels, sums, gradient);
            }
        });
        for part in parts.chunks_exact(gradient.len()) {
            gradient.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
    }

    /// All tiles are transformed first, then the sums of a few panels at a time are made.
    fn by_panels(&self, gradient: &mut [f32]) {
        let Self { simd, grid, channels, columns, .. } = *self;
        let blocks = grid.blocks(TILES);
        let most = blocks.iter().map(Range::len).max().unwrap_or(0);
        let map_size = Layout::new(most, channels).size();
        let gradient_size = Layout::new(most, columns.count).size();
        let panel_gradient = columns.width() * channels * TAPS;
        let group = (GROUP / (map_size + gradient_size)).max(1);
        let (mut maps, mut gradients) = (Scratch::take(), Scratch::take());
        for blocks in blocks.chunks(group) {
            let maps = maps.first(blocks.len() * map_size);
            let gradients = gradients.first(blocks.len() * gradient_size);
            let transformed = maps.par_chunks_mut(map_size).zip(gradients.par_chunks_mut(gradient_size));
            transformed.zip(blocks).for_each(|((maps, gradients), tiles)| {
                self.transform(tiles.clone(), maps, gradients);
            });
            let (maps, gradients) = (&*maps, &*gradients);
            gradient.par_chunks_mut(PANELS * panel_gradient).enumerate().for_each(|(at, gradient)| {
                let panels = at * PANELS..columns.panels().min((at + 1) * PANELS);
                let piece = CHANNELS.min(channels);
                let mut sums = Scratch::take();
                let sums = sums.first(panels.len() * self.sum_size(piece));
                for start in (0..channels).step_by(piece) {
                    let channels = start..channels.min(start + piece);
                    for (at, tiles) in blocks.iter().enumerate() {
                        let maps = &maps[at * map_size..][..map_size];
                        let gradients = &gradients[at * gradient_size..][..gradient_size];
                        let block = Transformed { tiles: tiles.len(), maps, gradients };
                        self.multiply(&block, panels.clone(), channels.clone(), sums, at > 0);
                    }
                    let sums = sums.chunks(self.sum_size(channels.len()));
                    for ((panel, gradient), sums) in
                        panels.clone().zip(gradient.chunks_mut(panel_gradient)).zip(sums)
                    {
                        add_gradients(simd, columns, panel, channels.clone(), self.channels, sums, gradient);
                    }
                }
            });
        }
    }

    /// Numbers of the sums of some channels with a panel of outputs at all positions.
    fn sum_size(&self, channels: usize) -> usize {
        POSITIONS * odd_lines(channels * self.columns.width())
    }

    fn transform(&self, tiles: Range<usize>, maps: &mut [f32], gradients: &mut [f32]) {
        let outputs = self.columns.count;
        transform_input(self.simd, &self.grid, tiles.clone(), self.channels, self.input, maps);
        transform_output_gradient(self.simd, &self.grid, tiles, outputs, self.output_gradient, gradients);
    }

    /// Products of transformed tiles and gradients, summed over the tiles, for some channels and some panels of outputs, one after another.
    fn multiply(
        &self,
        block: &Transformed<'_>,
        panels: Range<usize>,
        channels: Range<usize>,
        sums: &mut [f32],
        add: bool,
    ) {
        let Transformed { tiles, maps, gradients } = *block;
        let (map, gradient) = (Layout::new(tiles, self.channels), Layout::new(tiles, self.columns.count));
        let width = self.columns.width();
        let sum_position = odd_lines(channels.len() * width);
        for position in 0..POSITIONS {
            let left = Left {
                values: &maps[position * map.position + channels.start..],
                rows: channels.len(),
                depth: tiles,
                row_stride: 1,
                depth_stride: map.tile,
            };
            for (panel, sums) in panels.clone().zip(sums.chunks_mut(self.sum_size(channels.len()))) {
                let values = &gradients[position * gradient.position + panel * width..];
                let right = Panel { values, stride: gradient.tile, vectors: self.columns.vectors(panel) };
                multiply(self.simd, left, right, &mut sums[position * sum_position..], width, add);
            }
        }
    }
}

//! The convolution, and with turned weights the gradient of its input.

use std::ops::Range;

use rayon::prelude::*;

use super::frames::Frames;
use super::maps::transform_input;
use super::outputs::{product_position, transform_products};
use super::tiles::{Block, Columns, Grid, Layout, odd_lines};
use super::weight::Kernels;
use crate::buffer::Places;
use crate::convolution::scratch::Scratch;
use crate::product::{Left, Panel, multiply};
use crate::simd::{Simd, Work};

/// Most numbers of a frame's transformed weights that are made before anything else; more would leave the caches before they are used.
const LARGEST_WEIGHT: usize = 1 << 20;
/// Transformed numbers of a block of tiles that stay in the second cache beside what else is used there.
const BLOCK: usize = 56 << 10;
/// Tiles of a block when a panel of weights is used for many blocks.
const TILES: usize = 48;
/// Numbers of transformed tiles and products that are kept at once for all panels of weights; about the size of a third cache.
const GROUP: usize = 2 << 20;
/// Input channels of a panel of weights that are used at once.
const DEPTH: usize = 256;

/// A convolution of maps with `depth` channels to maps with `columns` channels.
pub struct Convolution<'a> {
    pub grid: Grid,
    pub frames: Frames,
    pub kernels: Kernels<'a>,
    pub input: &'a [f32],
    pub output: &'a Places<'a>,
}

impl Work for Convolution<'_> {
    type Output = ();

    fn with<S: Simd>(self, simd: S) {
        let Self { grid, frames, kernels, input, output } = self;
        let columns = Columns { count: kernels.columns, lanes: S::LANES };
        let convolve = Convolve { simd, grid, frames, kernels, columns };
        let size = grid.positions() * kernels.depth * columns.panels() * columns.width();
        if size <= LARGEST_WEIGHT {
            convolve.by_blocks(input, output);
        } else {
            convolve.by_panels(input, output);
        }
    }
}

struct Convolve<'a, S> {
    simd: S,
    grid: Grid,
    frames: Frames,
    kernels: Kernels<'a>,
    columns: Columns,
}

/// A block of tiles of the output, and the transformed tiles that it reads.
struct Tiles<'a> {
    block: &'a Block,
    maps: &'a [f32],
}

impl<S: Simd> Convolve<'_, S> {
    /// All weights are transformed first; then every block of tiles goes through all stages while it is in the cache.
    fn by_blocks(&self, input: &[f32], output: &Places<'_>) {
        let Self { simd, grid, frames, kernels, columns } = *self;
        let (depth, positions) = (kernels.depth, grid.positions());
        let mut weights = Scratch::take();
        let weight_size = positions * odd_lines(depth * columns.width());
        let weights = weights.first(columns.panels() * frames.taps * weight_size);
        weights.par_chunks_mut(weight_size.max(1)).enumerate().for_each(|(at, transformed)| {
            kernels.transform(simd, columns, at / frames.taps, at % frames.taps, 0..depth, transformed);
        });
        let weights = &*weights;

        let tile_size = positions * Layout::new(1, depth).tile;
        let blocks = grid.blocks(frames.target, (BLOCK / tile_size).clamp(12, 96));
        blocks.into_par_iter().for_each(|block| {
            let (mut maps, mut products) = (Scratch::take(), Scratch::take());
            let sources = frames.sources(&block);
            let maps = maps.first(positions * Layout::new(sources.len(), depth).position);
            let products = products.first(positions * product_position(columns, block.len()));
            transform_input(simd, &grid, &sources, 0..sources.len(), depth, input, &Places::of(maps));
            let tiles = Tiles { block: &block, maps };
            for panel in 0..columns.panels() {
                self.clear(products);
                for frame in 0..frames.taps {
                    let weights = &weights[(panel * frames.taps + frame) * weight_size..][..weight_size];
                    self.multiply(&tiles, panel, frame, 0..depth, weights, products);
                }
                transform_products(simd, &grid, &block, columns, panel, products, output);
            }
        });
    }

    /// All tiles are transformed first; then every panel of weights is transformed and used for all of them while it is in the cache.
    fn by_panels(&self, input: &[f32], output: &Places<'_>) {
        let Self { simd, grid, frames, kernels, columns } = *self;
        let (depth, positions) = (kernels.depth, grid.positions());
        let blocks = grid.blocks(frames.target, TILES);
        let most = |tiles: fn(&Frames, &Block) -> usize| {
            blocks.iter().map(|block| tiles(&frames, block)).max().unwrap_or(0)
        };
        let sources = most(|frames, block| frames.sources(block).len());
        let map_size = positions * Layout::new(sources, depth).position;
        let product_size = positions * product_position(columns, most(|_, block| block.len()));
        let group = (GROUP / (map_size + columns.panels() * product_size).max(1)).max(1);
        let mut maps = Scratch::take();
        let mut products = Scratch::take();
        for blocks in blocks.chunks(group) {
            let maps = maps.first(blocks.len() * map_size);
            let places = Places::of(maps);
            // Piece by piece, because small maps have few blocks.
            blocks.par_iter().enumerate().for_each(|(at, block)| {
                let (sources, places) = (frames.sources(block), places.among(at * map_size, map_size));
                sources.in_pieces(|tiles| {
                    transform_input(simd, &grid, &sources, tiles, depth, input, &places);
                });
            });
            let maps = &*maps;
            let products = products.first(columns.panels() * blocks.len() * product_size);
            let panels = products.par_chunks_mut((blocks.len() * product_size).max(1)).enumerate();
            panels.for_each(|(panel, products)| {
                self.clear(products);
                let mut weights = Scratch::take();
                let piece = DEPTH.min(depth);
                let weights = weights.first(positions * odd_lines(piece * columns.width()));
                let starts = (0..depth).step_by(piece.max(1));
                for (frame, start) in
                    (0..frames.taps).flat_map(|frame| starts.clone().map(move |start| (frame, start)))
                {
                    let depth = start..(start + piece).min(depth);
                    kernels.transform(simd, columns, panel, frame, depth.clone(), weights);
                    for (at, block) in blocks.iter().enumerate() {
                        let tiles = Tiles { block, maps: &maps[at * map_size..][..map_size] };
                        let products = &mut products[at * product_size..][..product_size];
                        self.multiply(&tiles, panel, frame, depth.clone(), weights, products);
                    }
                }
            });
            let products = &*products;
            (0..blocks.len() * columns.panels()).into_par_iter().for_each(|number| {
                let (at, panel) = (number / columns.panels(), number % columns.panels());
                let products = &products[(panel * blocks.len() + at) * product_size..][..product_size];
                transform_products(simd, &grid, &blocks[at], columns, panel, products, output);
            });
        }
    }

    /// Sets products to 0 if there are several sums in each; if there is one, it is written.
    fn clear(&self, products: &mut [f32]) {
        if self.frames.taps > 1 {
            products.fill(0.0);
        }
    }

    /// The products of transformed tiles and a frame of the weights at all positions; written if they are the only and `depth` begins at 0, else added.
    fn multiply(
        &self,
        tiles: &Tiles<'_>,
        panel: usize,
        frame: usize,
        depth: Range<usize>,
        weights: &[f32],
        products: &mut [f32],
    ) {
        let Tiles { block, maps } = *tiles;
        let layout = Layout::new(self.frames.sources(block).len(), self.kernels.depth);
        let met = self.frames.met(frame, block);
        let (width, vectors) = (self.columns.width(), self.columns.vectors(panel));
        let product_position = product_position(self.columns, block.len());
        let weight_position = odd_lines(depth.len() * vectors * S::LANES);
        let add = self.frames.taps > 1 || depth.start > 0;
        for position in 0..self.grid.positions() {
            let left = Left {
                values: &maps[position * layout.position + met.source * layout.tile + depth.start..],
                rows: met.count,
                depth: depth.len(),
                row_stride: layout.tile,
                depth_stride: 1,
            };
            let panel =
                Panel { values: &weights[position * weight_position..], stride: vectors * S::LANES, vectors };
            let target = &mut products[position * product_position..][..product_position];
            multiply(self.simd, left, panel, &mut target[met.target * width..], width, add);
        }
    }
}

//! The convolution, and with turned weights the gradient of its input.

use std::ops::Range;

use rayon::prelude::*;

use super::maps::{product_position, transform_input, transform_products};
use super::tiles::{Columns, Grid, Layout, odd_lines};
use super::transform::POSITIONS;
use super::weight::{Kernels, transform_kernels};
use crate::conv2d::scratch::Scratch;
use crate::product::{Left, Panel, multiply};
use crate::simd::{Simd, Work};

/// Most numbers of transformed weights that are made before anything else; more would leave the caches before they are used.
const LARGEST_WEIGHT: usize = 1 << 20;
/// Transformed numbers of a block of tiles that stay in the second cache beside what else is used there.
const BLOCK: usize = 56 << 10;
/// Tiles of a block when a panel of weights is used for many blocks.
const TILES: usize = 48;
/// Numbers of transformed tiles and products that are kept at once for all panels of weights; about the size of a third cache.
const GROUP: usize = 2 << 20;
/// Input channels of a panel of weights that are used at once.
const DEPTH: usize = 256;

/// A convolution of maps `[batch, height, width, depth]` to maps `[batch, height, width, columns]`.
pub struct Convolution<'a> {
    pub grid: Grid,
    pub kernels: Kernels<'a>,
    pub input: &'a [f32],
    pub output: &'a mut [f32],
}

impl Work for Convolution<'_> {
    type Output = ();

    fn with<S: Simd>(self, simd: S) {
        let Self { grid, kernels, input, output } = self;
        let columns = Columns { count: kernels.columns, lanes: S::LANES };
        let convolve = Convolve { simd, grid, kernels, columns };
        if POSITIONS * kernels.depth * columns.panels() * columns.width() <= LARGEST_WEIGHT {
            convolve.by_blocks(input, output);
        } else {
            convolve.by_panels(input, output);
        }
    }
}

struct Convolve<'a, S> {
    simd: S,
    grid: Grid,
    kernels: Kernels<'a>,
    columns: Columns,
}

impl<S: Simd> Convolve<'_, S> {
    /// All weights are transformed first; then every block of tiles goes through all stages while it is in the cache.
    fn by_blocks(&self, input: &[f32], output: &mut [f32]) {
        let Self { simd, grid, kernels, columns } = *self;
        let depth = kernels.depth;
        let mut weights = Scratch::take();
        let panel_size = POSITIONS * odd_lines(depth * columns.width());
        let weights = weights.first(columns.panels() * panel_size);
        weights.par_chunks_mut(panel_size.max(1)).enumerate().for_each(|(panel, transformed)| {
            transform_kernels(simd, &kernels, columns, panel, 0..depth, transformed);
        });
        let weights = &*weights;

        let tile_size = POSITIONS * Layout::new(1, depth).tile;
        let most = (BLOCK / tile_size).clamp(12, 96);
        let blocks = grid.blocks(most);
        let parts = grid.split(&blocks, columns.count, output);
        blocks.into_par_iter().zip(parts).for_each(|(tiles, output)| {
            let (mut maps, mut products) = (Scratch::take(), Scratch::take());
            let maps = maps.first(Layout::new(tiles.len(), depth).size());
            let products = products.first(POSITIONS * product_position(columns, tiles.len()));
            transform_input(simd, &grid, tiles.clone(), depth, input, maps);
            for panel in 0..columns.panels() {
                let weights = &weights[panel * panel_size..][..panel_size];
                self.multiply(tiles.len(), panel, 0..depth, maps, weights, products);
                transform_products(simd, &grid, tiles.clone(), columns, panel, products, output);
            }
        });
    }

    /// All tiles are transformed first; then every panel of weights is transformed and used for all of them while it is in the cache.
    fn by_panels(&self, input: &[f32], output: &mut [f32]) {
        let Self { simd, grid, kernels, columns } = *self;
        let depth = kernels.depth;
        let blocks = grid.blocks(TILES);
        let parts = grid.split(&blocks, columns.count, output);
        let most = blocks.iter().map(Range::len).max().unwrap_or(0);
        let map_size = Layout::new(most, depth).size();
        let product_size = POSITIONS * product_position(columns, most);
        let group = (GROUP / (map_size + columns.panels() * product_size).max(1)).max(1);
        let mut maps = Scratch::take();
        let mut products = Scratch::take();
        let mut parts = parts.into_iter();
        for blocks in blocks.chunks(group) {
            let maps = maps.first(blocks.len() * map_size);
            maps.par_chunks_mut(map_size.max(1)).zip(blocks).for_each(|(maps, tiles)| {
                transform_input(simd, &grid, tiles.clone(), depth, input, maps);
            });
            let maps = &*maps;
            let products = products.first(columns.panels() * blocks.len() * product_size);
            let panels = products.par_chunks_mut((blocks.len() * product_size).max(1)).enumerate();
            panels.for_each(|(panel, products)| {
                let mut weights = Scratch::take();
                let piece = DEPTH.min(depth);
                let weights = weights.first(POSITIONS * odd_lines(piece * columns.width()));
                for start in (0..depth).step_by(piece.max(1)) {
                    let depth = start..(start + piece).min(depth);
                    transform_kernels(simd, &kernels, columns, panel, depth.clone(), weights);
                    for (at, tiles) in blocks.iter().enumerate() {
                        let maps = &maps[at * map_size..][..map_size];
                        let products = &mut products[at * product_size..][..product_size];
                        self.multiply(tiles.len(), panel, depth.clone(), maps, weights, products);
                    }
                }
            });
            let products = &*products;
            let parts: Vec<_> = parts.by_ref().take(blocks.len()).collect();
            blocks.par_iter().zip(parts).enumerate().for_each(|(at, (tiles, output))| {
                for panel in 0..columns.panels() {
                    let products = &products[(panel * blocks.len() + at) * product_size..][..product_size];
                    transform_products(simd, &grid, tiles.clone(), columns, panel, products, output);
                }
            });
        }
    }

    /// The products of transformed tiles and weights at all positions; written if `depth` begins at 0, else added.
    fn multiply(
        &self,
        tiles: usize,
        panel: usize,
        depth: Range<usize>,
        maps: &[f32],
        weights: &[f32],
        products: &mut [f32],
    ) {
        let layout = Layout::new(tiles, self.kernels.depth);
        let product_position = product_position(self.columns, tiles);
        let vectors = self.columns.vectors(panel);
        let weight_position = odd_lines(depth.len() * vectors * S::LANES);
        for position in 0..POSITIONS {
            let left = Left {
                values: &maps[position * layout.position + depth.start..],
                rows: tiles,
                depth: depth.len(),
                row_stride: layout.tile,
                depth_stride: 1,
            };
            let panel =
                Panel { values: &weights[position * weight_position..], stride: vectors * S::LANES, vectors };
            let target = &mut products[position * product_position..][..product_position];
            multiply(self.simd, left, panel, target, self.columns.width(), depth.start > 0);
        }
    }
}

//! Products transformed to clips `[batch, frames, height, width, channels]`.

use super::maps::{position, square};
use super::tiles::{Block, Columns, Grid};
use super::transform::{self, STEP, TILE};
use crate::buffer::Places;
use crate::simd::Simd;

/// Numbers from one position to the next in a panel of products.
pub fn product_position(columns: Columns, tiles: usize) -> usize {
    (tiles | 1) * columns.width()
}

/// A vector of products at all positions of a tile.
struct Products<'a> {
    values: &'a [f32],
    /// From one position to the next.
    stride: usize,
}

impl<'a> Products<'a> {
    #[inline(always)]
    fn new<S: Simd>(values: &'a [f32], positions: usize, stride: usize) -> Self {
        Self { values: &values[..(positions - 1) * stride + S::LANES], stride }
    }

    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, position: usize) -> S::Vector {
        debug_assert!(position * self.stride + S::LANES <= self.values.len(), "there is no such position");
        // SAFETY: the slice was cut behind the vector of the last position.
        #[allow(unsafe_code)]
        unsafe {
            simd.read(self.values.as_ptr().add(position * self.stride))
        }
    }
}

/// Writes `Aᵀ m A` of a panel of products to the output's places of the tiles of a block.
pub fn transform_products<S: Simd>(
    simd: S,
    grid: &Grid,
    block: &Block,
    columns: Columns,
    panel: usize,
    products: &[f32],
    output: &Places<'_>,
) {
    let size = grid.positions() * product_position(columns, block.len());
    assert!(products.len() >= size, "a panel of products is incomplete");
    if grid.is_square {
        simd.run(
            #[inline(always)]
            || write_outputs::<S, true>(simd, grid, block, columns, panel, products, output),
        );
    } else {
        simd.run(
            #[inline(always)]
            || write_outputs::<S, false>(simd, grid, block, columns, panel, products, output),
        );
    }
}

#[inline(always)]
fn write_outputs<S: Simd, const IS_SQUARE: bool>(
    simd: S,
    grid: &Grid,
    block: &Block,
    columns: Columns,
    panel: usize,
    products: &[f32],
    output: &Places<'_>,
) {
    let stride = product_position(columns, block.len());
    let (width, stretch) = (columns.width(), grid.width * columns.count);
    let mut room = [[simd.splat(0.0); STEP]; TILE];
    for (at, corner) in block.corners(grid, 0..block.len()).enumerate() {
        let start = (corner.image * grid.height + corner.top) * stretch + corner.left * columns.count;
        let height = (grid.height - corner.top).min(STEP);
        let across = (grid.width - corner.left).min(if IS_SQUARE { STEP } else { 1 });
        let is_whole = height == STEP && (across == STEP || !IS_SQUARE);
        for vector in 0..columns.vectors(panel) {
            let source = &products[at * width + vector * S::LANES..];
            let products = Products::new::<S>(source, grid.positions(), stride);
            let first = panel * width + vector * S::LANES;
            let used = (columns.count - first).min(S::LANES);
            let length = (height - 1) * stretch + (across - 1) * columns.count + used;
            let target = output.part(start + first, length);
            square::<S, TILE, STEP, IS_SQUARE>(
                simd,
                &mut room,
                #[inline(always)]
                |row, column| products.load(simd, position::<IS_SQUARE>(row, column)),
                #[inline(always)]
                |line| transform::output(simd, line),
                #[inline(always)]
                |row, column, vector| {
                    let start = row * stretch + column * columns.count;
                    // SAFETY: a vector of `used` numbers at a row below `height` and a column below `across` lies in this part of the output; it
                    // belongs to this tile and panel, and no other thread has them.
                    #[allow(unsafe_code)]
                    unsafe {
                        // Without checks for every vector this is a third faster, and nearly all tiles are whole.
                        if is_whole && used == S::LANES {
                            simd.write(target.add(start), vector);
                        } else if row < height && column < across {
                            if used == S::LANES {
                                simd.write(target.add(start), vector);
                            } else {
                                simd.write_part(target.add(start), vector, used);
                            }
                        }
                    }
                },
            );
        }
    }
}

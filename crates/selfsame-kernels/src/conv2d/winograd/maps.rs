//! Tiles between maps `[batch, height, width, channels]` and their transforms.

use std::ops::Range;

use super::tiles::{Columns, Corner, Grid, Layout};
use super::transform::{self, POSITIONS, STEP, TILE};
use crate::simd::Simd;

/// Transforms a square of `FROM`×`FROM` vectors, first all columns, then all rows.
#[inline(always)]
pub fn square<S: Simd, const FROM: usize, const TO: usize>(
    simd: S,
    room: &mut [[S::Vector; TO]; FROM],
    load: impl Fn(usize, usize) -> S::Vector,
    transform: impl Fn([S::Vector; FROM]) -> [S::Vector; TO],
    mut store: impl FnMut(usize, usize, S::Vector),
) {
    let mut line = [simd.splat(0.0); FROM];
    for (column, transformed) in room.iter_mut().enumerate() {
        for (row, vector) in line.iter_mut().enumerate() {
            *vector = load(row, column);
        }
        *transformed = transform(line);
    }
    for row in 0..TO {
        for (vector, column) in line.iter_mut().zip(&*room) {
            *vector = column[row];
        }
        for (column, vector) in transform(line).into_iter().enumerate() {
            store(row, column, vector);
        }
    }
}

/// A square of pixels, of which some may lie beside the map.
struct Window<'a, const SIDE: usize> {
    /// The rows of the map; those beside it are empty.
    rows: [&'a [f32]; SIDE],
    /// Where the columns begin in a row; those beside the map beyond its end.
    columns: [usize; SIDE],
}

impl<'a, const SIDE: usize> Window<'a, SIDE> {
    /// Begins `border` pixels above and left of a tile's outputs.
    #[inline(always)]
    fn new(grid: &Grid, channels: usize, maps: &'a [f32], corner: Corner, border: usize) -> Self {
        let stretch = grid.width * channels;
        let mut window = Self { rows: [&[]; SIDE], columns: [usize::MAX / 2; SIDE] };
        for (at, row) in window.rows.iter_mut().enumerate() {
            let y = (corner.top + at).wrapping_sub(border);
            if y < grid.height {
                *row = &maps[(corner.image * grid.height + y) * stretch..][..stretch];
            }
        }
        for (at, column) in window.columns.iter_mut().enumerate() {
            let x = (corner.left + at).wrapping_sub(border);
            if x < grid.width {
                *column = x * channels;
            }
        }
        window
    }

    /// The vector of channels that begins with `channel`, as far as there are `channels`.
    #[inline(always)]
    fn load<S: Simd>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        channel: usize,
        channels: usize,
    ) -> S::Vector {
        let start = self.columns[column] + channel;
        match self.rows[row].get(start..start + channels.min(S::LANES)) {
            Some(values) => simd.load(values),
            None => simd.splat(0.0),
        }
    }
}

/// Transforms the windows of `SIDE`×`SIDE` pixels of some tiles.
fn transform_windows<S: Simd, const SIDE: usize>(
    simd: S,
    grid: &Grid,
    tiles: Range<usize>,
    channels: usize,
    maps: &[f32],
    transformed: &mut [f32],
    one_dimension: impl Fn([S::Vector; SIDE]) -> [S::Vector; TILE] + Copy,
) {
    let layout = Layout::new(tiles.len(), channels);
    assert!(transformed.len() >= layout.size(), "transformed tiles need more room");
    simd.run(
        #[inline(always)]
        || {
            let mut room = [[simd.splat(0.0); TILE]; SIDE];
            for (at, tile) in tiles.enumerate() {
                let window = Window::<SIDE>::new(grid, channels, maps, grid.corner(tile), (SIDE - STEP) / 2);
                for channel in (0..channels).step_by(S::LANES) {
                    let count = (channels - channel).min(S::LANES);
                    let target = &mut transformed[at * layout.tile + channel..];
                    square(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| window.load(simd, row, column, channel, count),
                        one_dimension,
                        #[inline(always)]
                        |row, column, vector| {
                            simd.store(
                                &mut target[(row * TILE + column) * layout.position..][..S::LANES],
                                vector,
                            );
                        },
                    );
                }
            }
        },
    );
}

/// `Bᵀ d B` of some tiles of the input.
pub fn transform_input<S: Simd>(
    simd: S,
    grid: &Grid,
    tiles: Range<usize>,
    channels: usize,
    maps: &[f32],
    transformed: &mut [f32],
) {
    transform_windows::<S, TILE>(
        simd,
        grid,
        tiles,
        channels,
        maps,
        transformed,
        #[inline(always)]
        |line| transform::input(simd, line),
    );
}

/// `A g Aᵀ` of some tiles of the output's gradient.
pub fn transform_output_gradient<S: Simd>(
    simd: S,
    grid: &Grid,
    tiles: Range<usize>,
    channels: usize,
    maps: &[f32],
    transformed: &mut [f32],
) {
    transform_windows::<S, STEP>(
        simd,
        grid,
        tiles,
        channels,
        maps,
        transformed,
        #[inline(always)]
        |line| transform::output_gradient(simd, line),
    );
}

/// Numbers from one position to the next in a panel of products.
pub fn product_position(columns: Columns, tiles: usize) -> usize {
    (tiles | 1) * columns.width()
}

/// A vector of products at all positions of a tile.
struct Products<'a> {
    values: &'a [f32],
    /// From one position to the next.
    position: usize,
}

impl<'a> Products<'a> {
    #[inline(always)]
    fn new<S: Simd>(values: &'a [f32], position: usize) -> Self {
        Self { values: &values[..(POSITIONS - 1) * position + S::LANES], position }
    }

    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, row: usize, column: usize) -> S::Vector {
        debug_assert!(row < TILE && column < TILE, "there is no such position");
        // SAFETY: the slice was cut behind the vector of the last position.
        #[allow(unsafe_code)]
        unsafe {
            simd.read(self.values.as_ptr().add((row * TILE + column) * self.position))
        }
    }
}

/// Writes `Aᵀ m A` of a panel of products to the part `maps` of the output that belongs to the block of `tiles`.
pub fn transform_products<S: Simd>(
    simd: S,
    grid: &Grid,
    tiles: Range<usize>,
    columns: Columns,
    panel: usize,
    products: &[f32],
    maps: &mut [f32],
) {
    let position = product_position(columns, tiles.len());
    let (width, stretch) = (columns.width(), grid.width * columns.count);
    assert!(products.len() >= POSITIONS * position, "a panel of products is incomplete");
    let Some(first) = tiles.clone().next().map(|tile| grid.corner(tile)) else { return };
    let first_row = first.image * grid.height + first.top;
    simd.run(
        #[inline(always)]
        || {
            let mut room = [[simd.splat(0.0); STEP]; TILE];
            for (at, tile) in tiles.enumerate() {
                let corner = grid.corner(tile);
                let start = (corner.image * grid.height + corner.top - first_row) * stretch
                    + corner.left * columns.count;
                let (height, across) = (grid.height - corner.top, grid.width - corner.left);
                for vector in 0..columns.vectors(panel) {
                    let source = &products[at * width + vector * S::LANES..];
                    let column = panel * width + vector * S::LANES;
                    let used = (columns.count - column).min(S::LANES);
                    let target = &mut maps[start + column..];
                    let tile = Products::new::<S>(source, position);
                    if height >= STEP && across >= STEP && used == S::LANES {
                        // Without a check for every vector this is a third faster, and nearly all tiles are whole.
                        let target = &mut target[..(STEP - 1) * (stretch + columns.count) + S::LANES];
                        square(
                            simd,
                            &mut room,
                            #[inline(always)]
                            |row, column| tile.load(simd, row, column),
                            #[inline(always)]
                            |line| transform::output(simd, line),
                            #[inline(always)]
                            |row, column, vector| {
                                let start = row * stretch + column * columns.count;
                                // SAFETY: `row` and `column` are below `STEP`, and `target` ends with the vector of the last pixel.
                                #[allow(unsafe_code)]
                                unsafe {
                                    simd.write(target.as_mut_ptr().add(start), vector);
                                }
                            },
                        );
                    } else {
                        square(
                            simd,
                            &mut room,
                            #[inline(always)]
                            |row, column| tile.load(simd, row, column),
                            #[inline(always)]
                            |line| transform::output(simd, line),
                            #[inline(always)]
                            |row, column, vector| {
                                if row < height && column < across {
                                    let start = row * stretch + column * columns.count;
                                    simd.store(&mut target[start..][..used], vector);
                                }
                            },
                        );
                    }
                }
            }
        },
    );
}

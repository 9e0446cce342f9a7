//! Tiles of clips `[batch, frames, height, width, channels]`, transformed.

use super::tiles::{Block, Corner, Grid, Layout};
use super::transform::{self, STEP, TILE};
use crate::simd::Simd;

/// Transforms a square of `FROM`×`FROM` vectors, first all columns, then all rows; or a single column.
#[inline(always)]
pub fn square<S: Simd, const FROM: usize, const TO: usize, const IS_SQUARE: bool>(
    simd: S,
    room: &mut [[S::Vector; TO]; FROM],
    load: impl Fn(usize, usize) -> S::Vector,
    transform: impl Fn([S::Vector; FROM]) -> [S::Vector; TO],
    mut store: impl FnMut(usize, usize, S::Vector),
) {
    let mut line = [simd.splat(0.0); FROM];
    if !IS_SQUARE {
        for (row, vector) in line.iter_mut().enumerate() {
            *vector = load(row, 0);
        }
        for (row, vector) in transform(line).into_iter().enumerate() {
            store(row, 0, vector);
        }
        return;
    }
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

/// The number of a position in a transformed tile.
#[inline(always)]
pub fn position<const IS_SQUARE: bool>(row: usize, column: usize) -> usize {
    if IS_SQUARE { row * TILE + column } else { row }
}

/// A square or a column of pixels, of which some may lie beside the map.
struct Window<'a, const SIDE: usize> {
    /// The rows of the map; those beside it are empty.
    rows: [&'a [f32]; SIDE],
    /// Where the columns begin in a row; those beside the map beyond its end.
    columns: [usize; SIDE],
}

impl<'a, const SIDE: usize> Window<'a, SIDE> {
    /// Begins `border` pixels above a tile's outputs, and as many left of them if it is square.
    #[inline(always)]
    fn new<const IS_SQUARE: bool>(
        grid: &Grid,
        channels: usize,
        maps: &'a [f32],
        corner: Corner,
        border: usize,
    ) -> Self {
        let stretch = grid.width * channels;
        let mut window = Self { rows: [&[]; SIDE], columns: [usize::MAX / 2; SIDE] };
        for (at, row) in window.rows.iter_mut().enumerate() {
            let y = (corner.top + at).wrapping_sub(border);
            if y < grid.height {
                *row = &maps[(corner.image * grid.height + y) * stretch..][..stretch];
            }
        }
        if !IS_SQUARE {
            window.columns[0] = corner.left * channels;
            return window;
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

/// Maps of which windows are transformed.
struct Source<'a> {
    grid: &'a Grid,
    block: &'a Block,
    channels: usize,
    maps: &'a [f32],
}

impl Source<'_> {
    /// Transforms the windows, `SIDE` pixels high, of all tiles.
    #[inline(always)]
    fn transform<S: Simd, const SIDE: usize>(
        &self,
        simd: S,
        transformed: &mut [f32],
        one_dimension: impl Fn([S::Vector; SIDE]) -> [S::Vector; TILE] + Copy,
    ) {
        let layout = Layout::new(self.block.len(), self.channels);
        let size = self.grid.positions() * layout.position;
        assert!(transformed.len() >= size, "transformed tiles need more room");
        if self.grid.is_square {
            simd.run(
                #[inline(always)]
                || self.windows::<S, SIDE, true>(simd, layout, transformed, one_dimension),
            );
        } else {
            simd.run(
                #[inline(always)]
                || self.windows::<S, SIDE, false>(simd, layout, transformed, one_dimension),
            );
        }
    }

    #[inline(always)]
    fn windows<S: Simd, const SIDE: usize, const IS_SQUARE: bool>(
        &self,
        simd: S,
        layout: Layout,
        transformed: &mut [f32],
        one_dimension: impl Fn([S::Vector; SIDE]) -> [S::Vector; TILE] + Copy,
    ) {
        let Self { grid, block, channels, maps } = *self;
        let border = (SIDE - STEP) / 2;
        let mut room = [[simd.splat(0.0); TILE]; SIDE];
        for (at, corner) in block.corners(grid).enumerate() {
            let window = Window::<SIDE>::new::<IS_SQUARE>(grid, channels, maps, corner, border);
            for channel in (0..channels).step_by(S::LANES) {
                let count = (channels - channel).min(S::LANES);
                let target = &mut transformed[at * layout.tile + channel..];
                square::<S, SIDE, TILE, IS_SQUARE>(
                    simd,
                    &mut room,
                    #[inline(always)]
                    |row, column| window.load(simd, row, column, channel, count),
                    one_dimension,
                    #[inline(always)]
                    |row, column, vector| {
                        let start = position::<IS_SQUARE>(row, column) * layout.position;
                        simd.store(&mut target[start..][..S::LANES], vector);
                    },
                );
            }
        }
    }
}

/// `Bᵀ d B` of some tiles of the input.
pub fn transform_input<S: Simd>(
    simd: S,
    grid: &Grid,
    block: &Block,
    channels: usize,
    maps: &[f32],
    transformed: &mut [f32],
) {
    let source = Source { grid, block, channels, maps };
    source.transform::<S, TILE>(
        simd,
        transformed,
        #[inline(always)]
        |line| transform::input(simd, line),
    );
}

/// `A g Aᵀ` of some tiles of the output's gradient.
pub fn transform_output_gradient<S: Simd>(
    simd: S,
    grid: &Grid,
    block: &Block,
    channels: usize,
    maps: &[f32],
    transformed: &mut [f32],
) {
    let source = Source { grid, block, channels, maps };
    source.transform::<S, STEP>(
        simd,
        transformed,
        #[inline(always)]
        |line| transform::output_gradient(simd, line),
    );
}

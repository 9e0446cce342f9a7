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
    /// Begins the source's border above a tile's outputs, and as far left of them if it is square.
    #[inline(always)]
    fn new<const IS_SQUARE: bool>(source: &Source<'a>, corner: Corner) -> Self {
        let Source { maps, channels, size: [height, width], border, .. } = *source;
        let stretch = width * channels;
        let mut window = Self { rows: [&[]; SIDE], columns: [usize::MAX / 2; SIDE] };
        for (at, row) in window.rows.iter_mut().enumerate() {
            let y = (corner.top + at).wrapping_sub(border);
            if y < height {
                *row = &maps[(corner.image * height + y) * stretch..][..stretch];
            }
        }
        if !IS_SQUARE {
            window.columns[0] = corner.left * channels;
            return window;
        }
        for (at, column) in window.columns.iter_mut().enumerate() {
            let x = (corner.left + at).wrapping_sub(border);
            if x < width {
                *column = x * channels;
            }
        }
        window
    }

    /// Whether all pixels lie in the map.
    #[inline(always)]
    fn is_whole<const IS_SQUARE: bool>(&self) -> bool {
        let columns = if IS_SQUARE { SIDE } else { 1 };
        self.rows.iter().all(|row| !row.is_empty())
            && self.columns[..columns].iter().all(|at| *at < usize::MAX / 2)
    }

    /// [`load`](Self::load) of a whole vector.
    ///
    /// # Safety
    ///
    /// The window must be whole, and a vector of channels begin with `channel`.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn load_unchecked<S: Simd>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        channel: usize,
    ) -> S::Vector {
        let start = self.columns[column] + channel;
        debug_assert!(start + S::LANES <= self.rows[row].len(), "a vector lies beside the map");
        // SAFETY: all columns of a whole window lie in its rows with all of their channels.
        unsafe { simd.read(self.rows[row].as_ptr().add(start)) }
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

/// Where a tile's transform goes.
struct Store {
    target: *mut f32,
    /// From one position to the next.
    stride: usize,
}

impl Store {
    /// # Safety
    ///
    /// There must be room for a vector at this position.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn at<S: Simd, const IS_SQUARE: bool>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        vector: S::Vector,
    ) {
        // SAFETY: as the caller vouches.
        unsafe { simd.write(self.target.add(position::<IS_SQUARE>(row, column) * self.stride), vector) }
    }
}

/// Maps of which windows are transformed.
struct Source<'a> {
    grid: &'a Grid,
    block: &'a Block,
    channels: usize,
    maps: &'a [f32],
    /// Rows and columns of the maps.
    size: [usize; 2],
    /// Zeros around them.
    border: usize,
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
        let Self { grid, block, channels, .. } = *self;
        let mut room = [[simd.splat(0.0); TILE]; SIDE];
        for (at, corner) in block.corners(grid).enumerate() {
            let window = Window::<SIDE>::new::<IS_SQUARE>(self, corner);
            let is_whole = window.is_whole::<IS_SQUARE>();
            for channel in (0..channels).step_by(S::LANES) {
                let count = (channels - channel).min(S::LANES);
                let first = at * layout.tile + channel;
                let last = first + (grid.positions() - 1) * layout.position;
                let target = &mut transformed[first..last + S::LANES];
                let store = Store { target: target.as_mut_ptr(), stride: layout.position };
                if is_whole && count == S::LANES {
                    square::<S, SIDE, TILE, IS_SQUARE>(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| {
                            // SAFETY: the window is whole, and there are channels enough.
                            #[allow(unsafe_code)]
                            unsafe {
                                window.load_unchecked(simd, row, column, channel)
                            }
                        },
                        one_dimension,
                        // SAFETY: the target ends with the vector of the last position.
                        #[allow(unsafe_code)]
                        #[inline(always)]
                        |row, column, vector| unsafe { store.at::<S, IS_SQUARE>(simd, row, column, vector) },
                    );
                } else {
                    square::<S, SIDE, TILE, IS_SQUARE>(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| window.load(simd, row, column, channel, count),
                        one_dimension,
                        // SAFETY: as above.
                        #[allow(unsafe_code)]
                        #[inline(always)]
                        |row, column, vector| unsafe { store.at::<S, IS_SQUARE>(simd, row, column, vector) },
                    );
                }
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
    let source = Source { grid, block, channels, maps, size: grid.source, border: grid.border };
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
    let source = Source { grid, block, channels, maps, size: [grid.height, grid.width], border: 0 };
    source.transform::<S, STEP>(
        simd,
        transformed,
        #[inline(always)]
        |line| transform::output_gradient(simd, line),
    );
}

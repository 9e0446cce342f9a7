//! Tiles of clips `[batch, frames, height, width, channels]`, transformed.

use std::ops::Range;

use super::tiles::{Block, Corner, Grid, LINE, Layout};
use super::transform::{self, STEP, TILE};
use crate::buffer::Places;
use crate::convolution::scratch::Scratch;
use crate::simd::{Simd, prefetch};

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

/// A square or a column of pixels: where the channels of each lie. Beside the map they are zeros, so that nothing is asked for every vector: on small maps
/// most tiles reach over an edge.
struct Window<const SIDE: usize>([[*const f32; SIDE]; SIDE]);

impl<const SIDE: usize> Window<SIDE> {
    /// Begins the source's border above a tile's outputs, and as far left of them if it is square. There are as many `zeros` as channels.
    #[inline(always)]
    fn new<const IS_SQUARE: bool>(source: &Source<'_>, corner: Corner, zeros: &[f32]) -> Self {
        let Source { maps, channels, size: [height, width], border, .. } = *source;
        debug_assert_eq!(zeros.len(), channels, "a pixel beside the map has other channels");
        let stretch = width * channels;
        let mut pixels = [[zeros.as_ptr(); SIDE]; SIDE];
        for (at, pixels) in pixels.iter_mut().enumerate() {
            let y = (corner.top + at).wrapping_sub(border);
            if y >= height {
                continue;
            }
            let row = &maps[(corner.image * height + y) * stretch..][..stretch];
            if !IS_SQUARE {
                pixels[0] = row[corner.left * channels..].as_ptr();
                continue;
            }
            for (at, pixel) in pixels.iter_mut().enumerate() {
                let x = (corner.left + at).wrapping_sub(border);
                let inside = row.as_ptr().wrapping_add(x.wrapping_mul(channels));
                *pixel = if x < width { inside } else { *pixel };
            }
        }
        Self(pixels)
    }

    /// The vector of channels that begins with `channel`; `count` of them are left.
    ///
    /// # Safety
    ///
    /// The pixels must have so many channels.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn load<S: Simd, const IS_WHOLE: bool>(
        &self,
        simd: S,
        [row, column]: [usize; 2],
        channel: usize,
        count: usize,
    ) -> S::Vector {
        // SAFETY: a pixel is followed by its channels, or by as many zeros.
        unsafe {
            let from = self.0[row][column].add(channel);
            if IS_WHOLE { simd.read(from) } else { simd.read_part(from, count) }
        }
    }

    /// Has the channels from `channel` on fetched that the tile below reads and this one does not: the CPU sees by itself only what comes next in a row,
    /// and most of these transforms' time would go into waiting.
    #[inline(always)]
    fn fetch_below(&self, stretch: usize, channel: usize) {
        for row in SIDE - STEP..SIDE {
            for column in (SIDE - STEP) / 2..(SIDE + STEP) / 2 {
                prefetch(self.0[row][column].wrapping_add(STEP * stretch + channel));
            }
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
    /// Transforms the windows, `SIDE` pixels high, of some tiles of the block.
    #[inline(always)]
    fn transform<S: Simd, const SIDE: usize>(
        &self,
        simd: S,
        tiles: Range<usize>,
        transformed: &Places<'_>,
        one_dimension: impl Fn([S::Vector; SIDE]) -> [S::Vector; TILE] + Copy,
    ) {
        let layout = Layout::new(self.block.len(), self.channels);
        if self.grid.is_square {
            simd.run(
                #[inline(always)]
                || self.windows::<S, SIDE, true>(simd, layout, tiles, transformed, one_dimension),
            );
        } else {
            simd.run(
                #[inline(always)]
                || self.windows::<S, SIDE, false>(simd, layout, tiles, transformed, one_dimension),
            );
        }
    }

    #[inline(always)]
    fn windows<S: Simd, const SIDE: usize, const IS_SQUARE: bool>(
        &self,
        simd: S,
        layout: Layout,
        tiles: Range<usize>,
        transformed: &Places<'_>,
        one_dimension: impl Fn([S::Vector; SIDE]) -> [S::Vector; TILE] + Copy,
    ) {
        let Self { grid, block, channels, size, .. } = *self;
        let mut room = [[simd.splat(0.0); TILE]; SIDE];
        let mut zeros = Scratch::take();
        let zeros = zeros.first(channels);
        zeros.fill(0.0);
        for (at, corner) in tiles.clone().zip(block.corners(grid, tiles)) {
            let window = Window::<SIDE>::new::<IS_SQUARE>(self, corner, zeros);
            for channel in (0..channels).step_by(S::LANES) {
                let count = channels - channel;
                let first = at * layout.tile + channel;
                let last = first + (grid.positions() - 1) * layout.position;
                let target = transformed.part(first, last + S::LANES - first);
                let store = Store { target, stride: layout.position };
                if IS_SQUARE && channel.is_multiple_of(LINE) {
                    window.fetch_below(size[1] * channels, channel);
                }
                // SAFETY: there are `count` channels more. The target ends with the vector of the last position; it belongs to this tile, and no other thread
                // has it.
                #[allow(unsafe_code)]
                if count >= S::LANES {
                    square::<S, SIDE, TILE, IS_SQUARE>(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| unsafe { window.load::<S, true>(simd, [row, column], channel, count) },
                        one_dimension,
                        #[inline(always)]
                        |row, column, vector| unsafe { store.at::<S, IS_SQUARE>(simd, row, column, vector) },
                    );
                } else {
                    square::<S, SIDE, TILE, IS_SQUARE>(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| unsafe { window.load::<S, false>(simd, [row, column], channel, count) },
                        one_dimension,
                        #[inline(always)]
                        |row, column, vector| unsafe { store.at::<S, IS_SQUARE>(simd, row, column, vector) },
                    );
                }
            }
        }
    }
}

/// `Bᵀ d B` of some tiles of a block of the input.
pub fn transform_input<S: Simd>(
    simd: S,
    grid: &Grid,
    block: &Block,
    tiles: Range<usize>,
    channels: usize,
    maps: &[f32],
    transformed: &Places<'_>,
) {
    let source = Source { grid, block, channels, maps, size: grid.source, border: grid.border };
    source.transform::<S, TILE>(
        simd,
        tiles,
        transformed,
        #[inline(always)]
        |line| transform::input(simd, line),
    );
}

/// `A g Aᵀ` of some tiles of a block of the output's gradient.
pub fn transform_output_gradient<S: Simd>(
    simd: S,
    grid: &Grid,
    block: &Block,
    tiles: Range<usize>,
    channels: usize,
    maps: &[f32],
    transformed: &Places<'_>,
) {
    let source = Source { grid, block, channels, maps, size: [grid.height, grid.width], border: 0 };
    source.transform::<S, STEP>(
        simd,
        tiles,
        transformed,
        #[inline(always)]
        |line| transform::output_gradient(simd, line),
    );
}

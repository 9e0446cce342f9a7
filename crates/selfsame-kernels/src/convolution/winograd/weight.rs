//! Weights between `[outputs, channels, frames, 3, 3]` (or `1, 1` for columns of tiles, whose three rows are frames) and their transforms in panels.

use std::ops::Range;

use super::frames::Frames;
use super::maps::{position, square};
use super::tiles::{Columns, Grid, odd_lines};
use super::transform::{self, KERNEL, TILE};
use crate::simd::{MOST_LANES, Simd};

/// Most values of a kernel's frame.
const TAPS: usize = KERNEL * KERNEL;
/// Kernels of a row of the weight that are gathered or scattered at once, because a vector can be read only some time after its numbers were
/// written one by one.
const STEPS: usize = 8;

/// A weight seen as matrices `[depth, columns]`, one for each value of a kernel.
#[derive(Clone, Copy)]
pub struct Kernels<'a> {
    pub values: &'a [f32],
    pub depth: usize,
    pub columns: usize,
    /// Frames of the kernels.
    frames: usize,
    is_square: bool,
    /// From one step of depth to the next.
    depth_stride: usize,
    /// From one column to the next.
    column_stride: usize,
    /// Whether the kernels are turned by 180 degrees, and in time.
    is_turned: bool,
}

impl<'a> Kernels<'a> {
    /// For the convolution: input channels deep, one column for each output channel.
    pub fn forward(values: &'a [f32], grid: &Grid, frames: &Frames, [channels, outputs]: [usize; 2]) -> Self {
        let (taps, frames) = (grid.taps(), frames.taps);
        assert_eq!(
            values.len(),
            outputs * channels * frames * taps,
            "a convolution's weight has another size"
        );
        Self {
            values,
            depth: channels,
            columns: outputs,
            frames,
            is_square: grid.is_square,
            depth_stride: frames * taps,
            column_stride: channels * frames * taps,
            is_turned: false,
        }
    }

    /// For the gradient of the input: the other way round, with turned kernels.
    pub fn backward(values: &'a [f32], grid: &Grid, frames: &Frames, sizes: [usize; 2]) -> Self {
        let forward = Self::forward(values, grid, frames, sizes);
        Self {
            depth: forward.columns,
            columns: forward.depth,
            depth_stride: forward.column_stride,
            column_stride: forward.depth_stride,
            is_turned: true,
            ..forward
        }
    }

    /// Writes `G w Gᵀ` of a frame of the kernels in `depth` and of the columns of a panel as `[positions, depth, columns of the panel]`.
    pub fn transform<S: Simd>(
        &self,
        simd: S,
        columns: Columns,
        panel: usize,
        frame: usize,
        depth: Range<usize>,
        transformed: &mut [f32],
    ) {
        if self.is_square {
            simd.run(
                #[inline(always)]
                || self.write::<S, true>(simd, columns, panel, frame, depth, transformed),
            );
        } else {
            simd.run(
                #[inline(always)]
                || self.write::<S, false>(simd, columns, panel, frame, depth, transformed),
            );
        }
    }

    #[inline(always)]
    fn write<S: Simd, const IS_SQUARE: bool>(
        &self,
        simd: S,
        columns: Columns,
        panel: usize,
        frame: usize,
        depth: Range<usize>,
        transformed: &mut [f32],
    ) {
        let width = columns.vectors(panel) * S::LANES;
        let stride = odd_lines(depth.len() * width);
        let frame = if self.is_turned { self.frames - 1 - frame } else { frame };
        let count = if IS_SQUARE { TAPS } else { KERNEL };
        let mut room = [[simd.splat(0.0); TILE]; KERNEL];
        let mut taps = [[[0.0; MOST_LANES]; TAPS]; STEPS];
        for vector in 0..columns.vectors(panel) {
            let first = panel * columns.width() + vector * S::LANES;
            let used = first..columns.count.min(first + S::LANES);
            for begin in depth.clone().step_by(STEPS) {
                let steps = begin..depth.end.min(begin + STEPS);
                for (lane, column) in used.clone().enumerate() {
                    let start = begin * self.depth_stride + column * self.column_stride + frame * count;
                    for (step, taps) in taps[..steps.len()].iter_mut().enumerate() {
                        let kernel = &self.values[start + step * self.depth_stride..][..count];
                        for (tap, value) in taps.iter_mut().zip(kernel) {
                            tap[lane] = *value;
                        }
                    }
                }
                for (taps, step) in taps.iter().zip(steps) {
                    let target = &mut transformed[(step - depth.start) * width + vector * S::LANES..];
                    square::<S, KERNEL, TILE, IS_SQUARE>(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| {
                            let tap = tap::<IS_SQUARE>(row, column);
                            simd.load(&taps[if self.is_turned { count - 1 - tap } else { tap }])
                        },
                        #[inline(always)]
                        |line| transform::weight(simd, line),
                        #[inline(always)]
                        |row, column, vector| {
                            let start = position::<IS_SQUARE>(row, column) * stride;
                            simd.store(&mut target[start..][..S::LANES], vector);
                        },
                    );
                }
            }
        }
    }
}

/// The number of a value in a frame of a kernel.
#[inline(always)]
fn tap<const IS_SQUARE: bool>(row: usize, column: usize) -> usize {
    if IS_SQUARE { row * KERNEL + column } else { row }
}

/// Where sums belong in the gradient: those of some channels of a frame of the kernels.
#[derive(Clone)]
pub struct Part {
    pub frame: usize,
    /// Frames of the kernels.
    pub frames: usize,
    pub channels: Range<usize>,
    pub all_channels: usize,
}

/// Adds `Gᵀ s G` of a panel of sums `[positions, channels of the part, columns of the panel]` to the gradients of its kernels, `[outputs of the panel,
/// all channels, frames, taps]`.
pub fn add_gradients<S: Simd>(
    simd: S,
    grid: &Grid,
    columns: Columns,
    panel: usize,
    part: &Part,
    sums: &[f32],
    gradient: &mut [f32],
) {
    if grid.is_square {
        simd.run(
            #[inline(always)]
            || add::<S, true>(simd, columns, panel, part, sums, gradient),
        );
    } else {
        simd.run(
            #[inline(always)]
            || add::<S, false>(simd, columns, panel, part, sums, gradient),
        );
    }
}

#[inline(always)]
fn add<S: Simd, const IS_SQUARE: bool>(
    simd: S,
    columns: Columns,
    panel: usize,
    part: &Part,
    sums: &[f32],
    gradient: &mut [f32],
) {
    let Part { frame, frames, ref channels, all_channels } = *part;
    let width = columns.width();
    let stride = odd_lines(channels.len() * width);
    let count = if IS_SQUARE { TAPS } else { KERNEL };
    let mut room = [[simd.splat(0.0); KERNEL]; TILE];
    let mut taps = [[[0.0; MOST_LANES]; TAPS]; STEPS];
    for vector in 0..columns.vectors(panel) {
        let first = vector * S::LANES;
        let used = first..(columns.count - panel * width).min(first + S::LANES);
        for begin in channels.clone().step_by(STEPS) {
            let steps = begin..channels.end.min(begin + STEPS);
            for (taps, channel) in taps.iter_mut().zip(steps.clone()) {
                let source = &sums[(channel - channels.start) * width + first..];
                square::<S, TILE, KERNEL, IS_SQUARE>(
                    simd,
                    &mut room,
                    #[inline(always)]
                    |row, column| {
                        simd.load(&source[position::<IS_SQUARE>(row, column) * stride..][..S::LANES])
                    },
                    #[inline(always)]
                    |line| transform::weight_gradient(simd, line),
                    #[inline(always)]
                    |row, column, vector| simd.store(&mut taps[tap::<IS_SQUARE>(row, column)], vector),
                );
            }
            for (lane, output) in used.clone().enumerate() {
                let start = (output * all_channels + begin) * frames * count;
                let kernels =
                    gradient[start..][..steps.len() * frames * count].chunks_exact_mut(frames * count);
                for (kernel, taps) in kernels.zip(&taps) {
                    for (value, tap) in kernel[frame * count..][..count].iter_mut().zip(taps) {
                        *value += tap[lane];
                    }
                }
            }
        }
    }
}

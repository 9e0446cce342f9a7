//! Weights between `[outputs, channels, 3, 3]` and their transforms in panels.

use std::ops::Range;

use super::maps::square;
use super::tiles::{Columns, odd_lines};
use super::transform::{self, POSITIONS, TILE};
use crate::simd::{MOST_LANES, Simd};

/// Side of the kernel.
const KERNEL: usize = 3;
/// Values of a kernel.
pub const TAPS: usize = KERNEL * KERNEL;

/// A weight seen as matrices `[depth, columns]`, one for each of the nine values of a kernel.
#[derive(Clone, Copy)]
pub struct Kernels<'a> {
    pub values: &'a [f32],
    pub depth: usize,
    pub columns: usize,
    /// From one step of depth to the next.
    depth_stride: usize,
    /// From one column to the next.
    column_stride: usize,
    /// Whether the kernels are turned by 180 degrees.
    is_turned: bool,
}

impl<'a> Kernels<'a> {
    /// For the convolution: input channels deep, one column for each output channel.
    pub fn forward(values: &'a [f32], channels: usize, outputs: usize) -> Self {
        Self {
            values,
            depth: channels,
            columns: outputs,
            depth_stride: TAPS,
            column_stride: channels * TAPS,
            is_turned: false,
        }
    }

    /// For the gradient of the input: the other way round, with turned kernels.
    pub fn backward(values: &'a [f32], channels: usize, outputs: usize) -> Self {
        Self {
            values,
            depth: outputs,
            columns: channels,
            depth_stride: channels * TAPS,
            column_stride: TAPS,
            is_turned: true,
        }
    }
}

/// Writes `G w Gᵀ` of the kernels in `depth` and of the columns of a panel as `[positions, depth, columns of the panel]`.
pub fn transform_kernels<S: Simd>(
    simd: S,
    kernels: &Kernels<'_>,
    columns: Columns,
    panel: usize,
    depth: Range<usize>,
    transformed: &mut [f32],
) {
    let width = columns.vectors(panel) * S::LANES;
    let position = odd_lines(depth.len() * width);
    assert!(transformed.len() >= POSITIONS * position, "transformed weights need more room");
    simd.run(
        #[inline(always)]
        || {
            let mut room = [[simd.splat(0.0); TILE]; KERNEL];
            for (at, step) in depth.enumerate() {
                for vector in 0..columns.vectors(panel) {
                    let first = panel * columns.width() + vector * S::LANES;
                    let used = (columns.count - first).min(S::LANES);
                    // One row of lanes for every value of a kernel.
                    let mut taps = [[0.0; MOST_LANES]; TAPS];
                    for (lane, column) in (first..first + used).enumerate() {
                        let start = step * kernels.depth_stride + column * kernels.column_stride;
                        let kernel = &kernels.values[start..start + TAPS];
                        for (tap, value) in kernel.iter().enumerate() {
                            taps[if kernels.is_turned { TAPS - 1 - tap } else { tap }][lane] = *value;
                        }
                    }
                    let target = &mut transformed[at * width + vector * S::LANES..];
                    square(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| simd.load(&taps[row * KERNEL + column]),
                        #[inline(always)]
                        |line| transform::weight(simd, line),
                        #[inline(always)]
                        |row, column, vector| {
                            simd.store(&mut target[(row * TILE + column) * position..][..S::LANES], vector);
                        },
                    );
                }
            }
        },
    );
}

/// Adds `Gᵀ s G` of a panel of sums `[positions, channels of the chunk, columns of the panel]` to the gradients of its kernels, `[outputs of the panel,
/// all channels, 3, 3]`.
pub fn add_gradients<S: Simd>(
    simd: S,
    columns: Columns,
    panel: usize,
    channels: Range<usize>,
    all_channels: usize,
    sums: &[f32],
    gradient: &mut [f32],
) {
    let width = columns.width();
    let position = odd_lines(channels.len() * width);
    simd.run(
        #[inline(always)]
        || {
            let mut room = [[simd.splat(0.0); KERNEL]; TILE];
            for (at, channel) in channels.enumerate() {
                for vector in 0..columns.vectors(panel) {
                    let first = vector * S::LANES;
                    let used = (columns.count - panel * width - first).min(S::LANES);
                    let source = &sums[at * width + first..];
                    let mut taps = [[0.0; MOST_LANES]; TAPS];
                    square(
                        simd,
                        &mut room,
                        #[inline(always)]
                        |row, column| simd.load(&source[(row * TILE + column) * position..][..S::LANES]),
                        #[inline(always)]
                        |line| transform::weight_gradient(simd, line),
                        #[inline(always)]
                        |row, column, vector| simd.store(&mut taps[row * KERNEL + column], vector),
                    );
                    for (lane, output) in (first..first + used).enumerate() {
                        let start = (output * all_channels + channel) * TAPS;
                        let kernel = &mut gradient[start..start + TAPS];
                        for (value, tap) in kernel.iter_mut().zip(&taps) {
                            *value += tap[lane];
                        }
                    }
                }
            }
        },
    );
}

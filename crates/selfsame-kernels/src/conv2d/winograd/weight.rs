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
/// Kernels of a row of the weight that are gathered or scattered at once, because a vector can be read only some time after its numbers were
/// written one by one.
const STEPS: usize = 8;

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
            let mut taps = [[[0.0; MOST_LANES]; TAPS]; STEPS];
            for vector in 0..columns.vectors(panel) {
                let first = panel * columns.width() + vector * S::LANES;
                let used = first..columns.count.min(first + S::LANES);
                for begin in depth.clone().step_by(STEPS) {
                    let steps = begin..depth.end.min(begin + STEPS);
                    for (lane, column) in used.clone().enumerate() {
                        let start = begin * kernels.depth_stride + column * kernels.column_stride;
                        for (step, taps) in taps[..steps.len()].iter_mut().enumerate() {
                            let kernel = &kernels.values[start + step * kernels.depth_stride..][..TAPS];
                            for (tap, value) in taps.iter_mut().zip(kernel) {
                                tap[lane] = *value;
                            }
                        }
                    }
                    for (taps, step) in taps.iter().zip(steps) {
                        let target = &mut transformed[(step - depth.start) * width + vector * S::LANES..];
                        square(
                            simd,
                            &mut room,
                            #[inline(always)]
                            |row, column| {
                                let tap = row * KERNEL + column;
                                simd.load(&taps[if kernels.is_turned { TAPS - 1 - tap } else { tap }])
                            },
                            #[inline(always)]
                            |line| transform::weight(simd, line),
                            #[inline(always)]
                            |row, column, vector| {
                                let start = (row * TILE + column) * position;
                                simd.store(&mut target[start..][..S::LANES], vector);
                            },
                        );
                    }
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
            let mut taps = [[[0.0; MOST_LANES]; TAPS]; STEPS];
            for vector in 0..columns.vectors(panel) {
                let first = vector * S::LANES;
                let used = first..(columns.count - panel * width).min(first + S::LANES);
                for begin in channels.clone().step_by(STEPS) {
                    let steps = begin..channels.end.min(begin + STEPS);
                    for (taps, channel) in taps.iter_mut().zip(steps.clone()) {
                        let source = &sums[(channel - channels.start) * width + first..];
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
                    }
                    for (lane, output) in used.clone().enumerate() {
                        let start = (output * all_channels + begin) * TAPS;
                        let kernels = &mut gradient[start..start + steps.len() * TAPS];
                        for (value, tap) in kernels.iter_mut().zip(taps.as_flattened()) {
                            *value += tap[lane];
                        }
                    }
                }
            }
        },
    );
}

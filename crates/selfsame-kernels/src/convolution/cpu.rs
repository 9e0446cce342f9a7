//! Convolution of `f32` values on the CPU.

use super::convolve::convolve;
use super::extent::Extent;
use super::panels::{Axis, Panels};
use super::reach::Reach;
use super::registers::Block;
use super::tile::Clips;
use super::winograd::Tiling;
use super::{spread, weight};
use crate::simd::{Simd, Work, on_this_cpu};

/// See [`conv3d`](super::conv3d).
pub fn forward(extent: &Extent, input: &[f32], weight: &[f32]) -> Vec<f32> {
    match Tiling::that_pays(extent) {
        Some(tiling) => tiling.forward(input, weight),
        None => on_this_cpu(Forward { extent, input, weight }),
    }
}

/// The gradient of the input.
pub fn input_gradient(extent: &Extent, output_gradient: &[f32], weight: &[f32]) -> Vec<f32> {
    match Tiling::that_pays(extent) {
        Some(tiling) => tiling.input_gradient(output_gradient, weight),
        None => on_this_cpu(InputGradient { extent, output_gradient, weight }),
    }
}

/// The gradient of the weight.
pub fn weight_gradient(extent: &Extent, input: &[f32], output_gradient: &[f32]) -> Vec<f32> {
    match Tiling::that_pays(extent) {
        Some(tiling) => tiling.weight_gradient(input, output_gradient),
        None => on_this_cpu(WeightGradient { extent, input, output_gradient }),
    }
}

pub struct Forward<'a> {
    pub extent: &'a Extent,
    pub input: &'a [f32],
    pub weight: &'a [f32],
}

impl Work for Forward<'_> {
    type Output = Vec<f32>;

    fn with<S: Simd>(self, simd: S) -> Vec<f32> {
        let extent = self.extent;
        let taps: Vec<usize> = (0..extent.taps()).collect();
        let channels = Axis { size: extent.channels, stride: taps.len() };
        let outputs = Axis { size: extent.outputs, stride: taps.len() * extent.channels };
        let panels = Panels::pack(Block::of::<S>(), self.weight, &taps, channels, outputs);
        convolve(simd, &output_clips(extent), [1; 3], &[(reach(extent), panels)], self.input)
    }
}

/// With few channels, see [`spread`]. Else, for a stride of 1, a convolution with the turned kernel. For a larger one, the input's pixels
/// fall into classes, as many as the product of the strides, each of which has met other parts of the kernel.
pub struct InputGradient<'a> {
    pub extent: &'a Extent,
    pub output_gradient: &'a [f32],
    pub weight: &'a [f32],
}

impl Work for InputGradient<'_> {
    type Output = Vec<f32>;

    fn with<S: Simd>(self, simd: S) -> Vec<f32> {
        if spread::pays::<S>(self.extent) {
            return spread::input_gradient(simd, self.extent, self.output_gradient, self.weight);
        }
        let Extent { channels, outputs, kernel, stride, padding, .. } = *self.extent;
        let clips = input_clips(self.extent);
        let class = |first: [usize; 3]| {
            let met = [0, 1, 2].map(|axis| Met::new(first[axis], kernel[axis], stride[axis], padding[axis]));
            let [frames, rows, columns] = &met;
            let mut taps = Vec::new();
            for frame in frames.taps() {
                for row in rows.taps() {
                    taps.extend(columns.taps().map(|column| (frame * kernel[1] + row) * kernel[2] + column));
                }
            }
            let outputs = Axis { size: outputs, stride: self.extent.taps() * channels };
            let channels = Axis { size: channels, stride: self.extent.taps() };
            let reach = Reach {
                source: output_clips(self.extent),
                target: clips,
                every: stride,
                first,
                step: [1; 3],
                shift: met.each_ref().map(|met| met.shift),
                size: met.each_ref().map(|met| met.count),
            };
            let block = Block::of::<S>();
            (!taps.is_empty()).then(|| (reach, Panels::pack(block, self.weight, &taps, outputs, channels)))
        };
        let count = stride[0] * stride[1] * stride[2];
        let first = |at: usize| [at / (stride[1] * stride[2]), at / stride[2] % stride[1], at % stride[2]];
        let classes: Vec<(Reach, Panels)> = (0..count).filter_map(|at| class(first(at))).collect();
        convolve(simd, &clips, stride, &classes, self.output_gradient)
    }
}

pub struct WeightGradient<'a> {
    pub extent: &'a Extent,
    pub input: &'a [f32],
    pub output_gradient: &'a [f32],
}

impl Work for WeightGradient<'_> {
    type Output = Vec<f32>;

    fn with<S: Simd>(self, simd: S) -> Vec<f32> {
        weight::gradient(simd, &reach(self.extent), self.input, self.output_gradient)
    }
}

/// What the outputs read of the input.
fn reach(extent: &Extent) -> Reach {
    let Extent { kernel, stride, padding, .. } = *extent;
    Reach {
        source: input_clips(extent),
        target: output_clips(extent),
        every: [1; 3],
        first: [0; 3],
        step: stride,
        shift: padding.map(|padding| -(padding as isize)),
        size: kernel,
    }
}

fn input_clips(extent: &Extent) -> Clips {
    let Extent { batch, input: [frames, height, width], channels, .. } = *extent;
    Clips { batch, frames, height, width, channels }
}

fn output_clips(extent: &Extent) -> Clips {
    let Extent { batch, output: [frames, height, width], outputs, .. } = *extent;
    Clips { batch, frames, height, width, channels: outputs }
}

/// The rows (or columns, or frames) of the kernel that the input's rows `first`, `first + stride`, … have met.
///
/// Row `i` of the kernel and row `o` of the output meet row `o · stride + i − padding` of the input. For row `first + stride · n` of the input, `i` is
/// thus one of `least`, `least + stride`, …, and `o` is `n + (first + padding − least) / stride` and less by 1 every time.
struct Met {
    least: usize,
    stride: usize,
    count: usize,
    /// The least row `o` of the output, less `n`.
    shift: isize,
}

impl Met {
    fn new(first: usize, kernel: usize, stride: usize, padding: usize) -> Self {
        let least = (first + padding) % stride;
        let count = kernel.saturating_sub(least).div_ceil(stride);
        let shift = ((first + padding) / stride) as isize - count as isize + 1;
        Self { least, stride, count, shift }
    }

    /// In the order of the output's rows: backwards.
    fn taps(&self) -> impl Iterator<Item = usize> + use<> {
        let (least, stride) = (self.least, self.stride);
        (0..self.count).rev().map(move |at| least + at * stride)
    }
}

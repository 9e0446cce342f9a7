//! Convolution of `f32` values on the CPU.

use super::convolution::convolve;
use super::extent::Extent;
use super::panels::{Axis, Panels};
use super::reach::Reach;
use super::registers::Block;
use super::tile::Maps;
use super::{weight, winograd};
use crate::buffer::zeros;
use crate::simd::{Simd, Work, on_this_cpu};

/// See [`conv2d`](super::conv2d).
pub fn forward(extent: &Extent, input: &[f32], weight: &[f32]) -> Vec<f32> {
    if winograd::pays(extent) {
        return filled(extent.output_shape(), |output| winograd::forward(extent, input, weight, output));
    }
    on_this_cpu(Forward { extent, input, weight })
}

/// The gradient of the input.
pub fn input_gradient(extent: &Extent, output_gradient: &[f32], weight: &[f32]) -> Vec<f32> {
    if winograd::pays(extent) {
        let gradient = |input: &mut [f32]| winograd::input_gradient(extent, output_gradient, weight, input);
        return filled(extent.input_shape(), gradient);
    }
    on_this_cpu(InputGradient { extent, output_gradient, weight })
}

/// The gradient of the weight.
pub fn weight_gradient(extent: &Extent, input: &[f32], output_gradient: &[f32]) -> Vec<f32> {
    if winograd::pays(extent) {
        let gradient = |weight: &mut [f32]| winograd::weight_gradient(extent, input, output_gradient, weight);
        return filled(extent.weight_shape(), gradient);
    }
    on_this_cpu(WeightGradient { extent, input, output_gradient })
}

fn filled(shape: [usize; 4], fill: impl FnOnce(&mut [f32])) -> Vec<f32> {
    let mut values = zeros(shape.iter().product());
    fill(&mut values);
    values
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
        let area = extent.kernel * extent.kernel;
        let taps: Vec<usize> = (0..area).collect();
        let channels = Axis { size: extent.channels, stride: area };
        let outputs = Axis { size: extent.outputs, stride: area * extent.channels };
        let panels = Panels::pack(Block::of::<S>(), self.weight, &taps, channels, outputs);
        convolve(simd, &output_maps(extent), 1, &[(reach(extent), panels)], self.input)
    }
}

/// For a stride of 1, a convolution with the turned kernel. For a larger one, the input's pixels fall into `stride · stride` classes, each of which
/// has met other parts of the kernel.
pub struct InputGradient<'a> {
    pub extent: &'a Extent,
    pub output_gradient: &'a [f32],
    pub weight: &'a [f32],
}

impl Work for InputGradient<'_> {
    type Output = Vec<f32>;

    fn with<S: Simd>(self, simd: S) -> Vec<f32> {
        let Extent { channels, outputs, kernel, stride, padding, .. } = *self.extent;
        let area = kernel * kernel;
        let (maps, gradient_maps) = (input_maps(self.extent), output_maps(self.extent));
        let class = |first: [usize; 2]| {
            let [rows, columns] = first.map(|first| Met::new(first, kernel, stride, padding));
            let taps: Vec<usize> =
                rows.taps().flat_map(|row| columns.taps().map(move |column| row * kernel + column)).collect();
            let outputs = Axis { size: outputs, stride: area * channels };
            let channels = Axis { size: channels, stride: area };
            let reach = Reach {
                source: gradient_maps,
                target: maps,
                every: stride,
                first,
                step: 1,
                shift: [rows.shift, columns.shift],
                size: [rows.count, columns.count],
            };
            let block = Block::of::<S>();
            (!taps.is_empty()).then(|| (reach, Panels::pack(block, self.weight, &taps, outputs, channels)))
        };
        let firsts = (0..stride).flat_map(|row| (0..stride).map(move |column| [row, column]));
        let classes: Vec<(Reach, Panels)> = firsts.filter_map(class).collect();
        convolve(simd, &maps, stride, &classes, self.output_gradient)
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
        source: input_maps(extent),
        target: output_maps(extent),
        every: 1,
        first: [0; 2],
        step: stride,
        shift: [-(padding as isize); 2],
        size: [kernel; 2],
    }
}

fn input_maps(extent: &Extent) -> Maps {
    let Extent { batch, height, width, channels, .. } = *extent;
    Maps { batch, height, width, channels }
}

fn output_maps(extent: &Extent) -> Maps {
    let Extent { batch, output_height, output_width, outputs, .. } = *extent;
    Maps { batch, height: output_height, width: output_width, channels: outputs }
}

/// The rows (or columns) of the kernel that the input's rows `first`, `first + stride`, … have met.
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

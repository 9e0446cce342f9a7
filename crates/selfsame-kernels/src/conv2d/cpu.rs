//! Convolution of `f32` values on the CPU.

use super::extent::Extent;
use super::panels::{Axis, Panels};
use super::product::convolve;
use super::reach::Reach;
use super::registers::Block;
use super::tile::Maps;
use super::weight;

/// Convolves `input` to `output`; see [`conv2d`](super::conv2d) for the shapes.
pub fn forward(extent: &Extent, input: &[f32], weight: &[f32], output: &mut [f32]) {
    let area = extent.kernel * extent.kernel;
    let block = Block::of_this_cpu();
    let taps: Vec<usize> = (0..area).collect();
    let channels = Axis { size: extent.channels, stride: area };
    let outputs = Axis { size: extent.outputs, stride: area * extent.channels };
    let panels = Panels::pack(block, weight, &taps, channels, outputs);
    convolve(block, &[(reach(extent), panels)], input, output);
}

/// The gradient of the input, which for a stride of 1 is a convolution with the turned kernel. For a larger one, the input's pixels fall into
/// `stride · stride` classes, each of which has met other parts of the kernel.
pub fn input_gradient(extent: &Extent, output_gradient: &[f32], weight: &[f32], input_gradient: &mut [f32]) {
    let Extent { channels, outputs, kernel, stride, padding, .. } = *extent;
    let area = kernel * kernel;
    let block = Block::of_this_cpu();
    let class = |first: [usize; 2]| {
        let [rows, columns] = first.map(|first| Met::new(first, kernel, stride, padding));
        let taps: Vec<usize> =
            rows.taps().flat_map(|row| columns.taps().map(move |column| row * kernel + column)).collect();
        let outputs = Axis { size: outputs, stride: area * channels };
        let channels = Axis { size: channels, stride: area };
        let reach = Reach {
            source: output_maps(extent),
            target: input_maps(extent),
            every: stride,
            first,
            step: 1,
            shift: [rows.shift, columns.shift],
            size: [rows.count, columns.count],
        };
        (!taps.is_empty()).then(|| (reach, Panels::pack(block, weight, &taps, outputs, channels)))
    };
    let firsts = (0..stride).flat_map(|row| (0..stride).map(move |column| [row, column]));
    let classes: Vec<(Reach, Panels)> = firsts.filter_map(class).collect();
    convolve(block, &classes, output_gradient, input_gradient);
}

/// The gradient of the weight.
pub fn weight_gradient(extent: &Extent, input: &[f32], output_gradient: &[f32], weight_gradient: &mut [f32]) {
    weight::gradient(Block::of_this_cpu(), &reach(extent), input, output_gradient, weight_gradient);
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

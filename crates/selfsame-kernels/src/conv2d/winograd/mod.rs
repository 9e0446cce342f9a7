//! Convolution with 3×3 kernels, stride 1 and padding 1, by Winograd's minimal filtering F(4×4, 3×3) (Lavin & Gray 2016, "Fast algorithms for
//! convolutional neural networks", arXiv 1509.09308).
//!
//! Tiles of 6×6 inputs, which overlap by two, give tiles of 4×4 outputs. Transformed, a tile is multiplied with the transformed kernel number by
//! number: 36 multiplications instead of 144. Over all channels these are 36 matrix products, `[tiles, channels] · [channels, outputs]`, one
//! for each position in a tile:
//!
//! - output: `y = Aᵀ [Σ (G w Gᵀ) ⊙ (Bᵀ d B)] A`, summed over channels;
//! - gradient of the input: the same with kernels turned by 180 degrees and channels and outputs exchanged;
//! - gradient of the weight: `Gᵀ [Σ (Bᵀ d B) ⊙ (A g Aᵀ)] G`, summed over tiles.
//!
//! With channels last, all transforms work on vectors of channels. While the transformed weights are small, blocks of tiles go through all
//! stages in the second cache; when they are large, they are transformed panel by panel and each panel is used for all tiles at once. Both
//! orders sum in an order that depends on the sizes alone, so results do not depend on the number of threads.
//!
//! Compared with the exact result, the root of the mean squared error is about 1 to 3·10⁻⁶ of the output's root mean square for 16 to 512
//! channels, some ten times that of a direct sum in `f32`: the transforms multiply with numbers up to 8, and the differences cancel.
//! A number that is not finite spreads over the tiles that read it.

mod forward;
mod maps;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;
mod weight;
mod weight_gradient;

use super::extent::Extent;
use crate::simd::on_this_cpu;
use forward::Convolution;
use tiles::Grid;
use weight::Kernels;
use weight_gradient::WeightGradient;

/// Whether these functions can compute a convolution, and faster than matrix products over its nine taps.
///
/// With one or two channels nearly all lanes of the vectors would be empty, and of maps of 1×1 nearly all of a tile lies outside.
pub fn pays(extent: &Extent) -> bool {
    let multiplications = transform::POSITIONS * Grid::of(extent).tiles();
    let direct = 9 * extent.batch * extent.height * extent.width;
    is_possible(extent) && extent.channels.min(extent.outputs) >= 3 && multiplications <= direct
}

fn is_possible(extent: &Extent) -> bool {
    extent.kernel == 3 && extent.stride == 1 && extent.padding == 1
}

/// Asserts that what is to be convolved has the sizes that `extent` says.
fn check(extent: &Extent, input: &[f32], weight: &[f32], output: &[f32]) {
    assert!(is_possible(extent), "only 3×3 kernels with stride 1 and padding 1 are convolved by tiles");
    let pixels = extent.batch * extent.height * extent.width;
    let sizes = [pixels * extent.channels, extent.outputs * extent.channels * 9, pixels * extent.outputs];
    assert_eq!([input.len(), weight.len(), output.len()], sizes, "a slice does not have its tensor's size");
}

/// Convolves `input` `[batch, height, width, channels]` with `weight` `[outputs, channels, 3, 3]` to `output` `[batch, height, width, outputs]`.
pub fn forward(extent: &Extent, input: &[f32], weight: &[f32], output: &mut [f32]) {
    check(extent, input, weight, output);
    convolve(extent, Kernels::forward(weight, extent.channels, extent.outputs), input, output);
}

/// The gradient of the input `[batch, height, width, channels]`, given that of the output `[batch, height, width, outputs]`.
pub fn input_gradient(extent: &Extent, output_gradient: &[f32], weight: &[f32], input_gradient: &mut [f32]) {
    check(extent, input_gradient, weight, output_gradient);
    let kernels = Kernels::backward(weight, extent.channels, extent.outputs);
    convolve(extent, kernels, output_gradient, input_gradient);
}

fn convolve(extent: &Extent, kernels: Kernels<'_>, input: &[f32], output: &mut [f32]) {
    if kernels.values.is_empty() || output.is_empty() {
        output.fill(0.0);
        return;
    }
    on_this_cpu(Convolution { grid: Grid::of(extent), kernels, input, output });
}

/// The gradient of the weight `[outputs, channels, 3, 3]`, given the input and the gradient of the output, both `[batch, height, width, …]`.
pub fn weight_gradient(extent: &Extent, input: &[f32], output_gradient: &[f32], weight_gradient: &mut [f32]) {
    check(extent, input, weight_gradient, output_gradient);
    if weight_gradient.is_empty() || input.is_empty() {
        weight_gradient.fill(0.0);
        return;
    }
    on_this_cpu(WeightGradient {
        grid: Grid::of(extent),
        channels: extent.channels,
        outputs: extent.outputs,
        input,
        output_gradient,
        gradient: weight_gradient,
    });
}

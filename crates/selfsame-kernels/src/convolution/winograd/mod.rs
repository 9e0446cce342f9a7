//! Convolution with stride 1 and kernels of 3×3, padded by one or not at all, in any number of frames, or of three frames, by Winograd's minimal filtering F(4×4, 3×3) and F(4, 3)
//! (Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", arXiv 1509.09308).
//!
//! Tiles of 6×6 inputs, which overlap by two, give tiles of 4×4 outputs. Transformed, a tile is multiplied with the transformed kernel number by
//! number: 36 multiplications instead of 144. Over all channels these are 36 matrix products, `[tiles, channels] · [channels, outputs]`, one
//! for each position in a tile:
//!
//! - output: `y = Aᵀ [Σ (G w Gᵀ) ⊙ (Bᵀ d B)] A`, summed over channels;
//! - gradient of the input: the same with kernels turned by 180 degrees and channels and outputs exchanged;
//! - gradient of the weight: `Gᵀ [Σ (Bᵀ d B) ⊙ (A g Aᵀ)] G`, summed over tiles.
//!
//! A kernel of several frames is summed over these as over channels: an output frame is made of the transformed tiles of neighbouring
//! frames, each of which is transformed once. A kernel of three frames and one pixel goes over tiles as well, of six frames for four:
//! 6 multiplications instead of 12. To it a clip is a map whose rows are frames, and whose columns are pixels.
//!
//! With channels last, all transforms work on vectors of channels. While the transformed weights are small, blocks of tiles go through all
//! stages in the second cache; when they are large, they are transformed panel by panel and each panel is used for all tiles at once. Both
//! orders sum in an order that depends on the sizes alone, so results do not depend on the number of threads.
//!
//! Compared with the exact result, the root of the mean squared error is about 1 to 3·10⁻⁶ of the output's root mean square for 16 to 512
//! channels, some ten times that of a direct sum in `f32`: the transforms multiply with numbers up to 8, and the differences cancel.
//! A number that is not finite spreads over the tiles that read it.

mod forward;
mod frames;
mod maps;
mod outputs;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;
mod weight;
mod weight_gradient;

use super::extent::Extent;
use crate::buffer::{written, zeros};
use crate::simd::on_this_cpu;
use forward::Convolution;
use frames::Frames;
use tiles::Grid;
use weight::Kernels;
use weight_gradient::WeightGradient;

/// How a convolution goes over tiles.
#[derive(Clone, Copy, Debug)]
pub struct Tiling {
    grid: Grid,
    frames: Frames,
    channels: usize,
    outputs: usize,
}

impl Tiling {
    /// If the convolution can go over tiles, and faster than as a matrix product over its taps.
    ///
    /// With one or two channels nearly all lanes of the vectors would be empty, and of maps of 1×1 nearly all of a tile lies outside.
    pub fn that_pays(extent: &Extent) -> Option<Self> {
        let is_filled = extent.channels.min(extent.outputs) >= 3;
        Self::of(extent).filter(|tiling| is_filled && tiling.multiplications() <= tiling.direct())
    }

    /// If the convolution can go over tiles.
    fn of(extent: &Extent) -> Option<Self> {
        let Extent { batch, channels, outputs, input: [frames, height, width], .. } = *extent;
        let [taps, kernel @ ..] = extent.kernel;
        let [before, padding @ ..] = extent.padding;
        let one = Frames { source: 1, target: 1, taps: 1, padding: 0 };
        let (grid, frames) = match (kernel, padding) {
            _ if extent.stride != [1; 3] => return None,
            // Frames that do not meet are images of their own.
            ([3, 3], [border @ (0 | 1), beside]) if border == beside && taps == 1 && before == 0 => {
                (Grid::new(batch * frames, [height, width], border, true), one)
            }
            ([3, 3], [border @ (0 | 1), beside]) if border == beside && before < taps => {
                let frames = Frames { source: frames, target: extent.output[0], taps, padding: before };
                (Grid::new(batch, [height, width], border, true), frames)
            }
            ([1, 1], [0, 0]) if taps == 3 && before == 1 => {
                (Grid::new(batch, [frames, height * width], 1, false), one)
            }
            _ => return None,
        };
        Some(Self { grid, frames, channels, outputs })
    }

    /// Multiplications of a channel and an output.
    fn multiplications(&self) -> usize {
        self.grid.positions() * self.grid.tiles() * self.frames.pairs()
    }

    /// The same for a direct product, which skips what lies before and behind a clip, but not what lies beside a frame.
    fn direct(&self) -> usize {
        let Grid { batch, height, width, is_square, .. } = self.grid;
        let column =
            if is_square { 9 * height * self.frames.pairs() } else { (3 * height).saturating_sub(2) };
        batch * width * column
    }

    /// Convolves the input `[batch, frames, height, width, channels]` with the weight `[outputs, channels, kernel…]` to
    /// `[batch, frames', height, width, outputs]`.
    pub fn forward(&self, input: &[f32], weight: &[f32]) -> Vec<f32> {
        let kernels = Kernels::forward(weight, &self.grid, &self.frames, [self.channels, self.outputs]);
        convolve(self.grid, self.frames, kernels, input)
    }

    /// The gradient of the input, given that of the output.
    pub fn input_gradient(&self, output_gradient: &[f32], weight: &[f32]) -> Vec<f32> {
        let kernels = Kernels::backward(weight, &self.grid, &self.frames, [self.channels, self.outputs]);
        convolve(self.grid.turned(), self.frames.turned(), kernels, output_gradient)
    }

    /// The gradient of the weight `[outputs, channels, kernel…]`, given the input and the gradient of the output.
    pub fn weight_gradient(&self, input: &[f32], output_gradient: &[f32]) -> Vec<f32> {
        let Self { grid, frames, channels, outputs } = *self;
        let mut gradient = zeros(outputs * channels * frames.taps * grid.taps());
        if !gradient.is_empty() && !input.is_empty() && !output_gradient.is_empty() {
            let sizes = [source_values(&grid, &frames, channels), target_values(&grid, &frames, outputs)];
            assert_eq!([input.len(), output_gradient.len()], sizes, "a convolution's maps have other sizes");
            on_this_cpu(WeightGradient {
                grid,
                frames,
                channels,
                outputs,
                input,
                output_gradient,
                gradient: &mut gradient,
            });
        }
        gradient
    }
}

/// Values of all frames that are read, with so many channels.
fn source_values(grid: &Grid, frames: &Frames, channels: usize) -> usize {
    grid.batch * frames.source * grid.source[0] * grid.source[1] * channels
}

/// Values of all frames that are made, with so many channels.
fn target_values(grid: &Grid, frames: &Frames, channels: usize) -> usize {
    grid.batch * frames.target * grid.height * grid.width * channels
}

fn convolve(grid: Grid, frames: Frames, kernels: Kernels<'_>, input: &[f32]) -> Vec<f32> {
    let length = target_values(&grid, &frames, kernels.columns);
    if kernels.values.is_empty() || input.is_empty() {
        return zeros(length);
    }
    let values = source_values(&grid, &frames, kernels.depth);
    assert_eq!(input.len(), values, "a convolution's input has another size");
    // SAFETY: the tiles of all blocks cover the output, and each is written.
    #[allow(unsafe_code)]
    unsafe {
        written(length, |output| {
            on_this_cpu(Convolution { grid, frames, kernels, input, output });
        })
    }
}

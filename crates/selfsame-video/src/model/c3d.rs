//! C3D (Tran et al. 2015, arXiv 1412.0767), with batch norm and without fully connected layers, as methods without labels use it.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::nn::{Conv3dConfig, Mode, check_width};
use selfsame_core::{Random, Result};

use super::layers::{Layer, Relu, forward};

/// Channels of the convolutions between the pools.
const STAGES: [&[usize]; 5] = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];

/// C3D up to its last convolution: 3×3×3 kernels, and pools that halve space, and from the second on time. Its convolutions have no biases, which the
/// norms after them would take away.
#[derive(Module, Debug)]
pub struct C3d {
    features: Vec<Layer>,
    /// Layers before the last pool.
    third: usize,
}

impl C3d {
    /// The first convolution has 64·width channels, rounded to a whole number and at least 1, the others as many times more as in the paper.
    ///
    /// # Errors
    /// When the width is not a number between 1/64 and 64.
    pub fn init(width: f64, random: &Random, device: &Device) -> Result<Self> {
        check_width(width)?;
        let (mut features, mut input, mut third) = (Vec::new(), 3, 0);
        for (stage, channels) in STAGES.into_iter().enumerate() {
            third = features.len();
            if stage > 0 {
                let kernel = if stage == 1 { [1, 2, 2] } else { [2, 2, 2] };
                features.push(Layer::pool(kernel, kernel, [0; 3]));
            }
            for channels in channels {
                let output = scaled(*channels, width);
                let config = Conv3dConfig::new(input, output, [3; 3]);
                let random = random.at(features.len() as u64);
                features.push(Layer::convolution(config, &random, device));
                features.push(Layer::norm(output, device));
                features.push(Layer::Relu(Relu));
                input = output;
            }
        }
        Ok(Self { features, third })
    }

    /// Features of the representation at this width.
    pub fn features(width: f64) -> usize {
        scaled(512, width)
    }

    /// `[batch, frames, height, width, channels]` to the maps before the last pool and after the last convolution, in the same layout.
    pub fn forward_stages(&self, clips: Tensor<5>, mode: &Mode) -> [Tensor<5>; 2] {
        let (before, after) = self.features.split_at(self.third.min(self.features.len()));
        let third = forward(before, clips, mode);
        let fourth = forward(after, third.clone(), mode);
        [third, fourth]
    }
}

fn scaled(channels: usize, width: f64) -> usize {
    channels / 64 * (64.0 * width).round().max(1.0) as usize
}

//! Encoders: pixels to features.

use burn::module::Module;
use selfsame_core::nn::{Conv2d, Conv2dConfig, LayerNorm, Linear, LinearConfig};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Error, Random, Result};

use super::orthogonal;
use crate::view::Size;

/// What makes features of pictures.
pub trait Encoder: Send {
    /// `[batch, height, width, channels]` in `0..=1` to `[batch, features]`.
    fn encode(&self, pictures: Tensor<4>) -> Tensor<2>;

    /// Numbers that it makes of a picture.
    fn features(&self) -> usize;
}

/// The encoder of data-efficient Rainbow (van Hasselt et al. 2019, arXiv 1906.05243, appendix E): 32 channels of 5×5 with stride 5, 64 of 5×5 with
/// stride 5, each with a ReLU; features are all that comes out, row by row, the channels last.
#[derive(Module, Debug)]
pub struct StridedEncoder {
    conv1: Conv2d,
    conv2: Conv2d,
    features: usize,
}

/// Of the side of a kernel and of its stride.
const STRIDE: usize = 5;

impl StridedEncoder {
    /// With so many channels in both layers.
    ///
    /// # Errors
    /// Pictures that are too small: at least 25 pixels are needed.
    pub fn new(size: Size, channels: [usize; 2], random: &Random, device: &Device) -> Result<Self> {
        let side = |length: usize| length / STRIDE / STRIDE;
        let cells = side(size.height) * side(size.width);
        if cells == 0 || channels.contains(&0) {
            return Err(Error::config(
                format!("Rainbow's encoder cannot see {} × {} pixels", size.height, size.width),
                "it needs 25 pixels and more in each direction, and at least one channel in each layer",
            ));
        }
        let layer = |input, output, name: &str| {
            let config = Conv2dConfig::new(input, output, STRIDE).stride(STRIDE).padding(0).bias();
            config.init(&random.named(name), device)
        };
        Ok(Self {
            conv1: layer(size.channels, channels[0], "conv1"),
            conv2: layer(channels[0], channels[1], "conv2"),
            features: cells * channels[1],
        })
    }
}

impl Encoder for StridedEncoder {
    fn encode(&self, pictures: Tensor<4>) -> Tensor<2> {
        let maps = self.conv2.forward_then_relu(self.conv1.forward_then_relu(pictures));
        maps.flatten(1, 3)
    }

    fn features(&self) -> usize {
        self.features
    }
}

/// The encoder of SAC-AE (Yarats et al. 2019, arXiv 1910.01741, appendix B.1) that CURL takes for continuous control: convolutions of 3×3, the first with
/// stride 2, each with a ReLU, then a linear layer, layer normalisation and tanh.
#[derive(Module, Debug)]
pub struct PixelEncoder {
    convs: Vec<Conv2d>,
    fc: Linear,
    norm: LayerNorm,
    features: usize,
}

impl PixelEncoder {
    /// With so many convolutions of so many channels each, and so many features. Weights are orthogonal, those of convolutions in their middle, zero
    /// elsewhere ("delta-orthogonal").
    ///
    /// # Errors
    /// Pictures that are too small, or layers without anything.
    pub fn new(
        size: Size,
        [layers, channels, features]: [usize; 3],
        random: &Random,
        device: &Device,
    ) -> Result<Self> {
        // 3×3 with stride 2, then as many pixels less as the other layers take from the edges.
        let side = |length: usize| (length.max(1) - 1) / 2;
        let side = |length: usize| side(length).saturating_sub(2 * layers.saturating_sub(1));
        let cells = side(size.height) * side(size.width);
        if cells == 0 || layers == 0 || channels == 0 || features == 0 {
            return Err(Error::config(
                format!("an encoder of {layers} layers cannot see {} × {} pixels", size.height, size.width),
                "give it larger pictures, or fewer layers (--set method.sac.layers=2), and at least one channel and feature",
            ));
        }
        let layer = |at: usize| {
            let input = if at == 0 { size.channels } else { channels };
            let config = Conv2dConfig::new(input, channels, 3).stride(if at == 0 { 2 } else { 1 });
            config.padding(0).bias().init(&random.named("convs").at(at as u64), device)
        };
        let mut encoder = Self {
            convs: (0..layers).map(layer).collect(),
            fc: LinearConfig::new(cells * channels, features).init(&random.named("fc"), device),
            norm: LayerNorm::new(features, device),
            features,
        };
        orthogonal(&mut encoder, &random.named("orthogonal"))?;
        Ok(encoder)
    }
}

impl Encoder for PixelEncoder {
    fn encode(&self, pictures: Tensor<4>) -> Tensor<2> {
        let maps = self.convs.iter().fold(pictures, |maps, layer| layer.forward_then_relu(maps));
        self.norm.forward(self.fc.forward(maps.flatten(1, 3))).tanh()
    }

    fn features(&self) -> usize {
        self.features
    }
}

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
///
/// Of pictures smaller than Atari's 84 pixels a stride of 5 may leave out a good part at the edges. There the second stride is the largest that leaves out
/// nothing of the first layer's maps.
#[derive(Module, Debug)]
pub struct StridedEncoder {
    conv1: Conv2d,
    conv2: Conv2d,
    features: usize,
}

/// The side of a kernel, and the paper's stride.
const KERNEL: usize = 5;
/// Maps of this side and more keep the paper's stride: those of Atari have 16.
const LARGE: usize = 15;

impl StridedEncoder {
    /// With so many channels in both layers.
    ///
    /// # Errors
    /// Pictures that are too small: at least 25 pixels are needed.
    pub fn new(size: Size, channels: [usize; 2], random: &Random, device: &Device) -> Result<Self> {
        let maps = [size.height, size.width].map(|length| length / KERNEL);
        if maps.iter().any(|&side| side < KERNEL) || channels.contains(&0) {
            return Err(Error::config(
                format!("Rainbow's encoder cannot see {} × {} pixels", size.height, size.width),
                "it needs 25 pixels and more in each direction, and at least one channel in each layer",
            ));
        }
        let stride = second_stride(maps);
        let [rows, columns] = maps.map(|side| (side - KERNEL) / stride + 1);
        let layer = |input, output, stride, name: &str| {
            let config = Conv2dConfig::new(input, output, KERNEL).stride(stride).padding(0).bias();
            config.init(&random.named(name), device)
        };
        Ok(Self {
            conv1: layer(size.channels, channels[0], KERNEL, "conv1"),
            conv2: layer(channels[0], channels[1], stride, "conv2"),
            features: rows * columns * channels[1],
        })
    }
}

/// The stride of the second layer over maps of these sides.
fn second_stride(maps: [usize; 2]) -> usize {
    let fits = |stride: &usize| maps.iter().all(|&side| (side - KERNEL).is_multiple_of(*stride));
    let is_large = maps.iter().all(|&side| side >= LARGE);
    if is_large { KERNEL } else { (1..=KERNEL).rev().find(fits).unwrap_or(1) }
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
    summary: Summary,
    cells: usize,
    features: usize,
}

/// The last layers of [`PixelEncoder`], after its convolutions. SAC's actor has some of its own, on the same convolutions (as in SAC-AE and CURL).
#[derive(Module, Debug)]
pub struct Summary {
    fc: Linear,
    norm: LayerNorm,
}

impl Summary {
    /// So many features of so many cells of the convolutions' maps.
    pub fn new([cells, features]: [usize; 2], random: &Random, device: &Device) -> Self {
        Self {
            fc: LinearConfig::new(cells, features).init(&random.named("fc"), device),
            norm: LayerNorm::new(features, device),
        }
    }

    /// `[batch, cells]` to `[batch, features]`.
    pub fn forward(&self, maps: Tensor<2>) -> Tensor<2> {
        self.norm.forward(self.fc.forward(maps)).tanh()
    }
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
        let cells = side(size.height) * side(size.width) * channels;
        if cells == 0 || layers == 0 || features == 0 {
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
            summary: Summary::new([cells, features], random, device),
            cells,
            features,
        };
        orthogonal(&mut encoder, &random.named("orthogonal"))?;
        Ok(encoder)
    }

    /// What the convolutions make of pictures, row by row, the channels last: `[batch, cells]`.
    pub fn maps(&self, pictures: Tensor<4>) -> Tensor<2> {
        self.convs.iter().fold(pictures, |maps, layer| layer.forward_then_relu(maps)).flatten(1, 3)
    }

    /// The features of [`maps`](Self::maps), `[batch, features]`.
    pub fn summarise(&self, maps: Tensor<2>) -> Tensor<2> {
        self.summary.forward(maps)
    }

    /// Numbers that the convolutions make of a picture.
    pub fn cells(&self) -> usize {
        self.cells
    }
}

impl Encoder for PixelEncoder {
    fn encode(&self, pictures: Tensor<4>) -> Tensor<2> {
        self.summarise(self.maps(pictures))
    }

    fn features(&self) -> usize {
        self.features
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use selfsame_core::host;

    fn square(channels: usize, side: usize) -> Size {
        Size { channels, height: side, width: side }
    }

    #[test]
    fn the_papers_networks_have_their_features() {
        let (random, device) = (Random::new(1), Device::default());
        let rainbow = StridedEncoder::new(square(4, 84), [32, 64], &random, &device).unwrap();
        assert_eq!(rainbow.features(), 576);
        assert_eq!(rainbow.encode(Tensor::zeros([2, 84, 84, 4], &device)).dims(), [2, 576]);
        let sac = PixelEncoder::new(square(9, 84), [4, 32, 50], &random, &device).unwrap();
        assert_eq!(sac.summary.fc.weight.dims(), [50, 35 * 35 * 32]);
        assert_eq!(sac.encode(Tensor::zeros([2, 84, 84, 9], &device)).dims(), [2, 50]);
    }

    #[test]
    fn small_pictures_are_seen_to_their_edges() {
        let (random, device) = (Random::new(1), Device::default());
        for side in [25, 30, 40, 50, 60] {
            let encoder = StridedEncoder::new(square(1, side), [8, 8], &random, &device).unwrap();
            let mut pixels = vec![0.0f32; 2 * side * side];
            // The last pixel of the second picture.
            if let Some(last) = pixels.last_mut() {
                *last = 100.0;
            }
            let pictures = Tensor::<1>::from_floats(pixels.as_slice(), &device).reshape([2, side, side, 1]);
            let features = host::values(encoder.encode(pictures)).unwrap();
            let (dark, lit) = features.split_at(encoder.features());
            assert_ne!(dark, lit, "the corner of {side} pixels is not seen");
        }
        assert_eq!(second_stride([16, 16]), 5);
        assert_eq!(second_stride([8, 8]), 3);
    }

    #[test]
    fn pictures_that_are_too_small_are_refused() {
        let (random, device) = (Random::new(1), Device::default());
        assert_eq!(StridedEncoder::new(square(1, 24), [8, 8], &random, &device).unwrap_err().exit_code(), 2);
        assert_eq!(PixelEncoder::new(square(1, 14), [4, 8, 5], &random, &device).unwrap_err().exit_code(), 2);
        assert!(PixelEncoder::new(square(1, 15), [4, 8, 5], &random, &device).is_ok());
    }
}

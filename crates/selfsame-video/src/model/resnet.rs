//! Residual networks for clips (Tran et al. 2018, arXiv 1711.11248): R3D and R(2+1)D, with torchvision's parameter names and details.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use selfsame_core::nn::{BatchNormConfig, Conv3dConfig, Mode, check_width};
use selfsame_core::{Random, Result};

use super::layers::{Layer, Relu, forward, forward_residual};

/// What the convolutions of the blocks see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// 3×3×3 pixels (R3D).
    Full,
    /// 1×3×3 pixels, then 3×1×1 with a norm and a ReLU between; the channels between are as many as give both together the
    /// parameters of the full kernel (R(2+1)D, section 3.5).
    Factored,
    /// 1×3×3 pixels: a network for images, which takes an image as a clip of one frame.
    Spatial,
}

/// How clips enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// Kernels of 7 pixels with stride 2 in space, as in torchvision.
    Torchvision,
    /// Kernels of 7 pixels with this stride in space, then the maximum of 1×3×3 with stride 2, as in the networks of CMD
    /// (Huang et al. 2021, the authors' code). These networks begin with residual branches that are 0.
    Pooled {
        /// 2, or 1 for small maps.
        stride: usize,
    },
}

/// Configuration of a residual network for clips.
#[derive(Clone, Debug)]
pub struct VideoResNetConfig {
    /// What the convolutions see.
    pub kernels: Kernels,
    /// Blocks in each of the four stages.
    pub blocks: [usize; 4],
    /// Whether blocks are bottlenecks of 1×1×1, 3×3×3 and 1×1×1, with four times the channels.
    pub bottleneck: bool,
    /// How clips enter.
    pub stem: Stem,
    /// Channels of the clips.
    pub input: usize,
    /// Multiplies the channels of the whole network. The first stage has 64·width channels, rounded to a whole number and at least
    /// 1; each stage doubles them.
    pub width: f64,
}

impl VideoResNetConfig {
    /// Features of the representation.
    pub fn features(&self) -> usize {
        self.channels(3) * self.expansion()
    }

    /// With weights drawn at this address, as torchvision draws them.
    ///
    /// # Errors
    /// When the width is not a number between 1/64 and 64.
    pub fn init(&self, random: &Random, device: &Device) -> Result<VideoResNet> {
        check_width(self.width)?;
        let mut input = self.channels(0);
        let mut layer = |stage: usize| {
            let random = random.named(&format!("layer{}", stage + 1));
            let block = |index: usize| {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                let block = self.block(input, self.channels(stage), stride, &random.at(index as u64), device);
                input = self.channels(stage) * self.expansion();
                block
            };
            (0..self.blocks[stage]).map(block).collect()
        };
        Ok(VideoResNet {
            stem: self.stem(&random.named("stem"), device),
            layer1: layer(0),
            layer2: layer(1),
            layer3: layer(2),
            layer4: layer(3),
            features: self.features(),
        })
    }

    fn channels(&self, stage: usize) -> usize {
        ((64.0 * self.width).round().max(1.0) as usize) << stage
    }

    fn expansion(&self) -> usize {
        if self.bottleneck { 4 } else { 1 }
    }

    fn stem(&self, random: &Random, device: &Device) -> Vec<Layer> {
        let channels = self.channels(0);
        let (stride, middle) = match self.stem {
            Stem::Torchvision => (2, (45.0 * self.width).round().max(1.0) as usize),
            Stem::Pooled { stride } => (stride, (3 * 3 * 7 * 7 * channels) / (3 * 7 * 7 + 3 * channels)),
        };
        let convolution = |input, output, kernel, stride| {
            let config = Conv3dConfig::new(input, output, kernel).stride([1, stride, stride]);
            [
                Layer::convolution(config, &random.named(&format!("{kernel:?}")), device),
                Layer::norm(output, device),
                Layer::Relu(Relu),
            ]
        };
        let mut layers = match self.kernels {
            Kernels::Full => convolution(self.input, channels, [3, 7, 7], stride).into(),
            Kernels::Spatial => convolution(self.input, channels, [1, 7, 7], stride).into(),
            Kernels::Factored => Vec::from_iter(
                convolution(self.input, middle, [1, 7, 7], stride).into_iter().chain(convolution(
                    middle,
                    channels,
                    [3, 1, 1],
                    1,
                )),
            ),
        };
        if matches!(self.stem, Stem::Pooled { .. }) {
            layers.push(Layer::pool([1, 3, 3], [1, 2, 2], [0, 1, 1]));
        }
        layers
    }

    fn block(&self, input: usize, width: usize, stride: usize, random: &Random, device: &Device) -> Block {
        let output = width * self.expansion();
        let pointwise = |name: &str, input, output, stride| {
            let config = Conv3dConfig::new(input, output, [1; 3]).stride(stride);
            Layer::convolution(config, &random.named(name), device)
        };
        let convolution = |name: &str, channels, stride| {
            self.kernels.convolution(channels, stride, &random.named(name), device)
        };
        let then_relu =
            |layer: Layer, channels| vec![layer, Layer::norm(channels, device), Layer::Relu(Relu)];
        let last = |layer: Layer| vec![layer, self.last_norm(output, device)];
        let (conv1, conv2, conv3) = if self.bottleneck {
            let middle = factored_channels(width, width);
            (
                then_relu(pointwise("conv1", input, width, [1; 3]), width),
                then_relu(convolution("conv2", [width, middle, width], stride), width),
                Some(last(pointwise("conv3", width, output, [1; 3]))),
            )
        } else {
            // Both convolutions have as many as the first would, as in torchvision.
            let middle = factored_channels(input, width);
            (
                then_relu(convolution("conv1", [input, middle, width], stride), width),
                last(convolution("conv2", [width, middle, width], 1)),
                None,
            )
        };
        let frames = if self.kernels == Kernels::Spatial { 1 } else { stride };
        let downsample = (stride > 1 || input != output).then(|| {
            vec![
                pointwise("downsample", input, output, [frames, stride, stride]),
                Layer::norm(output, device),
            ]
        });
        Block { conv1, conv2, conv3, downsample }
    }

    /// The norm before a shortcut is added.
    fn last_norm(&self, channels: usize, device: &Device) -> Layer {
        let mut norm = BatchNormConfig::new(channels).init(device);
        if matches!(self.stem, Stem::Pooled { .. }) {
            norm.weight = Some(Param::from_tensor(Tensor::zeros([channels], device)));
        }
        Layer::Norm(norm)
    }
}

impl Kernels {
    /// From `input` channels over `middle` ones, where it is factored, to `output`.
    fn convolution(
        self,
        [input, middle, output]: [usize; 3],
        stride: usize,
        random: &Random,
        device: &Device,
    ) -> Layer {
        let convolution = |name: &str, config| Layer::convolution(config, &random.named(name), device);
        let space = |output| Conv3dConfig::new(input, output, [1, 3, 3]).stride([1, stride, stride]);
        let time = Conv3dConfig::new(middle, output, [3, 1, 1]).stride([stride, 1, 1]);
        match self {
            Self::Full => convolution("full", Conv3dConfig::new(input, output, [3; 3]).stride([stride; 3])),
            Self::Spatial => convolution("space", space(output)),
            Self::Factored => Layer::Sequential(vec![
                convolution("space", space(middle)),
                Layer::norm(middle, device),
                Layer::Relu(Relu),
                convolution("time", time),
            ]),
        }
    }
}

/// Channels between 1×3×3 and 3×1×1 (section 3.5 of the paper).
fn factored_channels(input: usize, output: usize) -> usize {
    (input * output * 27) / (input * 9 + output * 3)
}

/// A residual network for clips, without its classifier.
#[derive(Module, Debug)]
pub struct VideoResNet {
    stem: Vec<Layer>,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    features: usize,
}

impl VideoResNet {
    /// `[batch, frames, height, width, channels]` to the maps after the third and the fourth stage, in the same layout.
    pub fn forward_stages(&self, clips: Tensor<5>, mode: &Mode) -> [Tensor<5>; 2] {
        let through = |layer: &[Block], x: Tensor<5>| layer.iter().fold(x, |x, block| block.forward(x, mode));
        let x = forward(&self.stem, clips, mode);
        let third = through(&self.layer3, through(&self.layer2, through(&self.layer1, x)));
        let fourth = through(&self.layer4, third.clone());
        [third, fourth]
    }

    /// Features of the representation.
    pub fn features(&self) -> usize {
        self.features
    }
}

/// A residual block. The stride is in the first of the convolutions that see neighbours.
#[derive(Module, Debug)]
struct Block {
    conv1: Vec<Layer>,
    conv2: Vec<Layer>,
    conv3: Option<Vec<Layer>>,
    downsample: Option<Vec<Layer>>,
}

impl Block {
    fn forward(&self, input: Tensor<5>, mode: &Mode) -> Tensor<5> {
        let mut x = forward(&self.conv1, input.clone(), mode);
        let mut last = &self.conv2;
        if let Some(conv3) = &self.conv3 {
            x = forward(last, x, mode);
            last = conv3;
        }
        let shortcut = match &self.downsample {
            Some(layers) => forward(layers, input, mode),
            None => input,
        };
        forward_residual(last, x, shortcut, mode)
    }
}

//! Deep residual networks (He et al. 2015, arXiv 1512.03385), with torchvision's parameter names and details.

use std::fmt::{self, Display};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::nn::{
    BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, Epilogue, Mode, Windows, check_width, max_pool2d,
    mean_pool2d,
};
use selfsame_core::settings::unknown_name;
use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

/// How deep a ResNet is (table 1 of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Basic blocks, 2-2-2-2.
    ResNet18,
    /// Basic blocks, 3-4-6-3.
    ResNet34,
    /// Bottlenecks, 3-4-6-3.
    ResNet50,
    /// Bottlenecks, 3-4-23-3.
    ResNet101,
}

impl Depth {
    /// Every depth, from shallow to deep.
    pub const ALL: [Self; 4] = [Self::ResNet18, Self::ResNet34, Self::ResNet50, Self::ResNet101];

    /// The name that settings and torchvision use.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet18 => "resnet18",
            Self::ResNet34 => "resnet34",
            Self::ResNet50 => "resnet50",
            Self::ResNet101 => "resnet101",
        }
    }

    /// The backbone of this name.
    ///
    /// # Errors
    /// When there is none; the help names the nearest.
    pub fn by_name(name: &str) -> Result<Self> {
        let plain = name.to_lowercase().replace(['-', '_'], "");
        let found = Self::ALL.into_iter().find(|depth| depth.name() == plain);
        found.ok_or_else(|| unknown_name("backbone", name, &Self::ALL.map(Self::name)))
    }

    /// Blocks in each of the four stages.
    pub fn blocks(self) -> [usize; 4] {
        match self {
            Self::ResNet18 => [2, 2, 2, 2],
            Self::ResNet34 | Self::ResNet50 => [3, 4, 6, 3],
            Self::ResNet101 => [3, 4, 23, 3],
        }
    }

    /// Output channels of a block for each channel of its 3×3 convolution: 4 in bottlenecks.
    pub fn expansion(self) -> usize {
        match self {
            Self::ResNet18 | Self::ResNet34 => 1,
            Self::ResNet50 | Self::ResNet101 => 4,
        }
    }
}

/// How images enter the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// 7×7 convolution of stride 2 and 3×3 maximum of stride 2, as in the paper.
    ImageNet,
    /// 3×3 convolution of stride 1 without pooling, for images up to 64 pixels (SimCLR, section B.9).
    Cifar,
}

impl Stem {
    /// Both stems.
    pub const ALL: [Self; 2] = [Self::ImageNet, Self::Cifar];

    /// The stem of this name.
    ///
    /// # Errors
    /// When there is none; the help names the nearest.
    pub fn by_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|stem| stem.name() == name);
        found.ok_or_else(|| unknown_name("stem", name, &Self::ALL.map(Self::name)))
    }

    /// The name that settings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImageNet => "imagenet",
            Self::Cifar => "cifar",
        }
    }

    /// Side of the images that become one cell of the last map, which is also the smallest side that the
    /// network takes: the last stages would see nothing but padding below it.
    pub fn reduction(self) -> usize {
        match self {
            Self::ImageNet => 32,
            Self::Cifar => 8,
        }
    }

    /// Side of the images that become one cell of the map after a stage, 1 to 4.
    pub fn stage_reduction(self, stage: usize) -> usize {
        self.reduction() >> 4usize.saturating_sub(stage)
    }
}

/// Configuration of a ResNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResNetConfig {
    /// How deep.
    pub depth: Depth,
    /// Multiplies the channels of the whole network. The first stage has 64·width channels, rounded to a
    /// whole number and at least 1; each stage doubles them.
    pub width: f64,
    /// How images enter.
    pub stem: Stem,
}

impl Display for ResNetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of width {} with the {} stem", self.depth.name(), self.width, self.stem.name())
    }
}

impl ResNetConfig {
    /// The paper's network of this depth.
    pub fn new(depth: Depth) -> Self {
        Self { depth, width: 1.0, stem: Stem::ImageNet }
    }

    /// Features of the representation.
    pub fn features(&self) -> usize {
        self.channels(3) * self.depth.expansion()
    }

    /// Channels of the map after a stage, 1 to 4.
    pub fn stage_features(&self, stage: usize) -> usize {
        self.channels(stage.saturating_sub(1)) * self.depth.expansion()
    }

    /// Whether images of this size, in pixels, can go through the network.
    ///
    /// # Errors
    /// When a side is below the stem's [`Stem::reduction`].
    pub fn check_image_size(&self, height: usize, width: usize) -> Result<()> {
        let smallest = self.stem.reduction();
        if height.min(width) >= smallest {
            return Ok(());
        }
        let help = match self.stem {
            Stem::ImageNet if height.min(width) >= Stem::Cifar.reduction() => {
                "choose larger images, or the `cifar` stem, which is meant for small ones"
            }
            _ => "choose larger images",
        };
        let what = format!(
            "images of {width}×{height} pixels are too small for the `{}` stem, which needs {smallest}×{smallest}",
            self.stem.name()
        );
        Err(Error::config(what, help))
    }

    /// With weights drawn at this address, as torchvision draws them.
    ///
    /// # Errors
    /// When the width is not a number between 1/64 and 64.
    pub fn init(&self, random: &Random, device: &Device) -> Result<ResNet> {
        check_width(self.width)?;
        let stem = match self.stem {
            Stem::ImageNet => Conv2dConfig::new(3, self.channels(0), 7).stride(2),
            Stem::Cifar => Conv2dConfig::new(3, self.channels(0), 3),
        };
        let mut input = self.channels(0);
        let mut layer = |stage: usize| {
            let random = random.named(&format!("layer{}", stage + 1));
            let (width, stride) = (self.channels(stage), if stage == 0 { 1 } else { 2 });
            let block = |index: usize| {
                let stride = if index == 0 { stride } else { 1 };
                let block = Block::init(self.depth, input, width, stride, &random.at(index as u64), device);
                input = width * self.depth.expansion();
                block
            };
            (0..self.depth.blocks()[stage]).map(block).collect()
        };
        Ok(ResNet {
            conv1: stem.init(&random.named("conv1"), device),
            bn1: BatchNormConfig::new(self.channels(0)).init(device),
            layer1: layer(0),
            layer2: layer(1),
            layer3: layer(2),
            layer4: layer(3),
            pooled_stem: self.stem == Stem::ImageNet,
            features: self.features(),
        })
    }

    fn channels(&self, stage: usize) -> usize {
        ((64.0 * self.width).round().max(1.0) as usize) << stage
    }
}

/// A residual network without its classifier.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    pooled_stem: bool,
    features: usize,
}

impl ResNet {
    /// Images `[batch, 3, height, width]` to representations `[batch, features]`, the mean of the map.
    pub fn forward(&self, images: Tensor<4>, mode: &Mode) -> Tensor<2> {
        mean_pool2d(self.forward_channels_last(images, mode))
    }

    /// Images `[batch, 3, height, width]` to the map before pooling, `[batch, features, rows, columns]`: height
    /// and width divided by [`Stem::reduction`], rounded up.
    pub fn forward_map(&self, images: Tensor<4>, mode: &Mode) -> Tensor<4> {
        self.forward_channels_last(images, mode).permute([0, 3, 1, 2])
    }

    /// Images `[batch, 3, height, width]` to the map, `[batch, rows, columns, features]`. From the first layer on, all maps
    /// have their channels last: so a pixel is one vector, for convolutions as for norms.
    pub fn forward_channels_last(&self, images: Tensor<4>, mode: &Mode) -> Tensor<4> {
        let [_, _, _, last] = self.forward_stages(images, mode);
        last
    }

    /// Images `[batch, 3, height, width]` to the maps after each of the four stages, `[batch, rows, columns, channels]`; see
    /// [`ResNetConfig::stage_features`] and [`Stem::stage_reduction`].
    pub fn forward_stages(&self, images: Tensor<4>, mode: &Mode) -> [Tensor<4>; 4] {
        let images = images.permute([0, 2, 3, 1]);
        let mut x = self.bn1.forward_then(self.conv1.forward(images), Epilogue::relu(), mode);
        if self.pooled_stem {
            x = max_pool2d(x, Windows { kernel: 3, stride: 2, padding: 1 });
        }
        [&self.layer1, &self.layer2, &self.layer3, &self.layer4].map(|layer| {
            for block in layer {
                x = block.forward(x.clone(), mode);
            }
            x.clone()
        })
    }

    /// Features of the representation.
    pub fn features(&self) -> usize {
        self.features
    }
}

/// A residual block (figure 5): two 3×3 convolutions, or the bottleneck 1×1, 3×3, 1×1. The stride is in the
/// 3×3 convolution, as in torchvision, not in the first 1×1, as in the paper.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm>,
    downsample: Option<(Conv2d, BatchNorm)>,
}

impl Block {
    fn init(
        depth: Depth,
        input: usize,
        width: usize,
        stride: usize,
        random: &Random,
        device: &Device,
    ) -> Self {
        let output = width * depth.expansion();
        let is_bottleneck = depth.expansion() > 1;
        let conv = |name: &str, config: Conv2dConfig| config.init(&random.named(name), device);
        let norm = |channels: usize| BatchNormConfig::new(channels).init(device);
        let (first, second) = match is_bottleneck {
            true => (Conv2dConfig::new(input, width, 1), Conv2dConfig::new(width, width, 3).stride(stride)),
            false => (Conv2dConfig::new(input, width, 3).stride(stride), Conv2dConfig::new(width, width, 3)),
        };
        let shortcut = Conv2dConfig::new(input, output, 1).stride(stride);
        Self {
            conv1: conv("conv1", first),
            bn1: norm(width),
            conv2: conv("conv2", second),
            bn2: norm(width),
            conv3: is_bottleneck.then(|| conv("conv3", Conv2dConfig::new(width, output, 1))),
            bn3: is_bottleneck.then(|| norm(output)),
            downsample: (stride > 1 || input != output).then(|| (conv("downsample", shortcut), norm(output))),
        }
    }

    /// `[batch, height, width, channels]`, as all maps here.
    fn forward(&self, input: Tensor<4>, mode: &Mode) -> Tensor<4> {
        let mut x = self.bn1.forward_then(self.conv1.forward(input.clone()), Epilogue::relu(), mode);
        x = self.conv2.forward(x);
        let mut last = &self.bn2;
        if let (Some(conv3), Some(bn3)) = (&self.conv3, &self.bn3) {
            x = conv3.forward(last.forward_then(x, Epilogue::relu(), mode));
            last = bn3;
        }
        let shortcut = match &self.downsample {
            Some((conv, norm)) => norm.forward(conv.forward(input), mode),
            None => input,
        };
        last.forward_then(x, Epilogue::residual_relu(shortcut), mode)
    }
}

#[cfg(test)]
mod tests;

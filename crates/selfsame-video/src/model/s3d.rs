//! S3D (Xie et al. 2018, arXiv 1712.04851): an Inception network whose kernels are separated into space and time, with torchvision's
//! parameter names and details.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::nn::{BatchNormConfig, Conv3dConfig, Mode, check_width};
use selfsame_core::{Random, Result};

use super::layers::{Layer, Relu, forward};

/// The last pool, after which the last stage begins.
const LAST_POOL: usize = 13;

/// Channels of the branches of each Inception block: 1×1×1; before and after the two separated kernels; after the pool.
const BLOCKS: [[usize; 6]; 9] = [
    [64, 96, 128, 16, 32, 32],
    [128, 128, 192, 32, 96, 64],
    [192, 96, 208, 16, 48, 64],
    [160, 112, 224, 24, 64, 64],
    [128, 128, 256, 24, 64, 64],
    [112, 144, 288, 32, 64, 64],
    [256, 160, 320, 32, 128, 128],
    [256, 160, 320, 32, 128, 128],
    [384, 192, 384, 48, 128, 128],
];

/// S3D without its classifier.
#[derive(Module, Debug)]
pub struct S3d {
    features: Vec<Layer>,
}

impl S3d {
    /// Every layer has `width` times the paper's channels, rounded to a whole number and at least 1. Weights are drawn at this address, as those of the
    /// residual networks.
    ///
    /// # Errors
    /// When the width is not a number between 1/64 and 64.
    pub fn init(width: f64, random: &Random, device: &Device) -> Result<Self> {
        check_width(width)?;
        let mut build = Build { width, random, device, input: 3, features: Vec::new() };
        let separated = build.separated("stem", 3, build.scaled(64), 7, 2);
        build.push(separated);
        build.push(Layer::pool([1, 3, 3], [1, 2, 2], [0, 1, 1]));
        let pointwise = build.pointwise("pointwise", build.scaled(64), build.scaled(64));
        build.push(Layer::Sequential(pointwise));
        let separated = build.separated("separated", build.scaled(64), build.scaled(192), 3, 1);
        build.push(separated);
        build.push(Layer::pool([1, 3, 3], [1, 2, 2], [0, 1, 1]));
        build.input = build.scaled(192);
        for (number, block) in BLOCKS.into_iter().enumerate() {
            match number {
                2 => build.push(Layer::pool([3; 3], [2; 3], [1; 3])),
                7 => build.push(Layer::pool([2; 3], [2; 3], [0; 3])),
                _ => (),
            }
            build.inception(number, block);
        }
        Ok(Self { features: build.features })
    }

    /// Features of the representation at this width.
    pub fn features(width: f64) -> usize {
        let [straight, _, first, _, second, pooled] = BLOCKS[8];
        [straight, first, second, pooled].into_iter().map(|channels| scaled(channels, width)).sum()
    }

    /// `[batch, frames, height, width, channels]` to the maps before the last pool and after the last block, in the same layout.
    pub fn forward_stages(&self, clips: Tensor<5>, mode: &Mode) -> [Tensor<5>; 2] {
        let (before, after) = self.features.split_at(LAST_POOL.min(self.features.len()));
        let third = forward(before, clips, mode);
        let fourth = forward(after, third.clone(), mode);
        [third, fourth]
    }
}

fn scaled(channels: usize, width: f64) -> usize {
    (channels as f64 * width).round().max(1.0) as usize
}

/// The network as far as it is built.
struct Build<'a> {
    width: f64,
    random: &'a Random,
    device: &'a Device,
    /// Channels of the next Inception block's input.
    input: usize,
    features: Vec<Layer>,
}

impl Build<'_> {
    fn push(&mut self, layer: Layer) {
        self.features.push(layer);
    }

    fn scaled(&self, channels: usize) -> usize {
        scaled(channels, self.width)
    }

    /// Convolution, norm and ReLU.
    fn convolution(&self, name: &str, config: Conv3dConfig) -> Vec<Layer> {
        let norm = BatchNormConfig { epsilon: 1e-3, momentum: 1e-3, ..BatchNormConfig::new(config.output) };
        vec![
            Layer::convolution(config, &self.random.named(name), self.device),
            Layer::Norm(norm.init(self.device)),
            Layer::Relu(Relu),
        ]
    }

    fn pointwise(&self, name: &str, input: usize, output: usize) -> Vec<Layer> {
        self.convolution(name, Conv3dConfig::new(input, output, [1; 3]))
    }

    /// A kernel over space, then one over time.
    fn separated(&self, name: &str, input: usize, output: usize, kernel: usize, stride: usize) -> Layer {
        let space = Conv3dConfig::new(input, output, [1, kernel, kernel]).stride([1, stride, stride]);
        let time = Conv3dConfig::new(output, output, [kernel, 1, 1]).stride([stride, 1, 1]);
        Layer::Sequential(vec![
            Layer::Sequential(self.convolution(&format!("{name}.space"), space)),
            Layer::Sequential(self.convolution(&format!("{name}.time"), time)),
        ])
    }

    fn inception(&mut self, number: usize, channels: [usize; 6]) {
        let [straight, before_first, first, before_second, second, pooled] =
            channels.map(|channels| self.scaled(channels));
        let input = self.input;
        let named = |branch: &str| format!("inception{number}.{branch}");
        let separated = |branch: &str, middle, output| {
            vec![
                Layer::Sequential(self.pointwise(&named(&format!("{branch}.0")), input, middle)),
                self.separated(&named(&format!("{branch}.1")), middle, output, 3, 1),
            ]
        };
        let inception = Inception {
            branch0: self.pointwise(&named("branch0"), input, straight),
            branch1: separated("branch1", before_first, first),
            branch2: separated("branch2", before_second, second),
            branch3: vec![
                Layer::pool([3; 3], [1; 3], [1; 3]),
                Layer::Sequential(self.pointwise(&named("branch3"), input, pooled)),
            ],
        };
        self.input = straight + first + second + pooled;
        self.push(Layer::Inception(inception));
    }
}

/// Four branches side by side (figure 5 of the paper).
#[derive(Module, Debug)]
pub struct Inception {
    branch0: Vec<Layer>,
    branch1: Vec<Layer>,
    branch2: Vec<Layer>,
    branch3: Vec<Layer>,
}

impl Inception {
    pub fn forward(&self, input: Tensor<5>, mode: &Mode) -> Tensor<5> {
        let branches = [&self.branch0, &self.branch1, &self.branch2, &self.branch3];
        Tensor::cat(branches.map(|layers| forward(layers, input.clone(), mode)).into(), 4)
    }
}

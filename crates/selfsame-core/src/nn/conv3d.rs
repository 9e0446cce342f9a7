//! Three-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use selfsame_kernels::conv3d;

use super::{fan_out_normal, parameter};
use crate::Random;

/// Configuration of a convolution over frames, height and width; arrays are in this order.
#[derive(Clone, Debug)]
pub struct Conv3dConfig {
    /// Channels of the input.
    pub input: usize,
    /// Channels of the output.
    pub output: usize,
    /// Frames, rows and columns of the kernel.
    pub kernel: [usize; 3],
    /// Steps between outputs; 1 by default.
    pub stride: [usize; 3],
    /// Zeros around the input; "same" for odd kernels by default.
    pub padding: [usize; 3],
    /// Whether there is a bias; no by default, since batch norm follows.
    pub bias: bool,
}

impl Conv3dConfig {
    /// Stride 1, padding `kernel / 2`, no bias.
    pub fn new(input: usize, output: usize, kernel: [usize; 3]) -> Self {
        Self { input, output, kernel, stride: [1; 3], padding: kernel.map(|side| side / 2), bias: false }
    }

    /// With this stride.
    pub fn stride(mut self, stride: [usize; 3]) -> Self {
        self.stride = stride;
        self
    }

    /// With a bias.
    pub fn bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// Weights after He et al. 2015 (arXiv 1502.01852), normal with fan-out, as torchvision's video ResNets; zero bias.
    pub fn init(&self, random: &Random, device: &Device) -> Conv3d {
        let [frames, height, width] = self.kernel;
        let shape = [self.output, self.input, frames, height, width];
        Conv3d {
            weight: fan_out_normal(shape, &random.named("weight"), device),
            bias: self.bias.then(|| parameter(vec![0.0; self.output], [self.output], device)),
            stride: self.stride,
            padding: self.padding,
        }
    }
}

/// Three-dimensional convolution of clips whose channels lie last; `weight` is `[output, input, frames, height, width]` as in PyTorch.
#[derive(Module, Debug)]
pub struct Conv3d {
    /// `[output, input, frames, height, width]`.
    pub weight: Param<Tensor<5>>,
    /// `[output]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    stride: [usize; 3],
    #[module(skip)]
    padding: [usize; 3],
}

impl Conv3d {
    /// `[batch, frames, height, width, input]` to `[batch, frames', height', width', output]`.
    pub fn forward(&self, input: Tensor<5>) -> Tensor<5> {
        let output = conv3d(input, self.weight.val(), self.stride, self.padding);
        match &self.bias {
            Some(bias) => output + bias.val().reshape([1, 1, 1, 1, -1]),
            None => output,
        }
    }
}

//! Two-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use selfsame_kernels::conv2d;

use super::{fan_out_normal, parameter};
use crate::Random;

/// Configuration of a square convolution.
#[derive(Clone, Debug)]
pub struct Conv2dConfig {
    /// Channels of the input.
    pub input: usize,
    /// Channels of the output.
    pub output: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step between outputs; 1 by default.
    pub stride: usize,
    /// Zeros around the input; "same" for odd kernels by default.
    pub padding: usize,
    /// Whether there is a bias; no by default, since batch norm follows.
    pub bias: bool,
}

impl Conv2dConfig {
    /// Stride 1, padding `kernel / 2`, no bias.
    pub fn new(input: usize, output: usize, kernel: usize) -> Self {
        Self { input, output, kernel, stride: 1, padding: kernel / 2, bias: false }
    }

    /// With this stride.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// With a bias.
    pub fn bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// Weights after He et al. 2015 (arXiv 1502.01852), normal with fan-out, as torchvision's ResNets; zero bias.
    pub fn init(&self, random: &Random, device: &Device) -> Conv2d {
        let shape = [self.output, self.input, self.kernel, self.kernel];
        Conv2d {
            weight: fan_out_normal(shape, &random.named("weight"), device),
            bias: self.bias.then(|| parameter(vec![0.0; self.output], [self.output], device)),
            stride: self.stride,
            padding: self.padding,
        }
    }
}

/// Square two-dimensional convolution of maps whose channels lie last; `weight` is `[output, input, kernel, kernel]`
/// as in PyTorch.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[output, input, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[output]`.
    pub bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
}

impl Conv2d {
    /// `[batch, height, width, input]` to `[batch, height', width', output]`: channels last, as they lie best in memory.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let output = conv2d(input, self.weight.val(), self.stride, self.padding);
        match &self.bias {
            Some(bias) => output + bias.val().reshape([1, 1, 1, -1]),
            None => output,
        }
    }
}

//! Two-dimensional convolution.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use selfsame_kernels::{Epilogue, conv2d, scale_and_shift};

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

    /// With so many zeros around the input.
    pub fn padding(mut self, padding: usize) -> Self {
        self.padding = padding;
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

    /// [`forward`](Self::forward) and a ReLU, with the bias in one pass over memory.
    pub fn forward_then_relu(&self, input: Tensor<4>) -> Tensor<4> {
        let output = conv2d(input, self.weight.val(), self.stride, self.padding);
        match &self.bias {
            Some(bias) => {
                let scale = Tensor::ones(bias.dims(), &output.device());
                scale_and_shift(output, scale, bias.val(), Epilogue::relu())
            }
            None => relu(output),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::golden::{assert_close, host};
    use crate::nn::Parameters;

    #[test]
    fn with_a_relu_in_one_pass_it_is_the_same() {
        let device = Device::default().autodiff();
        let mut layer = Conv2dConfig::new(2, 5, 3).padding(0).bias().init(&Random::new(1), &device);
        layer.update(&mut |name, value| (name == "bias").then(|| value + 0.3));
        let mut random = Random::new(2);
        let values: Vec<f32> = (0..2 * 6 * 5 * 2).map(|_| random.normal()).collect();
        let input = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([2, 6, 5, 2]);
        let found = [layer.forward_then_relu(input.clone()), relu(layer.forward(input))];
        assert_eq!(found[0].dims(), [2, 4, 3, 5]);
        assert_close(&host(&found[0]), &host(&found[1]), 1e-6);
        let [one, two] = found.map(|output| layer.gradients(&mut output.square().sum().backward()));
        assert_eq!(one.len(), 2);
        for ((_, one), (_, two)) in one.iter().zip(&two) {
            assert_close(&host(one), &host(two), 1e-5);
        }
    }
}

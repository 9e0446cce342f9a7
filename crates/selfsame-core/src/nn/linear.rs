//! Fully connected layer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use selfsame_kernels::linear;

use super::parameter;
use crate::Random;

/// Configuration of a fully connected layer.
#[derive(Clone, Debug)]
pub struct LinearConfig {
    /// Features of the input.
    pub input: usize,
    /// Features of the output.
    pub output: usize,
    /// Whether there is a bias; yes by default.
    pub bias: bool,
}

impl LinearConfig {
    /// With a bias.
    pub fn new(input: usize, output: usize) -> Self {
        Self { input, output, bias: true }
    }

    /// Without a bias (where batch norm follows).
    pub fn without_bias(mut self) -> Self {
        self.bias = false;
        self
    }

    /// Weights and bias uniform in ±1/√input, as PyTorch's default.
    pub fn init(&self, random: &Random, device: &Device) -> Linear {
        let bound = 1.0 / (self.input.max(1) as f32).sqrt();
        let uniform = |name: &str, n: usize| {
            let mut random = random.named(name);
            (0..n).map(|_| random.range(-bound, bound)).collect::<Vec<_>>()
        };
        let shape = [self.output, self.input];
        Linear {
            weight: parameter(uniform("weight", self.output * self.input), shape, device),
            bias: self.bias.then(|| parameter(uniform("bias", self.output), [self.output], device)),
        }
    }
}

/// Fully connected layer; `weight` is `[output, input]` as in PyTorch.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[output, input]`.
    pub weight: Param<Tensor<2>>,
    /// `[output]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// `[…, input]` to `[…, output]`.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let [output, features] = self.weight.dims();
        let mut shape = input.dims();
        let rows = shape[..D - 1].iter().product::<usize>();
        shape[D - 1] = output;
        let bias = self.bias.as_ref().map(Param::val);
        linear(input.reshape([rows, features]), self.weight.val(), bias).reshape(shape)
    }
}

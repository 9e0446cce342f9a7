//! Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167), over the batch of this process or of all ranks.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use selfsame_kernels::{Epilogue, batch_norm, scale_and_shift};

use super::{Mode, Statistic, parameter};

/// Configuration of a batch norm layer, with PyTorch's defaults.
#[derive(Clone, Debug)]
pub struct BatchNormConfig {
    /// Channels of the input.
    pub channels: usize,
    /// Added to the variance; 1e-5.
    pub epsilon: f64,
    /// Share of the batch in the running statistics; 0.1.
    pub momentum: f64,
    /// Whether there are a weight and a bias; yes by default.
    pub affine: bool,
}

impl BatchNormConfig {
    /// With PyTorch's defaults.
    pub fn new(channels: usize) -> Self {
        Self { channels, epsilon: 1e-5, momentum: 0.1, affine: true }
    }

    /// Without weight and bias.
    pub fn without_affine(mut self) -> Self {
        self.affine = false;
        self
    }

    /// Weight 1, bias 0, running mean 0 and variance 1.
    pub fn init(&self, device: &Device) -> BatchNorm {
        let shape = [self.channels];
        let affine = |value| self.affine.then(|| parameter(vec![value; self.channels], shape, device));
        BatchNorm {
            weight: affine(1.0),
            bias: affine(0.0),
            running_mean: Statistic::new(Tensor::zeros(shape, device)),
            running_var: Statistic::new(Tensor::ones(shape, device)),
            momentum: self.momentum,
            epsilon: self.epsilon,
        }
    }
}

/// Batch normalisation over the last axis of `[batch, channels]`, `[batch, height, width, channels]` or `[batch, frames, height, width, channels]`.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[channels]`.
    pub weight: Option<Param<Tensor<1>>>,
    /// `[channels]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// `[channels]`, moved by training passes.
    pub running_mean: Statistic,
    /// `[channels]`, unbiased as in PyTorch.
    pub running_var: Statistic,
    momentum: f64,
    epsilon: f64,
}

impl BatchNorm {
    /// Same shape out as in. All NaN when the other ranks cannot be reached; their next collective operation says why.
    pub fn forward<const D: usize>(&self, input: Tensor<D>, mode: &Mode) -> Tensor<D> {
        self.forward_then(input, Epilogue::none(), mode)
    }

    /// As [`forward`](Self::forward), and the `epilogue` in the same pass over memory.
    pub fn forward_then<const D: usize>(
        &self,
        input: Tensor<D>,
        epilogue: Epilogue<D>,
        mode: &Mode,
    ) -> Tensor<D> {
        let constant = |parameter: &Option<Param<Tensor<1>>>, value: f64| match parameter {
            Some(parameter) => parameter.val(),
            None => Tensor::full(self.running_mean.value().dims(), value, &input.device()),
        };
        let (weight, bias) = (constant(&self.weight, 1.0), constant(&self.bias, 0.0));
        match mode {
            Mode::Evaluate => {
                let scale = weight / (self.running_var.value() + self.epsilon).sqrt();
                let shift = bias - self.running_mean.value() * scale.clone();
                scale_and_shift(input, scale, shift, epilogue)
            }
            Mode::Train { ranks } => {
                let normalised = batch_norm(input, weight, bias, epilogue, self.epsilon, ranks.clone());
                let count = normalised.count as f64;
                let unbiased = normalised.variance * (count / (count - 1.0).max(1.0));
                self.follow(&self.running_mean, normalised.mean);
                self.follow(&self.running_var, unbiased);
                normalised.output
            }
        }
    }

    fn follow(&self, running: &Statistic, batch: Tensor<1>) {
        running.set(running.value() * (1.0 - self.momentum) + batch.detach() * self.momentum);
    }
}

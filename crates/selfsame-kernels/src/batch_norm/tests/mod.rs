#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod frozen;
mod one_rank;
mod two_ranks;

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Tensor, TensorData};

use super::extension::{Followed, Statistics};
use super::{Epilogue, batch_norm, portable};
use crate::AllReduce;

const EPSILON: f64 = 1e-5;

/// An input `[batch, height, width, channels]`, its scale and shift, what follows, and a gradient of its output.
#[derive(Clone, Debug)]
struct Case {
    shape: [usize; 4],
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    residual: Option<Vec<f32>>,
    relu: bool,
    gradient: Vec<f32>,
}

/// What batch normalisation makes of a case, forwards and backwards.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    output: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    count: usize,
    input_gradient: Vec<f32>,
    weight_gradient: Vec<f32>,
    bias_gradient: Vec<f32>,
    residual_gradient: Vec<f32>,
}

impl Case {
    /// Values around 3 with a deviation that grows with the channel.
    fn new(shape: [usize; 4], seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut random = |n: usize| -> Vec<f32> {
            let next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            std::iter::repeat_with(next).take(n).collect()
        };
        let (count, channels) = (shape.iter().product(), shape[3]);
        let input = random(count).iter().enumerate().map(|(i, v)| 3.0 + v * (1 + i % 5) as f32).collect();
        let [weight, bias] = [(); 2].map(|()| random(channels));
        Self { shape, input, weight, bias, residual: None, relu: false, gradient: random(count) }
    }

    /// The case alone, with a ReLU, with a residual, and with both.
    fn with_every_epilogue(self) -> [Self; 4] {
        let residual: Vec<f32> = self.gradient.iter().rev().map(|value| 2.0 * value).collect();
        [(None, false), (None, true), (Some(residual.clone()), false), (Some(residual), true)]
            .map(|(residual, relu)| Self { residual, relu, ..self.clone() })
    }

    fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex().autodiff())
    }

    fn run(&self, ranks: Option<Arc<dyn AllReduce>>) -> Outcome {
        let channels = [self.shape[3]];
        let input = Self::tensor(&self.input, self.shape).require_grad();
        let residual = self.residual.as_ref().map(|it| Self::tensor(it, self.shape).require_grad());
        let epilogue = Epilogue { residual: residual.clone(), relu: self.relu };
        let weight = Self::tensor(&self.weight, channels).require_grad();
        let bias = Self::tensor(&self.bias, channels).require_grad();
        let normalised =
            batch_norm(input.clone(), weight.clone(), bias.clone(), epilogue, EPSILON, ranks.clone());
        let objective = (normalised.output.clone() * Self::tensor(&self.gradient, self.shape)).sum();
        let gradients = objective.backward();
        Outcome {
            output: values(normalised.output),
            mean: values(normalised.mean),
            variance: values(normalised.variance),
            count: normalised.count,
            input_gradient: values(input.grad(&gradients).unwrap()),
            weight_gradient: values(weight.grad(&gradients).unwrap()),
            bias_gradient: values(bias.grad(&gradients).unwrap()),
            residual_gradient: residual.map_or(Vec::new(), |it| values(it.grad(&gradients).unwrap())),
        }
    }

    /// The portable version, on the same backend.
    fn run_portably(&self, ranks: Option<&dyn AllReduce>) -> Outcome {
        let primitive = |values: &[f32], shape: &[usize]| {
            FlexTensor::from_data(TensorData::new(values.to_vec(), shape.to_vec()))
        };
        let channels = [self.shape[3]];
        let residual = self.residual.as_ref().map(|it| primitive(it, &self.shape));
        let input = primitive(&self.input, &self.shape);
        let weight = primitive(&self.weight, &channels);
        let bias = primitive(&self.bias, &channels);
        let affine = [weight.clone(), bias];
        let forward =
            portable::forward::<Flex>(input.clone(), affine.clone(), residual, self.relu, EPSILON, ranks);
        let Statistics { mean, variance, count, .. } = forward.statistics.clone();
        let gradient = primitive(&self.gradient, &self.shape);
        let followed = Followed::new(self.residual.is_some(), self.relu, &affine[1], &forward.output);
        let (backward, residual) =
            portable::backward::<Flex>(input, weight, forward.statistics, followed, gradient, ranks);
        let values = |tensor: FlexTensor| tensor.into_data().try_to_vec::<f32>().unwrap();
        Outcome {
            output: values(forward.output),
            mean: values(mean),
            variance: values(variance),
            count,
            input_gradient: values(backward.input),
            weight_gradient: values(backward.weight),
            bias_gradient: values(backward.bias),
            residual_gradient: residual.map_or(Vec::new(), values),
        }
    }

    /// Straight from the definition, in `f64`; the input's gradient as the Jacobian's product, element by element. Of `found`, it
    /// only takes on which side of 0 the outputs of a ReLU are, which rounding may decide.
    fn reference(&self, found: &[f32]) -> Outcome {
        let [batch, height, width, channels] = self.shape;
        let count = batch * height * width;
        let residual = |i: usize| self.residual.as_ref().map_or(0.0, |residual| f64::from(residual[i]));
        let is_through = |i: usize| !self.relu || found[i] > 0.0;
        let g = |i: usize| if is_through(i) { f64::from(self.gradient[i]) } else { 0.0 };
        let x = |i: usize| f64::from(self.input[i]);
        let mut outcome = Outcome {
            output: vec![0.0; self.input.len()],
            mean: vec![0.0; channels],
            variance: vec![0.0; channels],
            count,
            input_gradient: vec![0.0; self.input.len()],
            weight_gradient: vec![0.0; channels],
            bias_gradient: vec![0.0; channels],
            residual_gradient: Vec::new(),
        };
        if self.residual.is_some() {
            outcome.residual_gradient = (0..self.input.len()).map(|i| g(i) as f32).collect();
        }
        for channel in 0..channels {
            let own: Vec<usize> = (0..count).map(|pixel| pixel * channels + channel).collect();
            let (weight, bias) = (f64::from(self.weight[channel]), f64::from(self.bias[channel]));
            let n = count as f64;
            let mean = own.iter().map(|&i| x(i)).sum::<f64>() / n;
            let variance = own.iter().map(|&i| (x(i) - mean).powi(2)).sum::<f64>() / n;
            let deviation = (variance + EPSILON).sqrt();
            let normalised = |i: usize| (x(i) - mean) / deviation;
            for &i in &own {
                let before = normalised(i) * weight + bias + residual(i);
                outcome.output[i] = if self.relu { before.max(0.0) } else { before } as f32;
                // ∂x̂ⱼ/∂xᵢ = (δᵢⱼ - 1/n - x̂ᵢ x̂ⱼ / n) / deviation
                let through: f64 = own
                    .iter()
                    .map(|&j| {
                        let same = if i == j { 1.0 } else { 0.0 };
                        g(j) * weight * (same - 1.0 / n - normalised(i) * normalised(j) / n) / deviation
                    })
                    .sum();
                outcome.input_gradient[i] = through as f32;
            }
            outcome.mean[channel] = mean as f32;
            outcome.variance[channel] = variance as f32;
            outcome.weight_gradient[channel] = own.iter().map(|&i| g(i) * normalised(i)).sum::<f64>() as f32;
            outcome.bias_gradient[channel] = own.iter().map(|&i| g(i)).sum::<f64>() as f32;
        }
        outcome
    }

    /// Some of the instances.
    fn part(&self, rows: std::ops::Range<usize>) -> Self {
        let [_, height, width, channels] = self.shape;
        let row = channels * height * width;
        let of = |values: &[f32]| values[rows.start * row..rows.end * row].to_vec();
        Self {
            shape: [rows.len(), height, width, channels],
            input: of(&self.input),
            residual: self.residual.as_deref().map(of),
            gradient: of(&self.gradient),
            ..self.clone()
        }
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn assert_near(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{what}[{index}] is {found}, not {expected} (scale {scale})"
        );
    }
}

impl Outcome {
    fn assert_near(&self, expected: &Self, tolerance: f32) {
        assert_near("output", &self.output, &expected.output, tolerance);
        assert_near("mean", &self.mean, &expected.mean, tolerance);
        assert_near("variance", &self.variance, &expected.variance, tolerance);
        assert_near("input gradient", &self.input_gradient, &expected.input_gradient, tolerance);
        assert_near("weight gradient", &self.weight_gradient, &expected.weight_gradient, tolerance);
        assert_near("bias gradient", &self.bias_gradient, &expected.bias_gradient, tolerance);
        assert_near("residual gradient", &self.residual_gradient, &expected.residual_gradient, tolerance);
        assert_eq!(self.count, expected.count);
    }
}

//! A small residual network: all operations together, in single precision on the CPU against the portable versions in
//! double precision.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::{Epilogue, MomentumStep, Windows, batch_norm, conv2d, max_pool2d, mean_pool2d, momentum_step};

/// Values that look random, with a mean square of 1.
fn noise<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| 3f64.sqrt() * next()).collect();
    Tensor::from_data(TensorData::new(values, shape), (&Device::flex().autodiff(), DType::F64))
}

/// The parameters of a network, in the order in which it asks for them.
struct Parameters {
    dtype: DType,
    /// Of what goes into a ReLU, in standard deviations.
    mean: f64,
    /// What was learned; empty at first.
    values: Vec<Tensor<4>>,
    used: Vec<Tensor<4>>,
}

impl Parameters {
    fn new(dtype: DType, mean: f64) -> Self {
        Self { dtype, mean, values: Vec::new(), used: Vec::new() }
    }

    /// The next parameter: what was learned, or something random.
    fn next(&mut self, shape: [usize; 4], mean: f64, deviation: f64) -> Tensor<4> {
        let random = || (noise(shape, self.used.len() as u64 + 1) * deviation + mean).cast(self.dtype);
        let value = self.values.get(self.used.len()).cloned().unwrap_or_else(random);
        let value = value.detach().require_grad();
        self.used.push(value.clone());
        value
    }

    fn conv(&mut self, x: Tensor<4>, outputs: usize, kernel: usize, stride: usize) -> Tensor<4> {
        let [_, _, _, channels] = x.dims();
        let deviation = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
        let weight = self.next([outputs, channels, kernel, kernel], 0.0, deviation);
        conv2d(x, weight, stride, kernel / 2)
    }

    fn norm(&mut self, x: Tensor<4>, epilogue: Epilogue<4>) -> Tensor<4> {
        let [_, _, _, channels] = x.dims();
        let [bias, weight] =
            [self.mean, 1.0].map(|mean| self.next([1, 1, 1, channels], mean, 0.1).reshape([channels]));
        batch_norm(x, weight, bias, epilogue, 1e-5, None).output
    }

    fn block(&mut self, input: Tensor<4>, outputs: usize, stride: usize) -> Tensor<4> {
        let x = self.conv(input.clone(), outputs, 3, stride);
        let x = self.norm(x, Epilogue::relu());
        let x = self.conv(x, outputs, 3, 1);
        let shortcut = if stride == 1 {
            input
        } else {
            let shortcut = self.conv(input, outputs, 1, stride);
            self.norm(shortcut, Epilogue::none())
        };
        self.norm(x, Epilogue::residual_relu(shortcut))
    }
}

/// The output for some images.
fn network(parameters: &mut Parameters, [batch, side, width]: [usize; 3], pooled: bool) -> Tensor<2> {
    let images = noise([batch, side, side, 3], 99).cast(parameters.dtype).detach();
    let mut x = parameters.conv(images, width, 3, 1);
    x = parameters.norm(x, Epilogue::relu());
    if pooled {
        x = max_pool2d(x, Windows { kernel: 3, stride: 2, padding: 1 });
    }
    for stage in 0..3 {
        x = parameters.block(x, width << stage, if stage == 0 { 1 } else { 2 });
        x = parameters.block(x, width << stage, 1);
    }
    mean_pool2d(x)
}

fn host(data: TensorData) -> Vec<f64> {
    data.iter::<f64>().collect()
}

/// Output and gradients of all parameters. With few pixels, or rounding decides on which side of a ReLU some value is, and such a
/// change is no small one.
fn run(dtype: DType, sizes: [usize; 3], pooled: bool) -> Vec<Vec<f64>> {
    let mut parameters = Parameters::new(dtype, 0.0);
    let output = network(&mut parameters, sizes, pooled);
    let weights = noise(output.dims(), 77).cast(dtype);
    let gradients = (output.clone() * weights).sum().backward();
    let of = |parameter: &Tensor<4>| host(parameter.grad(&gradients).unwrap().into_data());
    std::iter::once(host(output.into_data())).chain(parameters.used.iter().map(of)).collect()
}

/// The losses of a training that moves the outputs to given ones, and what the parameters are in the end. Hardly any value is near enough to a
/// ReLU's edge for rounding to put it on the other side, which no precision would make a small change.
fn train(dtype: DType, steps: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut parameters = Parameters::new(dtype, 3.0);
    let mut momenta: Vec<Tensor<1>> = Vec::new();
    let mut losses = Vec::new();
    let step = MomentumStep { weight_decay: 1e-4, momentum: 0.9, nesterov: false, lr: 0.05 };
    for _ in 0..steps {
        let output = network(&mut parameters, [8, 16, 8], false);
        // Three sums of such means meet in the last block.
        let wanted = (noise(output.dims(), 77) + 3.0 * parameters.mean).cast(dtype).detach();
        let loss = (output - wanted).square().mean();
        let gradients = loss.backward();
        losses.extend(host(loss.into_data()));
        let used = std::mem::take(&mut parameters.used);
        parameters.values.clear();
        for (at, parameter) in used.into_iter().enumerate() {
            let (shape, gradient) = (parameter.dims(), parameter.grad(&gradients).unwrap());
            let [value, gradient] = [parameter.inner(), gradient].map(|tensor| tensor.flatten(0, 3));
            let momentum = momenta.get(at).cloned().unwrap_or_else(|| gradient.zeros_like());
            let (value, momentum) = momentum_step(value, gradient, momentum, None, step);
            if at < momenta.len() {
                momenta[at] = momentum;
            } else {
                momenta.push(momentum);
            }
            parameters.values.push(Tensor::from_inner(value.reshape(shape)));
        }
    }
    let values = parameters.values.into_iter().map(|value| host(value.into_data())).collect();
    (losses, values)
}

fn relative(found: &[f64], expected: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    norm(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied())
}

#[test]
fn a_residual_network_computes_in_single_precision_what_it_does_in_double() {
    for (sizes, pooled) in [([8, 16, 8], false), ([3, 19, 5], true)] {
        let (single, double) = (run(DType::F32, sizes, pooled), run(DType::F64, sizes, pooled));
        for (at, (single, double)) in single.iter().zip(&double).enumerate() {
            let relative = relative(single, double);
            assert!(relative < 1e-5, "tensor {at} of {sizes:?} differs by {relative:.1e}");
        }
    }
}

#[test]
fn after_twenty_steps_losses_and_weights_are_those_of_double_precision() {
    let (single, double) = (train(DType::F32, 20), train(DType::F64, 20));
    assert!(double.0[19] < 0.5 * double.0[0], "nothing is learned: {:?}", double.0);
    for (found, expected) in single.0.iter().zip(&double.0) {
        assert!((found - expected).abs() < 1e-4 * expected, "a loss of {found} instead of {expected}");
    }
    for (at, (found, expected)) in single.1.iter().zip(&double.1).enumerate() {
        let relative = relative(found, expected);
        assert!(relative < 1e-4, "parameter {at} differs by {relative:.1e}");
    }
}

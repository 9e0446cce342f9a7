//! A small residual network: all operations together, in single precision on the CPU against the portable versions in
//! double precision.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::{Epilogue, Windows, batch_norm, conv2d, max_pool2d, mean_pool2d};

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

struct Parameters {
    dtype: DType,
    made: Vec<Tensor<4>>,
}

impl Parameters {
    fn conv(&mut self, x: Tensor<4>, outputs: usize, kernel: usize, stride: usize) -> Tensor<4> {
        let [_, _, _, channels] = x.dims();
        let deviation = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
        let weight = noise([outputs, channels, kernel, kernel], self.made.len() as u64 + 1) * deviation;
        let weight = weight.cast(self.dtype).detach().require_grad();
        self.made.push(weight.clone());
        conv2d(x, weight, stride, kernel / 2)
    }

    fn norm(&mut self, x: Tensor<4>, epilogue: Epilogue<4>) -> Tensor<4> {
        let [_, _, _, channels] = x.dims();
        let affine = [0.0, 1.0].map(|mean| {
            let values = noise([1, 1, 1, channels], self.made.len() as u64 + 1) * 0.1 + mean;
            let values = values.cast(self.dtype).detach().require_grad();
            self.made.push(values.clone());
            values.reshape([channels])
        });
        let [bias, weight] = affine;
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

/// Output and gradients of all parameters. With few pixels, or rounding decides on which side of a ReLU some value is, and such a
/// change is no small one.
fn run(dtype: DType, [batch, side, width]: [usize; 3], pooled: bool) -> Vec<Vec<f64>> {
    let mut parameters = Parameters { dtype, made: Vec::new() };
    let images = noise([batch, side, side, 3], 99).cast(dtype).detach();
    let mut x = parameters.conv(images, width, 3, 1);
    x = parameters.norm(x, Epilogue::relu());
    if pooled {
        x = max_pool2d(x, Windows { kernel: 3, stride: 2, padding: 1 });
    }
    for stage in 0..3 {
        x = parameters.block(x, width << stage, if stage == 0 { 1 } else { 2 });
        x = parameters.block(x, width << stage, 1);
    }
    let output = mean_pool2d(x);
    let weights = noise(output.dims(), 77).cast(dtype);
    let gradients = (output.clone() * weights).sum().backward();
    let values = |data: TensorData| data.iter::<f64>().collect::<Vec<_>>();
    let of = |parameter: &Tensor<4>| values(parameter.grad(&gradients).unwrap().into_data());
    std::iter::once(values(output.into_data())).chain(parameters.made.iter().map(of)).collect()
}

#[test]
fn a_residual_network_computes_in_single_precision_what_it_does_in_double() {
    for (sizes, pooled) in [([8, 16, 8], false), ([3, 19, 5], true)] {
        let (single, double) = (run(DType::F32, sizes, pooled), run(DType::F64, sizes, pooled));
        let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
        for (at, (single, double)) in single.iter().zip(&double).enumerate() {
            let difference: Vec<f64> = single.iter().zip(double).map(|(a, b)| a - b).collect();
            let relative = norm(&difference) / norm(double);
            assert!(relative < 1e-5, "tensor {at} of {sizes:?} differs by {relative:.1e}");
        }
    }
}

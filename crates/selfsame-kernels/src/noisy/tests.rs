//! Noisy weights number by number, and the two versions against each other.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};

use super::noisy_weight;

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// Weight and gradients, of a loss that weighs every number of the weight differently.
fn results([outputs, inputs]: [usize; 2], dtype: DType) -> [TensorData; 3] {
    let [mean, deviation] = [0.1, 0.2].map(|phase| wave([outputs, inputs], phase).cast(dtype).require_grad());
    let (of_output, of_input) = (wave([outputs], 0.3).cast(dtype), wave([inputs], 0.4).cast(dtype));
    let weight = noisy_weight(mean.clone(), deviation.clone(), of_output, of_input);
    let weights = wave([outputs, inputs], 0.5).cast(dtype);
    let gradients = (weight.clone() * weights).sum().backward();
    let [mean, deviation] = [mean, deviation].map(|tensor| tensor.grad(&gradients).unwrap().into_data());
    [weight.into_data(), mean, deviation]
}

#[test]
fn weights_and_gradients_of_odd_sizes() {
    for [outputs, inputs] in [[1, 1], [3, 5], [7, 1], [1, 40], [51, 256], [129, 301], [0, 3], [3, 0]] {
        let value = |at: usize, phase: f32| f64::from((0.7 * at as f32 + phase).sin());
        let noise = |at: usize| value(at / inputs.max(1), 0.3) * value(at % inputs.max(1), 0.4);
        let all = || 0..outputs * inputs;
        let expected = [
            all().map(|at| value(at, 0.1) + value(at, 0.2) * noise(at)).collect::<Vec<f64>>(),
            all().map(|at| value(at, 0.5)).collect(),
            all().map(|at| value(at, 0.5) * noise(at)).collect(),
        ];
        for dtype in [DType::F32, DType::F64] {
            for (found, expected) in results([outputs, inputs], dtype).into_iter().zip(&expected) {
                assert_eq!(&found.shape()[..], [outputs, inputs]);
                let expected = TensorData::new(expected.clone(), [outputs, inputs]);
                let found = found.convert_dtype(DType::F64);
                found.assert_approx_eq::<f64>(&expected, Tolerance::rel_abs(1e-6, 1e-6));
            }
        }
    }
}

#[test]
fn what_lies_otherwise_is_read_in_its_order() {
    let (mean, deviation) = (wave([5, 9], 0.1), wave([5, 9], 0.2));
    let noise = || (wave([9], 0.3), wave([5], 0.4));
    let copied = |tensor: Tensor<2>| Tensor::<2>::from_data(tensor.transpose().into_data(), &Device::flex());
    let (of_output, of_input) = noise();
    let plain =
        noisy_weight(copied(mean.clone()), copied(deviation.clone()), of_output.inner(), of_input.inner());
    let (of_output, of_input) = noise();
    let viewed = noisy_weight(mean.transpose(), deviation.transpose(), of_output, of_input);
    viewed.into_data().assert_eq(&plain.into_data(), true);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| results([257, 301], DType::F32))
    };
    let expected = on(1);
    for threads in [2, 3] {
        on(threads).iter().zip(&expected).for_each(|(found, expected)| found.assert_eq(expected, true));
    }
}

#[test]
#[should_panic = "has [2] factors of outputs and [2] of inputs"]
fn other_noise_than_the_weights_is_refused() {
    noisy_weight(wave([2, 3], 0.0), wave([2, 3], 0.0), wave([2], 0.0), wave([2], 0.0));
}

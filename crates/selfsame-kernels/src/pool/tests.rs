//! Pooling against its definition and against Burn's own.

#![allow(clippy::unwrap_used)]

use burn::tensor::module::{adaptive_avg_pool2d, max_pool2d as burns_max_pool2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::{Windows, max_pool2d, mean_pool2d};

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// Output and gradient of the input, of a loss that weighs every output differently.
fn results<const D: usize>(pool: impl Fn(Tensor<4>) -> Tensor<D>, input: &Tensor<4>) -> [TensorData; 2] {
    let input = input.clone().require_grad();
    let output = pool(input.clone());
    let gradients = (output.clone() * wave(output.dims(), 0.4)).sum().backward();
    [output.into_data(), input.grad(&gradients).unwrap().into_data()]
}

fn compare(ours: [TensorData; 2], burns: [TensorData; 2]) {
    for (ours, burns) in ours.iter().zip(&burns) {
        ours.assert_approx_eq::<f32>(burns, Tolerance::rel_abs(1e-5, 1e-6));
    }
}

fn compare_max(shape: [usize; 4], windows: Windows) {
    let Windows { kernel, stride, padding } = windows;
    let options = || MaxPoolOptions::new([kernel; 2]).with_stride([stride; 2]).with_padding([padding; 2]);
    let burns =
        |input: Tensor<4>| burns_max_pool2d(input.permute([0, 3, 1, 2]), options()).permute([0, 2, 3, 1]);
    let input = wave(shape, 0.1);
    compare(results(|input| max_pool2d(input, windows), &input), results(burns, &input));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn maxima_of_odd_sizes(
        batch in 1usize..4, channels in 1usize..20, height in 1usize..12, width in 1usize..12,
        kernel in 1usize..5, stride in 1usize..4, padding in 0usize..3,
    ) {
        prop_assume!(2 * padding <= kernel && height.min(width) + 2 * padding >= kernel);
        compare_max([batch, height, width, channels], Windows { kernel, stride, padding });
    }

    #[test]
    fn means_of_odd_sizes(
        batch in 1usize..4, channels in 1usize..40, height in 1usize..9, width in 1usize..9,
    ) {
        let input = wave([batch, height, width, channels], 0.1);
        let burns = |input: Tensor<4>| {
            adaptive_avg_pool2d(input.permute([0, 3, 1, 2]), [1, 1]).reshape([batch, channels])
        };
        compare(results(mean_pool2d, &input), results(burns, &input));
    }
}

const STEM: Windows = Windows { kernel: 3, stride: 2, padding: 1 };

#[test]
fn the_stem_of_a_resnet() {
    compare_max([3, 28, 30, 16], STEM);
}

#[test]
fn the_first_of_equal_values_gets_the_gradient() {
    let input = Tensor::<4>::zeros([1, 2, 2, 1], &Device::flex().autodiff()).require_grad();
    let output = max_pool2d(input.clone(), Windows { kernel: 2, stride: 1, padding: 0 });
    let gradient = input.grad(&output.sum().backward()).unwrap();
    gradient.into_data().assert_eq(&TensorData::new(vec![1.0f32, 0.0, 0.0, 0.0], [1, 2, 2, 1]), true);
}

#[test]
fn what_is_not_a_number_fills_its_windows() {
    for place in 0..9 {
        let mut values: Vec<f32> = (0..9).map(|at| at as f32).collect();
        values[place] = f32::NAN;
        let input = Tensor::<4>::from_data(TensorData::new(values, [1, 3, 3, 1]), &Device::flex());
        let windows = Windows { kernel: 2, stride: 1, padding: 0 };
        let found: Vec<f32> = max_pool2d(input.clone(), windows).into_data().try_to_vec().unwrap();
        for (at, value) in found.iter().enumerate() {
            let (row, column) = (place / 3, place % 3);
            let sees = (at / 2..at / 2 + 2).contains(&row) && (at % 2..at % 2 + 2).contains(&column);
            assert_eq!(value.is_nan(), sees, "place {place}, output {at}");
        }
        assert!(mean_pool2d(input).into_data().iter::<f32>().all(f32::is_nan));
    }
}

#[test]
fn an_empty_batch_is_empty() {
    let input = Tensor::<4>::zeros([0, 4, 4, 3], &Device::flex());
    assert_eq!(max_pool2d(input.clone(), STEM).dims(), [0, 2, 2, 3]);
    assert_eq!(mean_pool2d(input).dims(), [0, 3]);
}

#[test]
fn double_precision_takes_the_portable_way() {
    use burn::tensor::DType;

    let input = wave([2, 6, 5, 3], 0.3).detach();
    let double = input.clone().cast(DType::F64);
    let maxima = max_pool2d(double.clone(), STEM).cast(DType::F32).into_data();
    maxima.assert_eq(&max_pool2d(input.clone(), STEM).into_data(), true);
    let means = mean_pool2d(double).cast(DType::F32).into_data();
    means.assert_approx_eq::<f32>(&mean_pool2d(input).into_data(), Tolerance::rel_abs(1e-6, 1e-6));
}

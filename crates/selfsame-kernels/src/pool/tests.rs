//! Pooling against its definition and against Burn's own.

#![allow(clippy::unwrap_used)]

use burn::tensor::module::{adaptive_avg_pool2d, max_pool2d as burns_max_pool2d};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::{ClipWindows, Windows, max_pool2d, max_pool3d, mean_pool2d, mean_pool3d};

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// Output and gradient of the input, of a loss that weighs every output differently.
fn results<const I: usize, const D: usize>(
    pool: impl Fn(Tensor<I>) -> Tensor<D>,
    input: &Tensor<I>,
) -> [TensorData; 2] {
    let input = input.clone().require_grad();
    let output = pool(input.clone());
    let gradients = (output.clone() * wave(output.dims(), 0.4).cast(output.dtype())).sum().backward();
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

/// The definition: for every output all pixels of its window, and the gradient to the first of the largest.
fn slow_max(
    input: &[f32],
    [batch, frames, height, width, channels]: [usize; 5],
    ClipWindows { kernel, stride, padding }: ClipWindows,
) -> (Vec<f32>, Vec<usize>) {
    let sizes = [frames, height, width];
    let outputs = [0, 1, 2].map(|axis| (sizes[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1);
    let (mut largest, mut places) = (Vec::new(), Vec::new());
    for at in 0..batch * outputs.iter().product::<usize>() * channels {
        let (channel, at) = (at % channels, at / channels);
        let (column, at) = (at % outputs[2], at / outputs[2]);
        let (row, at) = (at % outputs[1], at / outputs[1]);
        let (frame, clip) = (at % outputs[0], at / outputs[0]);
        let mut best: Option<usize> = None;
        for tap in 0..kernel.iter().product::<usize>() {
            let tap = [tap / kernel[2] / kernel[1], tap / kernel[2] % kernel[1], tap % kernel[2]];
            let place = [frame, row, column];
            let place =
                [0, 1, 2].map(|axis| (place[axis] * stride[axis] + tap[axis]).checked_sub(padding[axis]));
            let [Some(t), Some(y), Some(x)] = place else { continue };
            if t < frames && y < height && x < width {
                let index = (((clip * frames + t) * height + y) * width + x) * channels + channel;
                best = best.filter(|&best| input[index] <= input[best]).or(Some(index));
            }
        }
        largest.push(input[best.unwrap()]);
        places.push(best.unwrap());
    }
    (largest, places)
}

fn compare_clips(shape: [usize; 5], windows: ClipWindows) {
    let input = wave(shape, 0.1);
    let values: Vec<f32> = input.clone().into_data().try_to_vec().unwrap();
    let (largest, places) = slow_max(&values, shape, windows);
    for dtype in [DType::F32, DType::F64] {
        let [output, gradient] =
            results(|input| max_pool3d(input, windows), &input.clone().cast(dtype).detach())
                .map(|data| data.convert::<f32>().try_to_vec::<f32>().unwrap());
        assert_eq!(output, largest, "{dtype:?}");
        let mut expected = vec![0.0; values.len()];
        for (at, &place) in places.iter().enumerate() {
            expected[place] += (0.7 * at as f32 + 0.4).sin();
        }
        for (found, expected) in gradient.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "{dtype:?}: {found} is not {expected}");
        }
    }
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
    fn maxima_of_clips_of_odd_sizes(
        batch in 1usize..3, channels in 1usize..9, frames in 1usize..6, height in 1usize..7, width in 1usize..7,
        kernel in [1usize..4, 1usize..4, 1usize..4], stride in [1usize..3, 1usize..3, 1usize..3],
        padding in [0usize..2, 0usize..2, 0usize..2],
    ) {
        let sizes = [frames, height, width];
        let fit = |axis: usize| 2 * padding[axis] <= kernel[axis] && sizes[axis] + 2 * padding[axis] >= kernel[axis];
        prop_assume!((0..3).all(fit));
        compare_clips([batch, frames, height, width, channels], ClipWindows { kernel, stride, padding });
    }

    #[test]
    fn means_of_clips_are_those_of_their_frames(
        batch in 1usize..3, channels in 1usize..20, frames in 1usize..5, height in 1usize..6, width in 1usize..6,
    ) {
        let input = wave([batch, frames, height, width, channels], 0.1);
        let of_frames = |input: Tensor<5>| {
            let maps = mean_pool2d(input.reshape([batch * frames, height, width, channels]));
            maps.reshape([batch, frames, channels]).mean_dim(1).reshape([batch, channels])
        };
        compare(results(mean_pool3d, &input), results(of_frames, &input));
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
fn the_pools_of_s3d() {
    compare_clips([2, 4, 9, 7, 16], ClipWindows { kernel: [1, 3, 3], stride: [1, 2, 2], padding: [0, 1, 1] });
    compare_clips([2, 5, 7, 9, 16], ClipWindows { kernel: [3; 3], stride: [2; 3], padding: [1; 3] });
    compare_clips([1, 4, 5, 5, 24], ClipWindows { kernel: [3; 3], stride: [1; 3], padding: [1; 3] });
    compare_clips([1, 4, 7, 7, 24], ClipWindows { kernel: [2; 3], stride: [2; 3], padding: [0; 3] });
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
    let clips = Tensor::<5>::zeros([0, 4, 4, 4, 3], &Device::flex());
    for kernel in [[1, 2, 2], [2, 2, 2]] {
        let windows = ClipWindows { kernel, stride: kernel, padding: [0; 3] };
        assert_eq!(max_pool3d(clips.clone(), windows).dims(), [0, 4 / kernel[0], 2, 2, 3]);
    }
    assert_eq!(mean_pool3d(clips).dims(), [0, 3]);
}

#[test]
fn double_precision_takes_the_portable_way() {
    let input = wave([2, 6, 5, 3], 0.3).detach();
    let double = input.clone().cast(DType::F64);
    let maxima = max_pool2d(double.clone(), STEM).cast(DType::F32).into_data();
    maxima.assert_eq(&max_pool2d(input.clone(), STEM).into_data(), true);
    let means = mean_pool2d(double).cast(DType::F32).into_data();
    means.assert_approx_eq::<f32>(&mean_pool2d(input).into_data(), Tolerance::rel_abs(1e-6, 1e-6));
}

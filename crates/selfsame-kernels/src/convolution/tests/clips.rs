//! Convolution of clips against Burn's own, values and gradients, on odd sizes.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::{all_vectors_agree, approximately_equal, results, wave};
use crate::conv3d;
use crate::convolution::Window;
use crate::convolution::extent::Extent;

/// Of a clip `[batch, frames, height, width, channels]`.
fn compare(input: [usize; 5], outputs: usize, kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3]) {
    let device = Device::flex().autodiff();
    let weight = wave([outputs, input[4], kernel[0], kernel[1], kernel[2]], 1.3, &device);
    let input = wave(input, 0.1, &device);
    let ours = results(|input, weight| conv3d(input, weight, stride, padding), &input, &weight);
    let options = || ConvOptions::new(stride, padding, [1; 3], 1);
    let burns = results(
        |input, weight| {
            let input = input.permute([0, 4, 1, 2, 3]);
            burn::tensor::module::conv3d(input, weight, None, options()).permute([0, 2, 3, 4, 1])
        },
        &input,
        &weight,
    );
    approximately_equal(&ours, &burns);
}

#[test]
fn all_vectors_give_the_same() {
    for (input, weight, stride, padding) in [
        ([2, 5, 9, 7, 5], [3, 5, 3, 3, 3], [2; 3], [1; 3]),
        ([2, 4, 6, 5, 20], [50, 20, 3, 1, 1], [1; 3], [1, 0, 0]),
        ([1, 3, 13, 11, 3], [16, 3, 3, 7, 7], [1, 2, 2], [1, 3, 3]),
    ] {
        all_vectors_agree(&Extent::new(&input, &weight, Window { stride, padding }));
    }
}

/// Size, kernel, stride and padding of an axis.
fn axis(most: usize) -> impl Strategy<Value = [usize; 4]> {
    let sizes = (1..=most, 1usize..4, 1usize..3);
    sizes.prop_flat_map(|(size, kernel, stride)| {
        // Burn knows no gradient of a padding that is wider than the kernel.
        let least = kernel.saturating_sub(size).div_ceil(2);
        (least..kernel.max(least + 1)).prop_map(move |padding| [size, kernel, stride, padding])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn odd_sizes(
        batch in 1usize..4, channels in 1usize..6, outputs in 1usize..6,
        frames in axis(6), rows in axis(9), columns in axis(9),
    ) {
        let [sizes, kernel, stride, padding] = [0, 1, 2, 3].map(|at| [frames[at], rows[at], columns[at]]);
        compare([batch, sizes[0], sizes[1], sizes[2], channels], outputs, kernel, stride, padding);
    }
}

#[test]
fn the_layers_of_video_networks() {
    for (input, outputs, kernel, stride) in [
        ([2, 4, 12, 12, 3], 16, [3, 7, 7], [1, 2, 2]),
        ([2, 5, 9, 10, 16], 16, [3, 3, 3], [1, 1, 1]),
        ([2, 8, 10, 10, 8], 16, [3, 3, 3], [2, 2, 2]),
        ([2, 8, 10, 10, 8], 16, [1, 1, 1], [2, 2, 2]),
        ([2, 5, 10, 9, 16], 36, [1, 3, 3], [1, 1, 1]),
        ([2, 5, 10, 9, 16], 36, [1, 3, 3], [1, 2, 2]),
        ([2, 6, 5, 7, 36], 16, [3, 1, 1], [1, 1, 1]),
        ([2, 7, 5, 7, 36], 16, [3, 1, 1], [2, 1, 1]),
        ([3, 2, 7, 7, 40], 40, [3, 3, 3], [1, 1, 1]),
        ([3, 1, 3, 3, 40], 20, [3, 3, 3], [1, 1, 1]),
        ([3, 3, 8, 7, 12], 20, [5, 3, 3], [1, 1, 1]),
    ] {
        compare(input, outputs, kernel, stride, kernel.map(|size| size / 2));
    }
}

#[test]
fn views_of_other_memory_are_read_rightly() {
    let device = Device::flex();
    let input = wave([2, 4, 7, 5, 3], 0.1, &device).permute([0, 4, 3, 2, 1]);
    let weight = wave([4, 3, 3, 3, 3], 0.2, &device).permute([1, 0, 4, 3, 2]);
    let copied = |tensor: &Tensor<5>| Tensor::<5>::from_data(tensor.to_data(), &device);
    let viewed = conv3d(input.clone(), weight.clone(), [1; 3], [1; 3]);
    let plain = conv3d(copied(&input), copied(&weight), [1; 3], [1; 3]);
    viewed.into_data().assert_eq(&plain.into_data(), true);
}

#[test]
fn what_is_not_finite_comes_through() {
    let device = Device::flex();
    for channels in [1, 4] {
        let mut values = vec![0.5; 27 * channels];
        values[13 * channels] = f32::NAN;
        let input = Tensor::<5>::from_data(TensorData::new(values, [1, 3, 3, 3, channels]), &device);
        let output = conv3d(input, Tensor::ones([channels, channels, 3, 3, 3], &device), [1; 3], [1; 3]);
        assert!(output.into_data().iter::<f32>().all(f32::is_nan));
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let device = Device::flex().autodiff();
    for (input, weight, stride, padding) in [
        ([7, 5, 9, 9, 5], [6, 5, 3, 3, 3], [2; 3], [1; 3]),
        ([7, 5, 9, 9, 5], [6, 5, 3, 3, 3], [1; 3], [1; 3]),
        ([7, 9, 9, 9, 5], [6, 5, 3, 1, 1], [1; 3], [1, 0, 0]),
    ] {
        let (input, weight) = (wave(input, 0.1, &device), wave(weight, 0.7, &device));
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map(|pool| {
                pool.install(|| {
                    results(|input, weight| conv3d(input, weight, stride, padding), &input, &weight)
                })
            })
        };
        match (with(1), with(3)) {
            (Ok(one), Ok(three)) => {
                one.iter().zip(&three).for_each(|(one, three)| one.assert_eq(three, true));
            }
            _ => unreachable!("a pool of threads can be built"),
        }
    }
}

#[test]
fn other_number_types_are_convolved_as_well() {
    let device = Device::flex();
    let (input, weight) = (wave([2, 4, 5, 4, 3], 0.1, &device), wave([2, 3, 3, 3, 3], 0.7, &device));
    let [exact, single] = [DType::F64, DType::F32].map(|dtype| {
        conv3d(input.clone().cast(dtype), weight.clone().cast(dtype), [2, 1, 1], [1; 3]).into_data()
    });
    assert_eq!(exact.dtype(), DType::F64);
    exact.convert::<f32>().assert_approx_eq::<f32>(&single, Tolerance::rel_abs(1e-4, 1e-4));
}

#[test]
fn what_needs_no_gradient_gets_none() {
    let device = Device::flex().autodiff();
    let (clips, weight) = (wave([2, 3, 5, 4, 3], 0.1, &device), wave([2, 3, 3, 3, 3], 0.7, &device));
    let weight = weight.require_grad();
    let gradients = conv3d(clips.clone(), weight.clone(), [1; 3], [1; 3]).sum().backward();
    assert!(weight.grad(&gradients).is_some());
    assert!(clips.grad(&gradients).is_none());
}

#[test]
fn nothing_is_convolved_to_nothing() {
    let device = Device::flex().autodiff();
    for (shape, weight) in [
        ([0, 3, 4, 4, 2], [3, 2, 3, 3, 3]),
        ([2, 0, 4, 4, 2], [3, 2, 2, 3, 3]),
        ([2, 3, 4, 4, 0], [3, 0, 3, 3, 3]),
        ([2, 3, 4, 4, 2], [0, 2, 3, 3, 3]),
    ] {
        let (input, weight) = (wave(shape, 0.1, &device), wave(weight, 0.2, &device));
        let padding = [weight.dims()[2] / 2, 1, 1];
        let [output, by_input, by_weight] =
            results(|input, weight| conv3d(input, weight, [1; 3], padding), &input, &weight);
        assert_eq!(output.shape().to_vec(), [shape[0], shape[1].max(1), 4, 4, weight.dims()[0]]);
        assert_eq!(
            [by_input.shape().to_vec(), by_weight.shape().to_vec()],
            [shape.to_vec(), weight.dims().to_vec()]
        );
        for zeros in [output, by_input, by_weight] {
            assert!(zeros.iter::<f32>().all(|value| value == 0.0));
        }
    }
}

#[test]
#[should_panic = "does not fit"]
fn a_kernel_of_more_frames_than_there_are_is_refused() {
    let device = Device::flex();
    conv3d(Tensor::ones([1, 2, 5, 5, 1], &device), Tensor::ones([1, 1, 3, 3, 3], &device), [1; 3], [0, 1, 1]);
}

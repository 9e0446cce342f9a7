//! Convolution of maps against Burn's own, values and gradients, on odd sizes.

use burn::tensor::ops::ConvOptions;
use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::{all_vectors_agree, approximately_equal, results, wave};
use crate::conv2d;
use crate::convolution::Window;
use crate::convolution::extent::Extent;

fn compare(
    [batch, height, width, channels]: [usize; 4],
    outputs: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) {
    let device = Device::flex().autodiff();
    let input = wave([batch, height, width, channels], 0.1, &device);
    let weight = wave([outputs, channels, kernel, kernel], 1.3, &device);
    let ours = results(|input, weight| conv2d(input, weight, stride, padding), &input, &weight);
    let options = || ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
    let burns = results(
        |input, weight| {
            let input = input.permute([0, 3, 1, 2]);
            burn::tensor::module::conv2d(input, weight, None, options()).permute([0, 2, 3, 1])
        },
        &input,
        &weight,
    );
    approximately_equal(&ours, &burns);
}

#[test]
fn all_vectors_give_the_same() {
    for (input, outputs, kernel, stride, padding) in [
        ([2, 9, 11, 5], 3, 3, 2, 1),
        ([3, 12, 13, 20], 50, 3, 1, 1),
        ([1, 7, 7, 300], 41, 1, 1, 0),
        ([2, 20, 21, 3], 16, 7, 2, 3),
    ] {
        let window = Window { stride: [1, stride, stride], padding: [0, padding, padding] };
        all_vectors_agree(&Extent::new(&input, &[outputs, input[3], kernel, kernel], window));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn odd_sizes(
        batch in 1usize..5, channels in 1usize..6, height in 1usize..12, width in 1usize..12,
        outputs in 1usize..6, kernel in 1usize..5, stride in 1usize..4, padding in 0usize..3,
    ) {
        prop_assume!(height + 2 * padding >= kernel && width + 2 * padding >= kernel);
        compare([batch, height, width, channels], outputs, kernel, stride, padding);
    }
}

#[test]
fn the_layers_of_a_resnet() {
    for ([batch, channels, height, width], outputs, kernel, stride, padding) in [
        ([5, 3, 32, 32], 16, 3, 1, 1),
        ([3, 16, 32, 32], 8, 3, 2, 1),
        ([70, 8, 4, 4], 8, 3, 1, 1),
        ([9, 8, 1, 1], 8, 3, 1, 1),
        ([3, 8, 2, 1], 8, 5, 1, 2),
        ([3, 8, 32, 32], 16, 1, 2, 0),
        ([2, 3, 64, 64], 8, 7, 2, 3),
        // More than a tile of pixels, a panel of outputs and a piece of depth, and not a multiple of any.
        ([3, 50, 13, 15], 37, 3, 2, 1),
        ([2, 300, 5, 7], 530, 1, 1, 0),
        ([1, 9, 61, 3], 17, 5, 3, 2),
        ([150, 5, 4, 4], 24, 3, 2, 1),
    ] {
        compare([batch, height, width, channels], outputs, kernel, stride, padding);
    }
}

#[test]
fn views_of_other_memory_are_read_rightly() {
    let device = Device::flex();
    let input = wave([2, 4, 7, 3], 0.1, &device).permute([0, 3, 2, 1]);
    let weight = wave([4, 3, 3, 3], 0.2, &device).permute([1, 0, 3, 2]);
    let copied = |tensor: &Tensor<4>| Tensor::<4>::from_data(tensor.to_data(), &device);
    let (viewed, plain) =
        (conv2d(input.clone(), weight.clone(), 1, 1), conv2d(copied(&input), copied(&weight), 1, 1));
    viewed.into_data().assert_eq(&plain.into_data(), true);
}

#[test]
fn what_is_not_finite_comes_through() {
    let device = Device::flex();
    let mut values = vec![0.5; 9];
    values[4] = f32::NAN;
    let input = Tensor::<4>::from_data(TensorData::new(values, [1, 3, 3, 1]), &device);
    let output = conv2d(input, Tensor::ones([1, 1, 3, 3], &device), 1, 1);
    assert!(output.into_data().iter::<f32>().all(f32::is_nan));
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let device = Device::flex().autodiff();
    let (input, weight) = (wave([37, 9, 9, 5], 0.1, &device), wave([6, 5, 3, 3], 0.7, &device));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map(|pool| {
            pool.install(|| results(|input, weight| conv2d(input, weight, 1, 1), &input, &weight))
        })
    };
    match (with(1), with(3)) {
        (Ok(one), Ok(three)) => one.iter().zip(&three).for_each(|(one, three)| one.assert_eq(three, true)),
        _ => unreachable!("a pool of threads can be built"),
    }
}

#[test]
fn other_number_types_are_convolved_as_well() {
    let device = Device::flex();
    let (input, weight) = (wave([2, 5, 4, 3], 0.1, &device), wave([2, 3, 3, 3], 0.7, &device));
    let exact = conv2d(input.clone().cast(DType::F64), weight.clone().cast(DType::F64), 2, 1);
    let single = conv2d(input, weight, 2, 1).into_data();
    assert_eq!(exact.dtype(), DType::F64);
    exact.into_data().convert::<f32>().assert_approx_eq::<f32>(&single, Tolerance::rel_abs(1e-4, 1e-4));
}

#[test]
fn what_needs_no_gradient_gets_none() {
    let device = Device::flex().autodiff();
    let (images, weight) = (wave([2, 5, 4, 3], 0.1, &device), wave([2, 3, 3, 3], 0.7, &device));
    let weight = weight.require_grad();
    let gradients = conv2d(images.clone(), weight.clone(), 1, 1).sum().backward();
    assert!(weight.grad(&gradients).is_some());
    assert!(images.grad(&gradients).is_none());
}

#[test]
fn nothing_is_convolved_to_nothing() {
    let device = Device::flex().autodiff();
    for (shape, weight) in
        [([0, 4, 4, 2], [3, 2, 3, 3]), ([2, 4, 4, 0], [3, 0, 3, 3]), ([2, 4, 4, 2], [0, 2, 3, 3])]
    {
        let (input, weight) = (wave(shape, 0.1, &device), wave(weight, 0.2, &device));
        let [output, by_input, by_weight] =
            results(|input, weight| conv2d(input, weight, 1, 1), &input, &weight);
        assert_eq!(output.shape().to_vec(), [shape[0], 4, 4, weight.dims()[0]]);
        assert_eq!(
            (by_input.shape().to_vec(), by_weight.shape().to_vec()),
            (shape.to_vec(), weight.dims().to_vec())
        );
        for zeros in [output, by_input, by_weight] {
            assert!(zeros.iter::<f32>().all(|value| value == 0.0));
        }
    }
}

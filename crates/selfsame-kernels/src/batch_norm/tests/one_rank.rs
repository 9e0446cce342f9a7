use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

use super::super::extension::BatchNormBackend;
use super::{Case, EPSILON, assert_near, batch_norm, values};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn value_and_gradients_are_those_of_the_definition(
        batch in 2usize..5, channels in 1usize..9, height in 1usize..8, width in 1usize..8, seed in any::<u64>(),
    ) {
        let case = Case::new([batch, channels, height, width], seed);
        let expected = case.reference();
        case.run(None).assert_near(&expected, 2e-5);
        case.run_portably(None).assert_near(&expected, 2e-5);
    }
}

#[test]
fn planes_larger_than_a_tile_and_channels_in_many_blocks() {
    for shape in [[3, 2, 37, 41], [5, 700, 1, 1], [2, 130, 3, 3], [1, 3, 33, 32]] {
        let case = Case::new(shape, 11);
        let found = case.run(None);
        found.assert_near(&case.run_portably(None), 2e-5);
        if shape[0] * shape[2] * shape[3] < 100 {
            found.assert_near(&case.reference(), 2e-5);
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let case = Case::new([7, 37, 21, 19], 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| case.run(None))
    };
    let expected = run(1);
    for threads in [2, 3, 8] {
        assert_eq!(run(threads), expected);
    }
}

#[test]
fn a_matrix_is_normalised_by_column() {
    let case = Case::new([6, 5, 1, 1], 4);
    let input = Case::tensor(&case.input, [6, 5]);
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [5]));
    let normalised = batch_norm(input, weight, bias, EPSILON, None);
    assert_near("output", &values(normalised.output), &case.reference().output, 1e-5);
}

#[test]
fn views_of_other_tensors_are_read_as_they_are() {
    let case = Case::new([4, 3, 5, 6], 5);
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [3]));
    // Stored with the channels last, and as the middle of a larger tensor.
    let input = Case::tensor(&case.input, case.shape);
    let channels_last =
        Tensor::<4>::from_data(input.clone().permute([0, 2, 3, 1]).into_data(), &input.device());
    let middle =
        Tensor::cat(vec![input.clone().narrow(0, 0, 1), input.clone(), input.clone().narrow(0, 3, 1)], 0);
    for view in [channels_last.permute([0, 3, 1, 2]), middle.narrow(0, 1, 4)] {
        let view = view.detach().require_grad();
        let normalised = batch_norm(view.clone(), weight.clone(), bias.clone(), EPSILON, None);
        // Swapped, so that the gradient comes in as a view too.
        let gradient = Case::tensor(&case.gradient, case.shape).swap_dims(2, 3);
        let gradients = (normalised.output.clone().swap_dims(2, 3) * gradient).sum().backward();
        let expected = case.reference();
        assert_near("output", &values(normalised.output), &expected.output, 2e-5);
        let found = values(view.grad(&gradients).unwrap());
        assert_near("input gradient", &found, &expected.input_gradient, 2e-5);
    }
}

#[test]
fn one_element_per_channel_becomes_the_bias() {
    let case = Case::new([1, 4, 1, 1], 6);
    let found = case.run(None);
    assert_eq!(found.output, case.bias);
    assert_eq!(found.variance, [0.0; 4]);
    assert_eq!(found.input_gradient, [0.0; 4]);
    found.assert_near(&case.run_portably(None), 0.0);
}

#[test]
fn an_empty_batch_is_empty() {
    let found = Case::new([0, 4, 3, 3], 6).run(None);
    assert!(found.output.is_empty() && found.count == 0);
    assert_eq!(found.mean, [0.0; 4]);
}

#[test]
fn values_that_are_not_finite_spoil_their_channel_alone() {
    for spoiled in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut case = Case::new([3, 3, 2, 2], 7);
        case.input[4] = spoiled;
        let (fast, portable) = (case.run(None), case.run_portably(None));
        for (found, expected) in
            [(&fast.output, &portable.output), (&fast.input_gradient, &portable.input_gradient)]
        {
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_eq!(found.is_nan(), expected.is_nan());
                assert_eq!(found.is_nan(), index / 4 % 3 == 1);
            }
        }
    }
}

#[test]
fn statistics_carry_no_gradient_and_inference_tensors_no_graph() {
    let case = Case::new([4, 2, 3, 3], 8);
    let device = Device::flex();
    let on = |v: &[f32]| Tensor::<1>::from_data(TensorData::new(v.to_vec(), [v.len()]), &device);
    let input = Tensor::<4>::from_data(TensorData::new(case.input.clone(), case.shape), &device);
    let normalised = batch_norm(input, on(&case.weight), on(&case.bias), EPSILON, None);
    assert_near("output", &values(normalised.output), &case.reference().output, 2e-5);

    let input = Case::tensor(&case.input, case.shape).require_grad();
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [2]));
    let normalised = batch_norm(input.clone(), weight, bias, EPSILON, None);
    assert!(!normalised.mean.is_require_grad() && !normalised.variance.is_require_grad());
    let gradients = (normalised.output.sum() + normalised.mean.sum() * 100.0).backward();
    assert_near("input gradient", &values(input.grad(&gradients).unwrap()), &[0.0; 72], 1e-5);
}

#[test]
fn double_precision_takes_the_portable_way() {
    let case = Case::new([4, 2, 3, 3], 12);
    let double = |v: &[f32], shape: &[usize]| {
        let data = TensorData::new(v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>(), shape.to_vec());
        FlexTensor::from_data(data)
    };
    let found = Flex::batch_norm_over_ranks(
        double(&case.input, &case.shape),
        double(&case.weight, &[2]),
        double(&case.bias, &[2]),
        EPSILON,
        None,
    );
    let output: Vec<f32> = found.output.into_data().iter::<f64>().map(|v| v as f32).collect();
    assert_near("output", &output, &case.reference().output, 1e-6);
}

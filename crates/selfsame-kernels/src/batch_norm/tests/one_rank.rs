use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

use super::super::extension::BatchNormBackend;
use super::{Case, EPSILON, Epilogue, assert_near, batch_norm, values};
use crate::optional::Optional;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn value_and_gradients_are_those_of_the_definition(
        batch in 2usize..5, channels in 1usize..9, height in 1usize..8, width in 1usize..8, seed in any::<u64>(),
    ) {
        for case in Case::new([batch, height, width, channels], seed).with_every_epilogue() {
            for outcome in [case.run(None), case.run_portably(None)] {
                outcome.assert_near(&case.reference(&outcome.output), 2e-5);
            }
        }
    }
}

#[test]
fn batches_of_many_parts_and_rows_of_every_width() {
    let channels = [1, 2, 3, 7, 8, 16, 17, 24, 63, 64, 100, 255, 511, 512, 2047, 2048];
    let many = [[64, 32, 32, 1], [9, 32, 33, 16], [3, 37, 41, 33], [40, 7, 1, 300]];
    for shape in channels.map(|channels| [3, 2, 3, channels]).into_iter().chain(many) {
        for case in Case::new(shape, 11).with_every_epilogue() {
            let found = case.run(None);
            found.assert_near(&case.run_portably(None), 2e-5);
            if shape[0] * shape[1] * shape[2] < 100 {
                found.assert_near(&case.reference(&found.output), 2e-5);
            }
        }
    }
}

#[test]
fn a_mean_far_from_zero_costs_no_precision_but_its_own() {
    let mut case = Case::new([8, 8, 8, 3], 12);
    case.input.iter_mut().for_each(|value| *value = (*value * 256.0).round() / 256.0 + 4096.0);
    let found = case.run(None);
    let expected = case.reference(&found.output);
    assert_near("variance", &found.variance, &expected.variance, 1e-6);
    assert_near("output", &found.output, &expected.output, 2e-4);
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for case in Case::new([7, 37, 21, 19], 3).with_every_epilogue() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.run(None))
        };
        let expected = run(1);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), expected);
        }
    }
}

#[test]
fn a_matrix_is_normalised_by_column() {
    let case = Case::new([6, 1, 1, 5], 4);
    let input = Case::tensor(&case.input, [6, 5]);
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [5]));
    let normalised = batch_norm(input, weight, bias, Epilogue::none(), EPSILON, None);
    assert_near("output", &values(normalised.output), &case.reference(&[]).output, 1e-5);
}

#[test]
fn views_of_other_tensors_are_read_as_they_are() {
    let case = &Case::new([4, 5, 6, 3], 5).with_every_epilogue()[3];
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [3]));
    let full = |values: &[f32]| Case::tensor(values, case.shape);
    // Stored with the channels first, and as the middle of a larger tensor.
    let channels_first = |tensor: &Tensor<4>| {
        Tensor::<4>::from_data(tensor.clone().permute([0, 3, 1, 2]).into_data(), &tensor.device())
            .permute([0, 2, 3, 1])
    };
    let middle = |tensor: &Tensor<4>| {
        let ends = [tensor.clone().narrow(0, 0, 1), tensor.clone().narrow(0, 3, 1)];
        let [first, last] = ends;
        Tensor::cat(vec![first, tensor.clone(), last], 0).narrow(0, 1, 4)
    };
    let views: [&dyn Fn(&Tensor<4>) -> Tensor<4>; 2] = [&channels_first, &middle];
    for of in views {
        let [input, residual] = [&case.input, case.residual.as_ref().unwrap()]
            .map(|values| of(&full(values)).detach().require_grad());
        let epilogue = Epilogue::residual_relu(residual.clone());
        let normalised = batch_norm(input.clone(), weight.clone(), bias.clone(), epilogue, EPSILON, None);
        // Swapped, so that the gradient comes in as a view too.
        let gradient = full(&case.gradient).swap_dims(2, 3);
        let gradients = (normalised.output.clone().swap_dims(2, 3) * gradient).sum().backward();
        let output = values(normalised.output);
        let expected = case.reference(&output);
        assert_near("output", &output, &expected.output, 2e-5);
        let found = values(input.grad(&gradients).unwrap());
        assert_near("input gradient", &found, &expected.input_gradient, 2e-5);
        let found = values(residual.grad(&gradients).unwrap());
        assert_near("residual gradient", &found, &expected.residual_gradient, 2e-5);
    }
}

#[test]
fn a_gradient_that_others_hold_is_left_alone() {
    let case = &Case::new([4, 5, 6, 3], 5).with_every_epilogue()[3];
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [3]));
    let [input, residual] = [&case.input, case.residual.as_ref().unwrap()]
        .map(|values| Case::tensor(values, case.shape).require_grad());
    let epilogue = Epilogue::residual_relu(residual.clone());
    let output = batch_norm(input, weight, bias, epilogue, EPSILON, None).output;
    let other = Case::tensor(&case.residual.clone().unwrap(), case.shape).require_grad();
    let gradients = ((output + other.clone()) * Case::tensor(&case.gradient, case.shape)).sum().backward();
    assert_eq!(values(other.grad(&gradients).unwrap()), case.gradient);
}

#[test]
fn one_element_per_channel_becomes_the_bias() {
    let case = Case::new([1, 1, 1, 4], 6);
    let found = case.run(None);
    assert_eq!(found.output, case.bias);
    assert_eq!(found.variance, [0.0; 4]);
    assert_eq!(found.input_gradient, [0.0; 4]);
    found.assert_near(&case.run_portably(None), 0.0);
}

#[test]
fn an_empty_batch_is_empty() {
    let found = Case::new([0, 3, 3, 4], 6).run(None);
    assert!(found.output.is_empty() && found.count == 0);
    assert_eq!(found.mean, [0.0; 4]);
}

#[test]
fn values_that_are_not_finite_spoil_their_channel_alone() {
    for spoiled in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut case = Case::new([3, 2, 2, 3], 7).with_every_epilogue()[3].clone();
        case.input[4] = spoiled;
        let (fast, portable) = (case.run(None), case.run_portably(None));
        for (found, expected) in
            [(&fast.output, &portable.output), (&fast.input_gradient, &portable.input_gradient)]
        {
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_eq!(found.is_nan(), expected.is_nan());
                assert_eq!(found.is_nan(), index % 3 == 1);
            }
        }
    }
}

#[test]
fn statistics_carry_no_gradient_and_inference_tensors_no_graph() {
    let case = Case::new([4, 3, 3, 2], 8);
    let device = Device::flex();
    let on = |v: &[f32]| Tensor::<1>::from_data(TensorData::new(v.to_vec(), [v.len()]), &device);
    let input = Tensor::<4>::from_data(TensorData::new(case.input.clone(), case.shape), &device);
    let normalised = batch_norm(input, on(&case.weight), on(&case.bias), Epilogue::none(), EPSILON, None);
    assert_near("output", &values(normalised.output), &case.reference(&[]).output, 2e-5);

    let input = Case::tensor(&case.input, case.shape).require_grad();
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [2]));
    let normalised = batch_norm(input.clone(), weight, bias, Epilogue::none(), EPSILON, None);
    assert!(!normalised.mean.is_require_grad() && !normalised.variance.is_require_grad());
    let gradients = (normalised.output.sum() + normalised.mean.sum() * 100.0).backward();
    assert_near("input gradient", &values(input.grad(&gradients).unwrap()), &[0.0; 72], 1e-5);
}

#[test]
fn double_precision_takes_the_portable_way() {
    let case = Case::new([4, 3, 3, 2], 12);
    let double = |v: &[f32], shape: &[usize]| {
        let data = TensorData::new(v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>(), shape.to_vec());
        FlexTensor::from_data(data)
    };
    let found = Flex::batch_norm_over_ranks(
        double(&case.input, &case.shape),
        double(&case.weight, &[2]),
        double(&case.bias, &[2]),
        Optional::Absent,
        false,
        EPSILON,
        None,
    );
    let output: Vec<f32> = found.output.into_data().iter::<f64>().map(|v| v as f32).collect();
    assert_near("output", &output, &case.reference(&[]).output, 1e-6);
}

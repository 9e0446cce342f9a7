//! Normalisation with frozen statistics against the same arithmetic in Burn's differentiable operations.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use proptest::prelude::*;

use super::super::extension::Followed;
use super::super::portable;
use super::{Case, Epilogue, assert_near, values};
use crate::scale_and_shift;

type Computed = [Vec<f32>; 5];

/// Output and gradients of input, scale, shift and residual.
fn results(
    case: &Case,
    compute: impl Fn(Tensor<4>, [Tensor<1>; 2], Option<Tensor<4>>, bool) -> Tensor<4>,
) -> Computed {
    let input = Case::tensor(&case.input, case.shape).require_grad();
    let affine = [&case.weight, &case.bias].map(|v| Case::tensor(v, [case.shape[3]]).require_grad());
    let residual = case.residual.as_ref().map(|it| Case::tensor(it, case.shape).require_grad());
    let output = compute(input.clone(), affine.clone(), residual.clone(), case.relu);
    let gradients = (output.clone() * Case::tensor(&case.gradient, case.shape)).sum().backward();
    let [scale, shift] = affine.map(|tensor| values(tensor.grad(&gradients).unwrap()));
    let residual = residual.map_or(Vec::new(), |it| values(it.grad(&gradients).unwrap()));
    [values(output), values(input.grad(&gradients).unwrap()), scale, shift, residual]
}

fn check(case: &Case) {
    let ours = results(case, |input, [scale, shift], residual, relu| {
        scale_and_shift(input, scale, shift, Epilogue { residual, relu })
    });
    let burns = results(case, |input, affine, residual, with_relu| {
        let [scale, shift] = affine.map(|tensor| tensor.reshape([1, 1, 1, -1]));
        let shifted = input * scale + shift;
        let added = residual.map_or(shifted.clone(), |residual| shifted + residual);
        if with_relu { relu(added) } else { added }
    });
    for (what, (ours, burns)) in
        ["output", "input gradient", "scale gradient", "shift gradient", "residual gradient"]
            .into_iter()
            .zip(ours.iter().zip(&burns))
    {
        assert_near(what, ours, burns, 2e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_is_what_burns_operations_make(
        batch in 0usize..5, channels in 1usize..70, height in 1usize..8, width in 1usize..8, seed in any::<u64>(),
    ) {
        for case in Case::new([batch, height, width, channels], seed).with_every_epilogue() {
            check(&case);
        }
    }
}

#[test]
fn many_parts() {
    for case in Case::new([9, 32, 33, 16], 2).with_every_epilogue() {
        check(&case);
    }
}

#[test]
fn the_portable_version_is_the_same() {
    use burn::backend::Flex;
    use burn::backend::flex::FlexTensor;
    use burn::tensor::TensorData;

    for case in Case::new([3, 4, 5, 6], 3).with_every_epilogue() {
        let ours = results(&case, |input, [scale, shift], residual, relu| {
            scale_and_shift(input, scale, shift, Epilogue { residual, relu })
        });
        let primitive = |values: &[f32], shape: &[usize]| {
            FlexTensor::from_data(TensorData::new(values.to_vec(), shape.to_vec()))
        };
        let values = |tensor: FlexTensor| tensor.into_data().try_to_vec::<f32>().unwrap();
        let input = primitive(&case.input, &case.shape);
        let [scale, shift] = [&case.weight, &case.bias].map(|v| primitive(v, &[6]));
        let residual = case.residual.as_ref().map(|it| primitive(it, &case.shape));
        let output =
            portable::finish::<Flex>(input.clone(), [scale.clone(), shift.clone()], residual, case.relu);
        let followed = Followed::new(case.residual.is_some(), case.relu, &shift, &output);
        let (found, residual) =
            portable::finish_backward::<Flex>(input, scale, followed, primitive(&case.gradient, &case.shape));
        let portable = [
            values(output),
            values(found.input),
            values(found.weight),
            values(found.bias),
            residual.map_or(Vec::new(), values),
        ];
        for (ours, portable) in ours.iter().zip(&portable) {
            assert_near("portable", ours, portable, 1e-6);
        }
    }
}

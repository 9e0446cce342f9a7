//! Normalisation with frozen statistics as a scale and a shift, on the CPU.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use pulp::Arch;
use rayon::iter::ParallelIterator;

use super::arithmetic::{Scale, ThroughRelu, Unchanged};
use super::cpu::{finish, of_part};
use super::extension::{Followed, InputGradients};
use super::loops::{AddProducts, Compute, Mask};
use super::rows::Rows;
use crate::flex::{contiguous, tensor, vector};

/// `input · scale + shift`, plus the residual, through the ReLU.
pub fn forward(
    input: FlexTensor,
    [scale, shift]: [FlexTensor; 2],
    residual: Option<FlexTensor>,
    with_relu: bool,
) -> FlexTensor {
    let [input, scale, shift] = [input, scale, shift].map(contiguous);
    let shape = input.layout().shape().clone();
    let rows = Rows::of(&shape);
    let coefficients = [&vec![0.0; rows.channels], scale.storage(), shift.storage()];
    tensor(finish(input.storage(), rows, coefficients, residual, with_relu), shape)
}

/// See [`portable::finish_backward`](super::portable::finish_backward).
pub fn backward(
    input: FlexTensor,
    scale: FlexTensor,
    followed: Followed<Flex>,
    output_gradient: FlexTensor,
) -> (InputGradients<Flex>, Option<FlexTensor>) {
    let [input, scale] = [input, scale].map(contiguous);
    let values: &[f32] = input.storage();
    let rows = Rows::of(input.layout().shape());
    let arch = Arch::new();
    let (scale, mean) = (rows.columns(scale.storage()), vec![0.0; rows.width()]);

    let mut gradient = contiguous(output_gradient);
    match &followed {
        Followed::Nothing | Followed::Residual => (),
        Followed::Relu { shift } => {
            let shift = rows.columns(contiguous(shift.clone()).storage());
            rows.parts_mut(gradient.storage_mut()).for_each(|(part, target)| {
                let (values, coefficients) = (of_part(values, rows, part), [&mean, &scale, &shift]);
                let coefficients = coefficients.map(Vec::as_slice);
                arch.dispatch(Compute { target, values, coefficients, operation: ThroughRelu });
            });
        }
        Followed::ResidualRelu { output } => {
            let output = contiguous(output.clone());
            rows.parts_mut(gradient.storage_mut()).for_each(|(part, gradients)| {
                arch.dispatch(Mask { gradients, output: of_part(output.storage(), rows, part) });
            });
        }
    }
    let residual = followed.has_residual().then(|| gradient.clone());
    let sums = rows.sums(rows.parts_mut(gradient.storage_mut()), |(part, gradients), [sums, products]| {
        let values = of_part(values, rows, part).chunks(rows.chunk());
        for (target, values) in gradients.chunks_mut(rows.chunk()).zip(values) {
            let sums = [&mut *sums, &mut *products];
            let (gradients, mean, coefficients, through) = (&*target, &mean, [], Unchanged);
            arch.dispatch(AddProducts { sums, gradients, values, mean, coefficients, through });
            arch.dispatch(Compute { target, values, coefficients: [&scale], operation: Scale });
        }
    });
    let sums: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
    let (bias, weight) = sums.split_at(rows.channels);
    let [bias, weight] = [bias, weight].map(|sums| vector(sums.to_vec()));
    (InputGradients { input: gradient, weight, bias }, residual)
}

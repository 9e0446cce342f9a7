//! Normalisation with frozen statistics as a scale and a shift, on the CPU.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use pulp::Arch;
use rayon::prelude::*;

use super::cpu::{contiguous, finish, of_part, tensor, vector};
use super::extension::InputGradients;
use super::loops::{AddProducts, mask, scale as multiply};
use super::rows::Rows;

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
    output: Option<FlexTensor>,
    output_gradient: FlexTensor,
    has_residual: bool,
) -> (InputGradients<Flex>, Option<FlexTensor>) {
    let [input, scale] = [input, scale].map(contiguous);
    let output = output.map(contiguous);
    let output: Option<&[f32]> = output.as_ref().map(|output| output.storage());
    let values: &[f32] = input.storage();
    let rows = Rows::of(input.layout().shape());
    let arch = Arch::new();

    let mut gradient = contiguous(output_gradient);
    if let Some(output) = output {
        gradient.storage_mut().par_chunks_mut(rows.part()).enumerate().for_each(|(part, gradient)| {
            mask(arch, gradient, of_part(output, rows, part));
        });
    }
    let residual = has_residual.then(|| gradient.clone());
    let (columns, zeros) = (rows.columns(scale.storage()), vec![0.0; rows.width()]);
    let parts = gradient.storage_mut().par_chunks_mut(rows.part()).enumerate();
    let sums = rows.sums(parts, |(part, gradient), [sums, products]| {
        let values = of_part(values, rows, part).chunks(rows.chunk());
        for (gradient, values) in gradient.chunks_mut(rows.chunk()).zip(values) {
            let sums = [&mut *sums, &mut *products];
            arch.dispatch(AddProducts { sums, gradients: gradient, values, mean: &zeros });
            multiply(arch, gradient, &columns);
        }
    });
    let sums: Vec<f32> = sums.iter().map(|&sum| sum as f32).collect();
    let (bias, weight) = sums.split_at(rows.channels);
    let [bias, weight] = [bias, weight].map(|sums| vector(sums.to_vec()));
    (InputGradients { input: gradient, weight, bias }, residual)
}

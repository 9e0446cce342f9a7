//! Batch normalisation of `f32` tensors on the CPU.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};
use pulp::Arch;
use rayon::prelude::*;

use super::extension::{InputGradients, Normalised, Statistics};
use super::loops::{AddMoments, AddProducts, Normalise, Project, add, mask, relu};
use super::rows::Rows;
use crate::AllReduce;
use crate::all_reduce::sum_over_ranks;

/// See [`batch_norm`](super::batch_norm).
pub fn forward(
    input: FlexTensor,
    [weight, bias]: [FlexTensor; 2],
    residual: Option<FlexTensor>,
    with_relu: bool,
    epsilon: f64,
    ranks: Option<&dyn AllReduce>,
) -> Normalised<Flex> {
    let [input, weight, bias] = [input, weight, bias].map(contiguous);
    let [values, weight, bias]: [&[f32]; 3] = [input.storage(), weight.storage(), bias.storage()];
    let shape = input.layout().shape().clone();
    let rows = Rows::of(&shape);
    let arch = Arch::new();

    let moments = rows.sums(rows.parts(), |part, sums| {
        arch.dispatch(AddMoments { sums, values: of_part(values, rows, part) })
    });
    let (local_sums, local_squares) = moments.split_at(rows.channels);
    let mut sums = local_sums.to_vec();
    let count = sum_over_ranks(ranks, &mut sums, rows.count());
    let exact: Vec<f64> = sums.iter().map(|sum| sum / count.max(1) as f64).collect();
    let mut squares = centred(local_sums, local_squares, &exact, rows.count());
    sum_over_ranks(ranks, &mut squares, rows.count());
    let variance = divide(&squares, count);
    let mean: Vec<f32> = exact.iter().map(|&mean| mean as f32).collect();

    let scale = multiply(weight, &reciprocal_deviation(&variance, epsilon));
    let output = finish(values, rows, [&mean, &scale, bias], residual, with_relu);
    Normalised {
        output: tensor(output, shape),
        statistics: Statistics { mean: vector(mean), variance: vector(variance), count, epsilon },
    }
}

/// The sums of squares about the mean of all ranks, from the local sums of values and of squares. What rounding leaves below 0
/// is 0; what is not a number stays so.
fn centred(sums: &[f64], squares: &[f64], mean: &[f64], count: usize) -> Vec<f64> {
    let of_channel = |((sum, square), mean): ((&f64, &f64), &f64)| {
        let about_mean = square - 2.0 * mean * sum + count as f64 * mean * mean;
        if about_mean < 0.0 { 0.0 } else { about_mean }
    };
    sums.iter().zip(squares).zip(mean).map(of_channel).collect()
}

/// Scales and shifts every value, adds the residual, applies the ReLU.
pub fn finish(
    values: &[f32],
    rows: Rows,
    coefficients: [&[f32]; 3],
    residual: Option<FlexTensor>,
    with_relu: bool,
) -> Vec<f32> {
    let arch = Arch::new();
    let coefficients = coefficients.map(|channels| rows.columns(channels));
    let [mean, scale, shift] = coefficients.each_ref().map(Vec::as_slice);
    let residual = residual.map(contiguous);
    let residual: Option<&[f32]> = residual.as_ref().map(|residual| residual.storage());
    let mut output = vec![0.0; values.len()];
    output.par_chunks_mut(rows.part()).enumerate().for_each(|(part, output)| {
        let values = of_part(values, rows, part).chunks(rows.chunk());
        let mut residual = residual.map(|residual| of_part(residual, rows, part).chunks(rows.chunk()));
        for (output, values) in output.chunks_mut(rows.chunk()).zip(values) {
            arch.dispatch(Normalise { output, values, mean, scale, shift });
            if let Some(residual) = residual.as_mut().and_then(Iterator::next) {
                add(arch, output, residual);
            }
            if with_relu {
                relu(arch, output);
            }
        }
    });
    output
}

/// See [`portable::backward`](super::portable::backward) for the formula.
pub fn backward(
    input: FlexTensor,
    weight: FlexTensor,
    statistics: Statistics<Flex>,
    output: Option<FlexTensor>,
    output_gradient: FlexTensor,
    has_residual: bool,
    ranks: Option<&dyn AllReduce>,
) -> (InputGradients<Flex>, Option<FlexTensor>) {
    let [input, weight] = [input, weight].map(contiguous);
    let output = output.map(contiguous);
    let [values, weight, mean]: [&[f32]; 3] = [input.storage(), weight.storage(), statistics.mean.storage()];
    let output: Option<&[f32]> = output.as_ref().map(|output| output.storage());
    let reciprocal = reciprocal_deviation(statistics.variance.storage(), statistics.epsilon);
    let scale = multiply(weight, &reciprocal);
    let rows = Rows::of(input.layout().shape());

    let mut gradient = contiguous(output_gradient);
    let mean_columns = rows.columns(mean);
    let mut sums = match output {
        // The residual's gradient is the output's through the ReLU: it is kept.
        Some(output) if has_residual => {
            mask_and_sum_gradient(gradient.storage_mut(), output, values, rows, &mean_columns)
        }
        _ => sum_gradient(gradient.storage(), output, values, rows, &mean_columns),
    };
    let (bias, weight) = sums.split_at_mut(rows.channels);
    for (sum, &reciprocal) in weight.iter_mut().zip(&reciprocal) {
        *sum *= f64::from(reciprocal);
    }
    let [bias, weight] = [&*bias, weight].map(|sums| vector(sums.iter().map(|&sum| sum as f32).collect()));

    sum_over_ranks(ranks, &mut sums, rows.count());
    let means = divide(&sums, statistics.count);
    let (shift, mean_projection) = means.split_at(rows.channels);
    let slope = multiply(mean_projection, &reciprocal);
    let [shift, slope, scale] = [shift, &slope, &scale].map(|channels| rows.columns(channels));
    let coefficients = [&mean_columns, &shift, &slope, &scale].map(Vec::as_slice);
    let (input, residual) = if has_residual {
        let input = input_gradient(gradient.storage(), values, rows, coefficients);
        (tensor(input, gradient.layout().shape().clone()), Some(gradient))
    } else {
        input_gradient_in_place(gradient.storage_mut(), output, values, rows, coefficients);
        (gradient, None)
    };
    (InputGradients { input, weight, bias }, residual)
}

/// The sums of the gradient through the ReLU whose output is given, and of it times the centred values.
fn sum_gradient(
    gradient: &[f32],
    output: Option<&[f32]>,
    values: &[f32],
    rows: Rows,
    mean: &[f32],
) -> Vec<f64> {
    let arch = Arch::new();
    rows.sums(rows.parts(), |part, [sums, products]| {
        let [gradient, values] = [gradient, values].map(|all| of_part(all, rows, part));
        let Some(output) = output else {
            return arch.dispatch(AddProducts { sums: [sums, products], gradients: gradient, values, mean });
        };
        let output = of_part(output, rows, part).chunks(rows.chunk());
        let mut masked = vec![0.0; rows.chunk()];
        for ((gradient, values), output) in
            gradient.chunks(rows.chunk()).zip(values.chunks(rows.chunk())).zip(output)
        {
            let masked = &mut masked[..gradient.len()];
            masked.copy_from_slice(gradient);
            mask(arch, masked, output);
            let sums = [&mut *sums, &mut *products];
            arch.dispatch(AddProducts { sums, gradients: masked, values, mean });
        }
    })
}

/// As [`sum_gradient`], and leaves the gradient through the ReLU in `gradient`.
fn mask_and_sum_gradient(
    gradient: &mut [f32],
    output: &[f32],
    values: &[f32],
    rows: Rows,
    mean: &[f32],
) -> Vec<f64> {
    let arch = Arch::new();
    rows.sums(gradient.par_chunks_mut(rows.part()).enumerate(), |(part, gradient), [sums, products]| {
        let [values, output] = [values, output].map(|all| of_part(all, rows, part).chunks(rows.chunk()));
        for ((gradient, values), output) in gradient.chunks_mut(rows.chunk()).zip(values).zip(output) {
            mask(arch, gradient, output);
            let sums = [&mut *sums, &mut *products];
            arch.dispatch(AddProducts { sums, gradients: gradient, values, mean });
        }
    })
}

fn input_gradient(
    gradient: &[f32],
    values: &[f32],
    rows: Rows,
    [mean, shift, slope, scale]: [&[f32]; 4],
) -> Vec<f32> {
    let arch = Arch::new();
    let mut result = vec![0.0; values.len()];
    result.par_chunks_mut(rows.part()).enumerate().for_each(|(part, result)| {
        let [gradient, values] = [gradient, values].map(|all| of_part(all, rows, part).chunks(rows.chunk()));
        for ((result, gradient), values) in result.chunks_mut(rows.chunk()).zip(gradient).zip(values) {
            result.copy_from_slice(gradient);
            arch.dispatch(Project { target: result, values, mean, shift, slope, scale });
        }
    });
    result
}

fn input_gradient_in_place(
    gradient: &mut [f32],
    output: Option<&[f32]>,
    values: &[f32],
    rows: Rows,
    [mean, shift, slope, scale]: [&[f32]; 4],
) {
    let arch = Arch::new();
    gradient.par_chunks_mut(rows.part()).enumerate().for_each(|(part, gradient)| {
        let values = of_part(values, rows, part).chunks(rows.chunk());
        let mut output = output.map(|output| of_part(output, rows, part).chunks(rows.chunk()));
        for (gradient, values) in gradient.chunks_mut(rows.chunk()).zip(values) {
            if let Some(output) = output.as_mut().and_then(Iterator::next) {
                mask(arch, gradient, output);
            }
            arch.dispatch(Project { target: gradient, values, mean, shift, slope, scale });
        }
    });
}

/// The part's values.
pub fn of_part(values: &[f32], rows: Rows, part: usize) -> &[f32] {
    let start = part * rows.part();
    &values[start..(start + rows.part()).min(values.len())]
}

/// In row-major order; nobody else holds the result unless they held the tensor.
pub fn contiguous(tensor: FlexTensor) -> FlexTensor {
    let contiguous = tensor.to_contiguous();
    drop(tensor);
    contiguous
}

/// Means out of sums; an empty batch has sums of 0 and therefore means of 0.
fn divide(sums: &[f64], count: usize) -> Vec<f32> {
    sums.iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
}

fn multiply(left: &[f32], right: &[f32]) -> Vec<f32> {
    left.iter().zip(right).map(|(left, right)| left * right).collect()
}

fn reciprocal_deviation(variance: &[f32], epsilon: f64) -> Vec<f32> {
    variance.iter().map(|&variance| (f64::from(variance) + epsilon).sqrt().recip() as f32).collect()
}

pub fn vector(values: Vec<f32>) -> FlexTensor {
    let shape = Shape::new([values.len()]);
    tensor(values, shape)
}

pub fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

//! Batch normalisation of `f32` tensors on the CPU.
//!
use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};
use pulp::Arch;

use super::columns::Extent;
use super::extension::{InputGradients, Normalised, Statistics};
use crate::AllReduce;
use crate::all_reduce::sum_over_ranks;

/// See [`batch_norm`](super::batch_norm).
pub fn forward(
    input: &FlexTensor,
    weight: &FlexTensor,
    bias: &FlexTensor,
    epsilon: f64,
    ranks: Option<&dyn AllReduce>,
) -> Normalised<Flex> {
    let [input, weight, bias] = [input, weight, bias].map(FlexTensor::to_contiguous);
    let shape = input.layout().shape().clone();
    let arch = Arch::new();
    let extent = Extent::of(&shape);
    let values = input.storage::<f32>();

    let mut sums =
        extent.per_channel(|block| block.sums(|sums, elements, _| add(arch, sums, &values[elements])));
    let count = sum_over_ranks(ranks, &mut sums, extent.count());
    let mean = divide(&sums, count);
    let mut squares = extent.per_channel(|block| {
        let mean = block.columns_of(&mean);
        block.sums(|sums, elements, columns| add_squares(arch, sums, &values[elements], &mean[columns]))
    });
    sum_over_ranks(ranks, &mut squares, extent.count());
    let variance = divide(&squares, count);

    let reciprocal = reciprocal_deviation(&variance, epsilon);
    let scale: Vec<f32> = weight.storage::<f32>().iter().zip(&reciprocal).map(|(w, r)| w * r).collect();
    let mut output = vec![0.0; values.len()];
    extent.for_each_block(&mut output, |block, rows| {
        let [mean, scale, shift] =
            [mean.as_slice(), &scale, bias.storage::<f32>()].map(|values| block.columns_of(values));
        block.rows(rows, |output, elements, columns| {
            normalise(
                arch,
                output,
                &values[elements],
                &mean[columns.clone()],
                &scale[columns.clone()],
                &shift[columns],
            );
        });
    });
    Normalised {
        output: tensor(output, shape),
        statistics: Statistics { mean: vector(mean), variance: vector(variance), count },
    }
}

/// See [`portable::backward`](super::portable::backward) for the formula.
pub fn backward(
    input: &FlexTensor,
    weight: &FlexTensor,
    statistics: &Statistics<Flex>,
    output_gradient: FlexTensor,
    epsilon: f64,
    ranks: Option<&dyn AllReduce>,
) -> InputGradients<Flex> {
    let [input, weight] = [input, weight].map(FlexTensor::to_contiguous);
    let mut gradient = output_gradient.to_contiguous();
    // Usually nobody else holds the output's gradient: then the input's is written over it.
    drop(output_gradient);
    let arch = Arch::new();
    let extent = Extent::of(input.layout().shape());
    let values = input.storage::<f32>();
    let mean = statistics.mean.storage::<f32>();
    let reciprocal = reciprocal_deviation(statistics.variance.storage(), epsilon);

    let incoming = gradient.storage::<f32>();
    let bias_gradient =
        extent.per_channel(|block| block.sums(|sums, elements, _| add(arch, sums, &incoming[elements])));
    let mut weight_gradient = extent.per_channel(|block| {
        let mean = block.columns_of(mean);
        block.sums(|sums, elements, columns| {
            add_products(arch, sums, &incoming[elements.clone()], &values[elements], &mean[columns]);
        })
    });
    for (sum, &reciprocal) in weight_gradient.iter_mut().zip(&reciprocal) {
        *sum *= f64::from(reciprocal);
    }

    let mut totals = [bias_gradient.as_slice(), &weight_gradient].concat();
    sum_over_ranks(ranks, &mut totals, extent.count());
    let means = divide(&totals, statistics.count);
    let (mean_gradient, mean_projection) = means.split_at(extent.channels);
    let slope: Vec<f32> = mean_projection.iter().zip(&reciprocal).map(|(p, r)| p * r).collect();
    let scale: Vec<f32> = weight.storage::<f32>().iter().zip(&reciprocal).map(|(w, r)| w * r).collect();
    extent.for_each_block(gradient.storage_mut::<f32>(), |block, rows| {
        let [mean, shift, slope, scale] =
            [mean, mean_gradient, &slope, &scale].map(|values| block.columns_of(values));
        block.rows(rows, |gradient, elements, columns| {
            let channel = [&mean, &shift, &slope, &scale].map(|values| &values[columns.clone()]);
            project(arch, gradient, &values[elements], channel);
        });
    });
    InputGradients {
        input: gradient,
        weight: vector(weight_gradient.iter().map(|&sum| sum as f32).collect()),
        bias: vector(bias_gradient.iter().map(|&sum| sum as f32).collect()),
    }
}

/// Adds every value to its column's sum.
fn add(arch: Arch, sums: &mut [f64], values: &[f32]) {
    arch.dispatch(|| {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += f64::from(value);
        }
    });
}

/// Adds every value's squared distance from its mean to its column's sum.
fn add_squares(arch: Arch, sums: &mut [f64], values: &[f32], mean: &[f32]) {
    arch.dispatch(|| {
        for ((sum, &value), &mean) in sums.iter_mut().zip(values).zip(mean) {
            let centred = value - mean;
            *sum += f64::from(centred * centred);
        }
    });
}

/// Adds every gradient times its centred value to its column's sum.
fn add_products(arch: Arch, sums: &mut [f64], gradients: &[f32], values: &[f32], mean: &[f32]) {
    arch.dispatch(|| {
        for (((sum, &gradient), &value), &mean) in sums.iter_mut().zip(gradients).zip(values).zip(mean) {
            *sum += f64::from(gradient * (value - mean));
        }
    });
}

fn normalise(arch: Arch, output: &mut [f32], values: &[f32], mean: &[f32], scale: &[f32], shift: &[f32]) {
    arch.dispatch(|| {
        let coefficients = mean.iter().zip(scale).zip(shift);
        for ((output, &value), ((&mean, &scale), &shift)) in output.iter_mut().zip(values).zip(coefficients) {
            *output = (value - mean) * scale + shift;
        }
    });
}

/// From the output's gradient to the input's, in place.
fn project(arch: Arch, gradients: &mut [f32], values: &[f32], [mean, shift, slope, scale]: [&[f32]; 4]) {
    arch.dispatch(|| {
        let coefficients = mean.iter().zip(shift).zip(slope).zip(scale);
        for ((gradient, &value), (((&mean, &shift), &slope), &scale)) in
            gradients.iter_mut().zip(values).zip(coefficients)
        {
            *gradient = (*gradient - shift - (value - mean) * slope) * scale;
        }
    });
}

/// Means out of sums; an empty batch has sums of 0 and therefore means of 0.
fn divide(sums: &[f64], count: usize) -> Vec<f32> {
    sums.iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
}

fn reciprocal_deviation(variance: &[f32], epsilon: f64) -> Vec<f32> {
    variance.iter().map(|&variance| (f64::from(variance) + epsilon).sqrt().recip() as f32).collect()
}

fn vector(values: Vec<f32>) -> FlexTensor {
    let shape = Shape::new([values.len()]);
    tensor(values, shape)
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

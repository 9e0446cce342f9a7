//! Batch normalisation of `f32` tensors on the CPU.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};
use pulp::Arch;

use super::columns::{Block, Extent};
use super::extension::{InputGradients, Normalised, Statistics};
use super::loops::{add, add_products, add_squares, normalise, project};
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
    let [values, weight, bias]: [&[f32]; 3] = [input.storage(), weight.storage(), bias.storage()];
    let shape = input.layout().shape().clone();
    let extent = Extent::of(&shape);
    let arch = Arch::new();

    let sums = |block: Block| block.sums(|sums, part| add(arch, sums, &values[part.elements]));
    let mut sums = extent.map(extent.blocks(), sums).concat();
    let count = sum_over_ranks(ranks, &mut sums, extent.count());
    let mean = divide(&sums, count);

    let squares = |block: Block| {
        let mean = block.columns_of(&mean);
        block.sums(|sums, part| add_squares(arch, sums, &values[part.elements], &mean[part.columns]))
    };
    let mut squares = extent.map(extent.blocks(), squares).concat();
    sum_over_ranks(ranks, &mut squares, extent.count());
    let variance = divide(&squares, count);

    let scale = multiply(weight, &reciprocal_deviation(&variance, epsilon));
    let mut output = vec![0.0; values.len()];
    extent.map(extent.split(&mut output), |(block, mut rows)| {
        let channel = [&mean, &scale, bias].map(|channels| block.columns_of(channels));
        for part in block.parts() {
            let channel = channel.each_ref().map(|columns| &columns[part.columns.clone()]);
            normalise(arch, &mut rows[part.row][part.columns], &values[part.elements], channel);
        }
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
    let [values, weight, mean]: [&[f32]; 3] = [input.storage(), weight.storage(), statistics.mean.storage()];
    let reciprocal = reciprocal_deviation(statistics.variance.storage(), epsilon);
    let scale = multiply(weight, &reciprocal);
    let extent = Extent::of(input.layout().shape());
    let arch = Arch::new();

    let mut gradient = output_gradient.to_contiguous();
    // Usually nobody else holds the output's gradient: then the input's is written over it.
    drop(output_gradient);
    let blocks = extent.split(gradient.storage_mut());

    let bias_gradient = |(block, rows): &(Block, Vec<&mut [f32]>)| {
        block.sums(|sums, part| add(arch, sums, &rows[part.row][part.columns]))
    };
    let weight_gradient = |(block, rows): &(Block, Vec<&mut [f32]>)| {
        let mean = block.columns_of(mean);
        block.sums(|sums, part| {
            let gradients = &rows[part.row][part.columns.clone()];
            add_products(arch, sums, gradients, &values[part.elements], &mean[part.columns]);
        })
    };
    let bias = extent.map(blocks.iter().collect(), bias_gradient).concat();
    let mut weight = extent.map(blocks.iter().collect(), weight_gradient).concat();
    for (sum, &reciprocal) in weight.iter_mut().zip(&reciprocal) {
        *sum *= f64::from(reciprocal);
    }

    let mut totals = [bias.as_slice(), &weight].concat();
    sum_over_ranks(ranks, &mut totals, extent.count());
    let means = divide(&totals, statistics.count);
    let (shift, mean_projection) = means.split_at(extent.channels);
    let slope = multiply(mean_projection, &reciprocal);
    extent.map(blocks, |(block, mut rows)| {
        let channel = [mean, shift, &slope, &scale].map(|channels| block.columns_of(channels));
        for part in block.parts() {
            let channel = channel.each_ref().map(|columns| &columns[part.columns.clone()]);
            project(arch, &mut rows[part.row][part.columns], &values[part.elements], channel);
        }
    });
    let [bias, weight] = [bias, weight].map(|sums| vector(sums.iter().map(|&sum| sum as f32).collect()));
    InputGradients { input: gradient, weight, bias }
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

fn vector(values: Vec<f32>) -> FlexTensor {
    let shape = Shape::new([values.len()]);
    tensor(values, shape)
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

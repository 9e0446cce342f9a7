//! Batch normalisation of `f32` tensors on the CPU.
//!
//! Without ranks to wait for, each block of channels goes through all passes at once, while it is in the cache.

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

    let sums = |block: &Block| block.sums(|sums, part| add(arch, sums, &values[part.elements]));
    let squares = |block: &Block, mean: &[f32]| {
        let mean = block.columns_of(mean);
        block.sums(|sums, part| add_squares(arch, sums, &values[part.elements], &mean[part.columns]))
    };
    let write = |block: &Block, rows: &mut [&mut [f32]], mean: &[f32], variance: &[f32]| {
        let scale = multiply(block.of(weight), &reciprocal_deviation(variance, epsilon));
        let [mean, scale, shift] = [mean, &scale, block.of(bias)].map(|channels| block.columns_of(channels));
        for part in block.parts() {
            let channel = [&mean, &scale, &shift].map(|columns| &columns[part.columns.clone()]);
            normalise(arch, &mut rows[part.row][part.columns], &values[part.elements], channel);
        }
    };

    let mut output = vec![0.0; values.len()];
    let local_count = extent.count();
    let (mean, variance, count) = if ranks.is_none() {
        let statistics = extent.map(extent.split(&mut output), |(block, mut rows)| {
            let mean = divide(&sums(&block), local_count);
            let variance = divide(&squares(&block, &mean), local_count);
            write(&block, &mut rows, &mean, &variance);
            (mean, variance)
        });
        let (mean, variance): (Vec<_>, Vec<_>) = statistics.into_iter().unzip();
        (mean.concat(), variance.concat(), local_count)
    } else {
        let mut sums = extent.map(extent.blocks(), |block| sums(&block)).concat();
        let count = sum_over_ranks(ranks, &mut sums, local_count);
        let mean = divide(&sums, count);
        let mut squares = extent.map(extent.blocks(), |block| squares(&block, block.of(&mean))).concat();
        sum_over_ranks(ranks, &mut squares, local_count);
        let variance = divide(&squares, count);
        extent.map(extent.split(&mut output), |(block, mut rows)| {
            write(&block, &mut rows, block.of(&mean), block.of(&variance));
        });
        (mean, variance, count)
    };
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

    let bias_gradients = |block: &Block, rows: &[&mut [f32]]| {
        block.sums(|sums, part| add(arch, sums, &rows[part.row][part.columns]))
    };
    let weight_gradients = |block: &Block, rows: &[&mut [f32]]| -> Vec<f64> {
        let mean = block.columns_of(block.of(mean));
        let sums = block.sums(|sums, part| {
            let gradients = &rows[part.row][part.columns.clone()];
            add_products(arch, sums, gradients, &values[part.elements], &mean[part.columns]);
        });
        sums.iter().zip(block.of(&reciprocal)).map(|(sum, &reciprocal)| sum * f64::from(reciprocal)).collect()
    };
    // `bias` and `weight`: the sums over all ranks that are these parameters' gradients.
    let write = |block: &Block, rows: &mut [&mut [f32]], bias: &[f64], weight: &[f64]| {
        let shift = divide(bias, statistics.count);
        let slope = multiply(&divide(weight, statistics.count), block.of(&reciprocal));
        let [mean, shift, slope, scale] =
            [block.of(mean), &shift, &slope, block.of(&scale)].map(|channels| block.columns_of(channels));
        for part in block.parts() {
            let channel = [&mean, &shift, &slope, &scale].map(|columns| &columns[part.columns.clone()]);
            project(arch, &mut rows[part.row][part.columns], &values[part.elements], channel);
        }
    };

    let mut gradient = output_gradient.to_contiguous();
    // Usually nobody else holds the output's gradient: then the input's is written over it.
    drop(output_gradient);
    let mut blocks = extent.split(gradient.storage_mut());
    let (bias, weight) = if ranks.is_none() {
        let sums = extent.map(blocks, |(block, mut rows)| {
            let (bias, weight) = (bias_gradients(&block, &rows), weight_gradients(&block, &rows));
            write(&block, &mut rows, &bias, &weight);
            (bias, weight)
        });
        let (bias, weight): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
        (bias.concat(), weight.concat())
    } else {
        let sums = extent.map(blocks.iter_mut().collect(), |(block, rows)| {
            (bias_gradients(block, rows), weight_gradients(block, rows))
        });
        let (bias, weight): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
        let (bias, weight) = (bias.concat(), weight.concat());
        let mut totals = [bias.as_slice(), &weight].concat();
        sum_over_ranks(ranks, &mut totals, extent.count());
        let (total_bias, total_weight) = totals.split_at(extent.channels);
        extent.map(blocks, |(block, mut rows)| {
            write(&block, &mut rows, block.of(total_bias), block.of(total_weight));
        });
        (bias, weight)
    };
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

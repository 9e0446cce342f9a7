//! Batch normalisation of `f32` tensors on the CPU.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use pulp::Arch;
use rayon::iter::ParallelIterator;

use super::arithmetic::{Lanewise, Normalise, Project, ProjectThroughRelu, ThroughRelu, Unchanged};
use super::extension::{Followed, InputGradients, Normalised, Statistics};
use super::loops::{AddMoments, AddProducts, Compute, Mask};
use super::rows::Rows;
use crate::AllReduce;
use crate::all_reduce::sum_over_ranks;
use crate::buffer::in_chunks;
use crate::flex::{contiguous, tensor, vector};

/// See [`batch_norm`](super::batch_norm).
pub fn forward(
    input: FlexTensor,
    [weight, bias]: [FlexTensor; 2],
    residual: Option<FlexTensor>,
    relu: bool,
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
    let output = finish(values, rows, [&mean, &scale, bias], residual, relu);
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

/// Scales and shifts every value less its mean, adds the residual, applies the ReLU.
pub fn finish(
    values: &[f32],
    rows: Rows,
    mean_scale_shift: [&[f32]; 3],
    residual: Option<FlexTensor>,
    relu: bool,
) -> Vec<f32> {
    let arch = Arch::new();
    let columns = mean_scale_shift.map(|channels| rows.columns(channels));
    let coefficients = columns.each_ref().map(Vec::as_slice);
    let residual = residual.map(contiguous);
    let residual: Option<&[f32]> = residual.as_ref().map(|residual| residual.storage());
    in_chunks(values.len(), rows.part(), rows.chunk(), residual, |start, target| {
        let values = &values[start..start + target.len()];
        arch.dispatch(Compute { target, values, coefficients, operation: Normalise { relu } });
    })
}

/// See [`portable::backward`](super::portable::backward) for the formula.
pub fn backward(
    input: FlexTensor,
    weight: FlexTensor,
    statistics: Statistics<Flex>,
    followed: Followed<Flex>,
    output_gradient: FlexTensor,
    ranks: Option<&dyn AllReduce>,
) -> (InputGradients<Flex>, Option<FlexTensor>) {
    let [input, weight] = [input, weight].map(contiguous);
    let [values, weight, mean]: [&[f32]; 3] = [input.storage(), weight.storage(), statistics.mean.storage()];
    let reciprocal = reciprocal_deviation(statistics.variance.storage(), statistics.epsilon);
    let rows = Rows::of(input.layout().shape());
    let [mean, scale] = [mean, &multiply(weight, &reciprocal)].map(|channels| rows.columns(channels));
    let batch = Batch { rows, values, mean: &mean };

    let mut gradient = contiguous(output_gradient);
    let mut sums = match &followed {
        Followed::Nothing | Followed::Residual => batch.sum(gradient.storage(), [], Unchanged),
        Followed::Relu { shift } => {
            let coefficients = [&mean, &scale, &rows.columns(contiguous(shift.clone()).storage())];
            batch.sum(gradient.storage(), coefficients.map(Vec::as_slice), ThroughRelu)
        }
        // The residual's gradient is the output's through the ReLU: it is kept.
        Followed::ResidualRelu { output } => {
            batch.mask_and_sum(gradient.storage_mut(), contiguous(output.clone()).storage())
        }
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
    let [shift, slope] = [shift, &slope].map(|channels| rows.columns(channels));
    let projection = [&mean, &scale, &shift, &slope].map(Vec::as_slice);
    match followed {
        Followed::Nothing => batch.in_place(gradient.storage_mut(), projection, Project),
        Followed::Relu { shift: bias } => {
            let coefficients = [&mean, &scale, &rows.columns(contiguous(bias).storage()), &shift, &slope];
            let coefficients = coefficients.map(Vec::as_slice);
            batch.in_place(gradient.storage_mut(), coefficients, ProjectThroughRelu);
        }
        Followed::Residual | Followed::ResidualRelu { .. } => {
            let input = batch.project(gradient.storage(), projection);
            let input = tensor(input, gradient.layout().shape().clone());
            return (InputGradients { input, weight, bias }, Some(gradient));
        }
    }
    (InputGradients { input: gradient, weight, bias }, None)
}

/// What was normalised, with the mean of every column.
#[derive(Clone, Copy)]
struct Batch<'a> {
    rows: Rows,
    values: &'a [f32],
    mean: &'a [f32],
}

impl Batch<'_> {
    /// The sums of what `through` makes of the gradient, and of it times the centred values.
    fn sum<const N: usize>(
        self,
        gradients: &[f32],
        coefficients: [&[f32]; N],
        through: impl Lanewise<N>,
    ) -> Vec<f64> {
        let Self { rows, values, mean } = self;
        let arch = Arch::new();
        rows.sums(rows.parts(), |part, sums| {
            let [gradients, values] = [gradients, values].map(|all| of_part(all, rows, part));
            arch.dispatch(AddProducts { sums, gradients, values, mean, coefficients, through });
        })
    }

    /// The sums of the gradient through a ReLU with this output, which it leaves in `gradients`, and of it times the centred
    /// values.
    fn mask_and_sum(self, gradients: &mut [f32], output: &[f32]) -> Vec<f64> {
        let Self { rows, values, mean } = self;
        let arch = Arch::new();
        rows.sums(rows.parts_mut(gradients), |(part, gradients), [sums, products]| {
            let [values, output] = [values, output].map(|all| of_part(all, rows, part).chunks(rows.chunk()));
            for ((gradients, values), output) in gradients.chunks_mut(rows.chunk()).zip(values).zip(output) {
                arch.dispatch(Mask { gradients, output });
                let (sums, through) = ([&mut *sums, &mut *products], Unchanged);
                arch.dispatch(AddProducts { sums, gradients, values, mean, coefficients: [], through });
            }
        })
    }

    /// The input's gradient.
    fn project(self, gradients: &[f32], coefficients: [&[f32]; 4]) -> Vec<f32> {
        let Self { rows, values, .. } = self;
        let arch = Arch::new();
        in_chunks(values.len(), rows.part(), rows.chunk(), Some(gradients), |start, target| {
            let values = &values[start..start + target.len()];
            arch.dispatch(Compute { target, values, coefficients, operation: Project });
        })
    }

    /// The input's gradient, over the output's.
    fn in_place<const N: usize>(
        self,
        gradients: &mut [f32],
        coefficients: [&[f32]; N],
        operation: impl Lanewise<N>,
    ) {
        let Self { rows, values, .. } = self;
        let arch = Arch::new();
        rows.parts_mut(gradients).for_each(|(part, target)| {
            let values = of_part(values, rows, part);
            arch.dispatch(Compute { target, values, coefficients, operation });
        });
    }
}

/// The part's values.
pub fn of_part(values: &[f32], rows: Rows, part: usize) -> &[f32] {
    let start = part * rows.part();
    &values[start..(start + rows.part()).min(values.len())]
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

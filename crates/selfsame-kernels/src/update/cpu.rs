//! The steps of `f32` tensors on the CPU.

use burn::backend::flex::FlexTensor;
use rayon::prelude::*;

use super::{AdamStep, MomentumStep};
use crate::buffer::in_parts;
use crate::flex::{self, contiguous, tensor};
use crate::simd::{Loop, on_this_cpu};

/// Numbers that a thread takes at a time, a multiple of all vectors' lengths.
const PART: usize = 1 << 14;

/// The parameter is written over the gradient, which nobody needs any more.
pub fn momentum_step(
    parameter: FlexTensor,
    gradient: FlexTensor,
    momentum: FlexTensor,
    scale: Option<FlexTensor>,
    step: MomentumStep,
) -> (FlexTensor, FlexTensor) {
    let [parameter, mut gradient, mut momentum] = [parameter, gradient, momentum].map(contiguous);
    let scale = scale.map_or(1.0, |scale| contiguous(scale).storage::<f32>()[0]);
    let [weight_decay, share, lr] = [step.weight_decay, step.momentum, step.lr].map(|number| number as f32);
    let written = [gradient.storage_mut(), momentum.storage_mut()];
    each(written, parameter.storage(), |[gradients, momenta], parameters| {
        for ((gradient, momentum), parameter) in gradients.iter_mut().zip(momenta).zip(parameters) {
            let pull = scale * (*gradient + weight_decay * parameter);
            *momentum = share * *momentum + pull;
            let direction = if step.nesterov { pull + share * *momentum } else { *momentum };
            *gradient = parameter - lr * direction;
        }
    });
    (gradient, momentum)
}

/// The parameter is written over the gradient, which nobody needs any more.
pub fn adam_step(
    parameter: FlexTensor,
    gradient: FlexTensor,
    first: FlexTensor,
    second: FlexTensor,
    step: AdamStep,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let [parameter, mut gradient, mut first, mut second] =
        [parameter, gradient, first, second].map(contiguous);
    let [beta_1, beta_2] = [step.beta_1, step.beta_2].map(|beta| (beta as f32, (1.0 - beta) as f32));
    let [penalty, kept, rate, deviation_rate, epsilon] =
        [step.penalty(), step.kept(), step.rate(), step.deviation_rate(), step.epsilon]
            .map(|number| number as f32);
    let written = [gradient.storage_mut(), first.storage_mut(), second.storage_mut()];
    each(written, parameter.storage(), |[gradients, firsts, seconds], parameters| {
        let moments = firsts.iter_mut().zip(seconds);
        for ((gradient, (first, second)), parameter) in gradients.iter_mut().zip(moments).zip(parameters) {
            let pull = *gradient + penalty * parameter;
            *first = beta_1.0 * *first + beta_1.1 * pull;
            *second = beta_2.0 * *second + beta_2.1 * (pull * pull);
            let deviation = second.sqrt() * deviation_rate + epsilon;
            *gradient = kept * parameter - rate * (*first / deviation);
        }
    });
    (gradient, first, second)
}

pub fn weighted_sum(left: FlexTensor, left_share: f64, right: FlexTensor, right_share: f64) -> FlexTensor {
    let [left, right] = [left, right].map(contiguous);
    let [lefts, rights]: [&[f32]; 2] = [left.storage(), right.storage()];
    let [left_share, right_share] = [left_share, right_share].map(|share| share as f32);
    let sums = in_parts(lefts.len(), PART, |part, sums| {
        let [lefts, rights] = [lefts, rights].map(|all| &all[part * PART..][..sums.len()]);
        on_this_cpu(Loop(
            #[inline(always)]
            || {
                for ((sum, left), right) in sums.iter_mut().zip(lefts).zip(rights) {
                    *sum = left_share * left + right_share * right;
                }
            },
        ));
    });
    tensor(sums, left.layout().shape().clone())
}

/// In `f64`, which holds the squares exactly and the sum well.
pub fn squared_norm(vector: FlexTensor) -> FlexTensor {
    /// Sums side by side, so that the compiler can make vectors of them.
    const LANES: usize = 16;
    let vector = contiguous(vector);
    let values: &[f32] = vector.storage();
    let sum = |part: &[f32]| {
        let mut sums = [0.0; LANES];
        on_this_cpu(Loop(
            #[inline(always)]
            || {
                for values in part.chunks(LANES) {
                    for (sum, &value) in sums.iter_mut().zip(values) {
                        *sum += f64::from(value) * f64::from(value);
                    }
                }
            },
        ));
        sums.iter().sum::<f64>()
    };
    let sums: Vec<f64> = values.par_chunks(PART).map(sum).collect();
    flex::vector(vec![sums.iter().sum::<f64>() as f32])
}

/// Calls `update` with every part of what is written and of what is read.
fn each<const N: usize>(
    written: [&mut [f32]; N],
    read: &[f32],
    update: impl Fn([&mut [f32]; N], &[f32]) + Sync,
) {
    let mut written = written.map(|values| values.chunks_mut(PART));
    let parts: Vec<_> = read
        .chunks(PART)
        .map(|read| (written.each_mut().map(|parts| parts.next().unwrap_or_default()), read))
        .collect();
    parts.into_par_iter().for_each(|(written, read)| {
        on_this_cpu(Loop(
            #[inline(always)]
            || update(written, read),
        ));
    });
}

//! Noisy weights of `f32` values on the CPU.

use burn::backend::flex::FlexTensor;

use crate::buffer::in_parts;
use crate::flex::tensor;
use crate::simd::{Loop, on_this_cpu};

/// Values that a thread writes at a time, about.
const PART: usize = 1 << 14;

/// See [`noisy_weight`](super::noisy_weight).
pub fn weight(mean: &FlexTensor, deviation: &FlexTensor, noise: [&FlexTensor; 2]) -> FlexTensor {
    let mean = mean.to_contiguous();
    let means: &[f32] = mean.storage();
    row_by_row(deviation, noise, |target, start, deviations, of_output, of_input| {
        let each = target.iter_mut().zip(&means[start..]).zip(deviations).zip(of_input);
        each.for_each(|(((weight, mean), deviation), of_input)| {
            *weight = mean + deviation * (of_output * of_input);
        });
    })
}

/// The gradient of the deviation, given that of the weight.
pub fn deviation_gradient(gradient: &FlexTensor, noise: [&FlexTensor; 2]) -> FlexTensor {
    row_by_row(gradient, noise, |target, _, gradients, of_output, of_input| {
        let each = target.iter_mut().zip(gradients).zip(of_input);
        each.for_each(|((deviation, gradient), of_input)| *deviation = gradient * (of_output * of_input));
    })
}

/// A matrix of the size of `read`, each row of which `fill` makes of where it begins, what was read there, the output's factor and the factors of all inputs.
fn row_by_row(
    read: &FlexTensor,
    noise: [&FlexTensor; 2],
    fill: impl Fn(&mut [f32], usize, &[f32], f32, &[f32]) + Sync,
) -> FlexTensor {
    let [read, of_output, of_input] = [read, noise[0], noise[1]].map(FlexTensor::to_contiguous);
    let [values, of_output, of_input]: [&[f32]; 3] =
        [read.storage(), of_output.storage(), of_input.storage()];
    let columns = of_input.len();
    let rows = PART.div_ceil(columns.max(1));
    let filled = in_parts(of_output.len() * columns, rows * columns, |part, target| {
        on_this_cpu(Loop(
            #[inline(always)]
            || {
                // Parts of an empty matrix do not exist, so that there are columns here.
                for (row, target) in (part * rows..).zip(target.chunks_exact_mut(columns)) {
                    let start = row * columns;
                    fill(target, start, &values[start..start + columns], of_output[row], of_input);
                }
            },
        ));
    });
    tensor(filled, read.layout().shape().clone())
}

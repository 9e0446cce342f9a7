//! The gradient of an input of few channels.
//!
//! A vector of so few channels would be nearly empty. So each row of the input takes whole rows of the kernel at once: the gradients of an output row
//! times a row of the kernel, `[pixels, outputs] · [outputs, columns · channels]`, are added where these columns lie.

use rayon::prelude::*;

use super::extent::Extent;
use super::scratch::Scratch;
use crate::buffer::in_parts;
use crate::product::{Left, Panel, multiply};
use crate::simd::Simd;

/// Whether vectors of channels would be half empty at least, and those of a row of the kernel not.
pub fn pays<S: Simd>(extent: &Extent) -> bool {
    2 * extent.channels <= S::LANES && extent.kernel[2] > 1
}

/// The gradient `[batch, frames, height, width, channels]` of the input.
pub fn input_gradient<S: Simd>(
    simd: S,
    extent: &Extent,
    output_gradient: &[f32],
    weight: &[f32],
) -> Vec<f32> {
    let Extent { batch, channels, outputs, kernel, stride, padding, output, .. } = *extent;
    let [frames, height, width] = extent.input;
    let stretch = kernel[2] * channels;
    let columns = stretch.next_multiple_of(S::LANES);
    let mut lines = Scratch::take();
    let lines = lines.first(kernel[0] * kernel[1] * outputs * columns);
    pack(extent, weight, columns, lines);
    let lines = &*lines;

    // The output's row (or frame) that row `at` of the input meets at a row of the kernel.
    let met = |axis: usize, at: usize, tap: usize| {
        let distance = (at + padding[axis]).checked_sub(tap)?;
        let is_met = distance.is_multiple_of(stride[axis]) && distance / stride[axis] < output[axis];
        is_met.then(|| distance / stride[axis])
    };
    in_parts(batch * frames * height * width * channels, width * channels, |row, target| {
        let (image, row) = (row / height, row % height);
        let (clip, frame) = (image / frames, image % frames);
        let [mut sums, mut products] = [(); 2].map(|()| Scratch::take());
        let sums = sums.first(((output[2] - 1) * stride[2] + kernel[2]) * channels);
        let products = products.first(output[2] * columns);
        sums.fill(0.0);
        for line in 0..kernel[0] * kernel[1] {
            let [at_frame, at_row] = [met(0, frame, line / kernel[1]), met(1, row, line % kernel[1])];
            let (Some(at_frame), Some(at_row)) = (at_frame, at_row) else { continue };
            let start = ((clip * output[0] + at_frame) * output[1] + at_row) * output[2] * outputs;
            let left = Left {
                values: &output_gradient[start..][..output[2] * outputs],
                rows: output[2],
                depth: outputs,
                row_stride: outputs,
                depth_stride: 1,
            };
            let line = &lines[line * outputs * columns..][..outputs * columns];
            for first in (0..columns).step_by(2 * S::LANES) {
                let vectors = ((columns - first) / S::LANES).min(2);
                let panel = Panel { values: &line[first..], stride: columns, vectors };
                multiply(simd, left, panel, &mut products[first..], columns, false);
            }
            simd.run(
                #[inline(always)]
                || add(products, [stretch, columns], sums, stride[2] * channels),
            );
        }
        let inside = sums.get(padding[2] * channels..).unwrap_or_default();
        let length = inside.len().min(target.len());
        target[..length].copy_from_slice(&inside[..length]);
    })
}

/// The weight as matrices `[outputs, columns of the kernel · channels]`, filled with zeros to `columns`, one for each row of the kernel.
fn pack(extent: &Extent, weight: &[f32], columns: usize, lines: &mut [f32]) {
    let Extent { channels, outputs, kernel, .. } = *extent;
    let taps = extent.taps();
    lines.par_chunks_mut(outputs * columns).enumerate().for_each(|(line, values)| {
        values.fill(0.0);
        for (values, weight) in values.chunks_exact_mut(columns).zip(weight.chunks_exact(channels * taps)) {
            for (channel, weight) in weight.chunks_exact(taps).enumerate() {
                let places = values[channel..].iter_mut().step_by(channels);
                places
                    .zip(&weight[line * kernel[2]..][..kernel[2]])
                    .for_each(|(place, value)| *place = *value);
            }
        }
    });
}

/// Adds the first `length` of each row of `columns` products to `sums`, each row `step` further than the one before.
#[inline(always)]
fn add(products: &[f32], [length, columns]: [usize; 2], sums: &mut [f32], step: usize) {
    // Neighbours overlap, and to read what was only just written takes long.
    let apart = length.div_ceil(step);
    for first in 0..apart {
        for (at, row) in products.chunks_exact(columns).enumerate().skip(first).step_by(apart) {
            let sums = &mut sums[at * step..][..length];
            sums.iter_mut().zip(&row[..length]).for_each(|(sum, product)| *sum += product);
        }
    }
}

//! Whitening of `f32` tensors on the CPU: a group is a thread's, and is computed in `f64` throughout.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use rayon::prelude::*;

use super::extension::Whitened;
use super::factor::{Covariance, Precision, add};
use super::{Groups, Singular};
use crate::flex::{contiguous, tensor};
use crate::simd::{Loop, on_this_cpu};

const PRECISION: Precision = Precision { rows: f32::EPSILON as f64, sums: f64::EPSILON };

pub fn forward(input: FlexTensor, groups: Groups, epsilon: f64) -> Whitened<Flex> {
    let shape = input.layout().shape().clone();
    let features = shape[1];
    let input = contiguous(input);
    let values: &[f32] = input.storage();
    let parts = groups.groups.par_iter().enumerate().map(|(number, rows)| {
        let mut part = Group::gather(values, rows, features);
        let mut inverse = vec![0.0; features * features];
        let mut singular = None;
        on_this_cpu(Loop(
            #[inline(always)]
            || singular = part.whiten(&mut inverse, epsilon, number).err(),
        ));
        (part.values, inverse, singular)
    });
    let parts: Vec<(Vec<f64>, Vec<f64>, Option<Singular>)> = parts.collect();
    let output = scatter(parts.iter().map(|(rows, ..)| rows.as_slice()), &groups, features);
    let inverses =
        parts.iter().flat_map(|(_, inverse, _)| inverse.iter().map(|&value| value as f32)).collect();
    Whitened {
        output: tensor(output, shape),
        inverses: tensor(inverses, Shape::new([groups.len(), features, features])),
        singular: parts.into_iter().find_map(|(.., singular)| singular),
    }
}

pub fn backward(
    output: FlexTensor,
    inverses: FlexTensor,
    output_gradient: FlexTensor,
    groups: Groups,
    epsilon: f64,
) -> FlexTensor {
    let shape = output.layout().shape().clone();
    let features = shape[1];
    let [output, inverses, output_gradient] = [output, inverses, output_gradient].map(contiguous);
    let [whitened, inverses, gradients]: [&[f32]; 3] =
        [output.storage(), inverses.storage(), output_gradient.storage()];
    let parts = groups.groups.par_iter().enumerate().map(|(number, rows)| {
        let whitened = Group::gather(whitened, rows, features);
        let mut gradient = Group::gather(gradients, rows, features);
        let inverse = &inverses[number * features * features..(number + 1) * features * features];
        let inverse: Vec<f64> = inverse.iter().map(|&value| value.into()).collect();
        on_this_cpu(Loop(
            #[inline(always)]
            || gradient.through(&whitened, &inverse, epsilon),
        ));
        gradient.values
    });
    let parts: Vec<Vec<f64>> = parts.collect();
    tensor(scatter(parts.iter().map(Vec::as_slice), &groups, features), shape)
}

/// The rows of a group, one after the other.
struct Group {
    values: Vec<f64>,
    rows: usize,
    features: usize,
}

impl Group {
    fn gather(values: &[f32], rows: &[usize], features: usize) -> Self {
        let gathered = rows.iter().flat_map(|row| &values[row * features..(row + 1) * features]);
        Self { values: gathered.map(|&value| value.into()).collect(), rows: rows.len(), features }
    }

    /// Subtracts the means, and returns them.
    #[inline(always)]
    fn center(&mut self) -> Vec<f64> {
        let mut mean = vec![0.0; self.features];
        for row in self.each() {
            add(1.0, row, &mut mean);
        }
        mean.iter_mut().for_each(|sum| *sum /= self.rows as f64);
        for row in self.each() {
            add(-1.0, &mean, row);
        }
        mean
    }

    /// X to Z = XWᵀ, and W.
    #[inline(always)]
    fn whiten(&mut self, inverse: &mut [f64], epsilon: f64, number: usize) -> Result<(), Singular> {
        let features = self.features;
        let mean = self.center();
        let mut covariance = vec![0.0; features * features];
        for row in self.each() {
            for (at, value) in row.iter().enumerate() {
                add(*value, &row[..=at], &mut covariance[at * features..]);
            }
        }
        let share = 1.0 / (self.rows - 1) as f64;
        covariance.iter_mut().for_each(|sum| *sum *= share);
        let covariance = Covariance { values: &mut covariance, mean: &mean, precision: PRECISION };
        covariance.inverse_factor(epsilon, inverse, number, self.rows)?;

        let mut transposed = vec![0.0; features * features];
        for row in 0..features {
            for column in 0..=row {
                transposed[column * features + row] = inverse[row * features + column];
            }
        }
        let mut centred = vec![0.0; features];
        for row in self.each() {
            centred.copy_from_slice(row);
            row.fill(0.0);
            for (at, value) in centred.iter().enumerate() {
                add(*value, &transposed[at * features + at..(at + 1) * features], &mut row[at..]);
            }
        }
        Ok(())
    }

    /// The gradient of the output, which this is, to that of the input.
    #[inline(always)]
    fn through(&mut self, whitened: &Self, inverse: &[f64], epsilon: f64) {
        let features = self.features;
        let mut mirrored = vec![0.0; features * features];
        for (gradient, white) in
            self.values.chunks_exact(features.max(1)).zip(whitened.values.chunks_exact(features.max(1)))
        {
            for (at, value) in gradient.iter().enumerate() {
                add(*value, &white[..=at], &mut mirrored[at * features..]);
            }
        }
        for row in 0..features {
            for column in 0..row {
                mirrored[column * features + row] = mirrored[row * features + column];
            }
        }
        self.center();
        let share = -(1.0 - epsilon) / (self.rows - 1) as f64;
        let mut before = vec![0.0; features];
        for (row, white) in self.each().zip(whitened.values.chunks_exact(features.max(1))) {
            for (at, value) in white.iter().enumerate() {
                add(share * value, &mirrored[at * features..(at + 1) * features], row);
            }
            before.copy_from_slice(row);
            row.fill(0.0);
            for (at, value) in before.iter().enumerate() {
                add(*value, &inverse[at * features..=at * features + at], row);
            }
        }
    }

    fn each(&mut self) -> impl Iterator<Item = &mut [f64]> {
        self.values.chunks_exact_mut(self.features.max(1))
    }
}

/// The rows of all groups in their places.
fn scatter<'a>(parts: impl Iterator<Item = &'a [f64]>, groups: &Groups, features: usize) -> Vec<f32> {
    let mut values = vec![0.0; groups.rows * features];
    for (part, rows) in parts.zip(groups.iter()) {
        for (row, found) in rows.iter().zip(part.chunks_exact(features.max(1))) {
            let place = &mut values[row * features..(row + 1) * features];
            for (value, found) in place.iter_mut().zip(found) {
                *value = *found as f32;
            }
        }
    }
    values
}

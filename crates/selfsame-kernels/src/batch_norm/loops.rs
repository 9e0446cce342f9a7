//! The loops over elements, in the vectors of the CPU that this turns out to run on.
//!
//! All values are rows of columns one after the other, the last of them possibly cut short; sums and coefficients have
//! one value for every column, and the columns are whole vectors.

use pulp::{NullaryFnOnce, Simd, WithSimd};

use super::arithmetic::{Lanewise, through_relu};
use super::rows::{LANES, ROWS};

/// Adds every value and its square to its column's sums.
///
/// In `f64`, which holds the squares of `f32` values exactly: so the variance can be had from them afterwards, without a
/// second pass.
pub struct AddMoments<'a> {
    pub sums: [&'a mut [f64]; 2],
    pub values: &'a [f32],
}

impl NullaryFnOnce for AddMoments<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [sums, squares] = self.sums;
        let width = sums.len();
        let mut blocks = self.values.chunks_exact(4 * width);
        for block in &mut blocks {
            let (first, second) = block.split_at(2 * width);
            let ((a, b), (c, d)) = (first.split_at(width), second.split_at(width));
            let rows = a.iter().zip(b).zip(c.iter().zip(d));
            for ((sum, square), ((&a, &b), (&c, &d))) in sums.iter_mut().zip(squares.iter_mut()).zip(rows) {
                let (a, b, c, d) = (f64::from(a), f64::from(b), f64::from(c), f64::from(d));
                *sum += (a + b) + (c + d);
                *square += (a * a + b * b) + (c * c + d * d);
            }
        }
        for row in blocks.remainder().chunks(width) {
            for ((sum, square), &value) in sums.iter_mut().zip(squares.iter_mut()).zip(row) {
                let value = f64::from(value);
                *sum += value;
                *square += value * value;
            }
        }
    }
}

/// Adds every gradient, and every gradient times its value less its column's mean, to its column's sums. The gradients are what
/// `through` makes of those given.
pub struct AddProducts<'a, const N: usize, O> {
    pub sums: [&'a mut [f64]; 2],
    pub gradients: &'a [f32],
    pub values: &'a [f32],
    pub mean: &'a [f32],
    pub coefficients: [&'a [f32]; N],
    pub through: O,
}

impl<const N: usize, O: Lanewise<N>> WithSimd for AddProducts<'_, N, O> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { sums: [sums, products], gradients, values, mean, coefficients, through } = self;
        let block = ROWS * sums.len();
        let vectors = sums.len() / S::F32_LANES;
        for (gradients, values) in gradients.chunks(block).zip(values.chunks(block)) {
            let (gradients, last_gradients) = S::as_simd_f32s(gradients);
            let (values, last_values) = S::as_simd_f32s(values);
            for at in 0..vectors {
                let columns = at * S::F32_LANES..(at + 1) * S::F32_LANES;
                let mean = simd.partial_load_f32s(&mean[columns.clone()]);
                let mut of_columns = [mean; N];
                for n in 0..N {
                    of_columns[n] = simd.partial_load_f32s(&coefficients[n][columns.clone()]);
                }
                // The sum of a few products is rounded no worse than each of them is.
                let (mut sum, mut product) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
                let mut place = at;
                loop {
                    let (gradient, value) = match (gradients.get(place), values.get(place)) {
                        (Some(&gradient), Some(&value)) => (gradient, value),
                        // Zeros, where there are no gradients, add nothing.
                        _ if place == gradients.len() && !last_gradients.is_empty() => {
                            (simd.partial_load_f32s(last_gradients), simd.partial_load_f32s(last_values))
                        }
                        _ => break,
                    };
                    let gradient = through.compute(simd, gradient, value, of_columns);
                    sum = simd.add_f32s(sum, gradient);
                    product = simd.add_f32s(product, simd.mul_f32s(gradient, simd.sub_f32s(value, mean)));
                    place += vectors;
                }
                for (totals, lanes) in [(&mut *sums, sum), (&mut *products, product)] {
                    let mut buffer = [0.0; LANES];
                    simd.partial_store_f32s(&mut buffer[..S::F32_LANES], lanes);
                    for (total, lane) in totals[columns.clone()].iter_mut().zip(buffer) {
                        *total += f64::from(lane);
                    }
                }
            }
        }
    }
}

/// Replaces every element of `target` by what `operation` makes of it, of the value at its place and of its column's
/// coefficients.
pub struct Compute<'a, const N: usize, O> {
    pub target: &'a mut [f32],
    pub values: &'a [f32],
    pub coefficients: [&'a [f32]; N],
    pub operation: O,
}

impl<const N: usize, O: Lanewise<N>> WithSimd for Compute<'_, N, O> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { target, values, coefficients, operation } = self;
        let width = coefficients[0].len();
        let mut of_all = [S::as_simd_f32s(coefficients[0]).0; N];
        for n in 1..N {
            of_all[n] = S::as_simd_f32s(coefficients[n]).0;
        }
        for (target, values) in target.chunks_mut(width).zip(values.chunks(width)) {
            let (target, last_target) = S::as_mut_simd_f32s(target);
            let (values, last_values) = S::as_simd_f32s(values);
            for (at, (target, value)) in target.iter_mut().zip(values).enumerate() {
                let mut of_columns = [of_all[0][at]; N];
                for n in 1..N {
                    of_columns[n] = of_all[n][at];
                }
                *target = operation.compute(simd, *target, *value, of_columns);
            }
            if !last_target.is_empty() {
                let mut of_columns = [of_all[0][target.len()]; N];
                for n in 1..N {
                    of_columns[n] = of_all[n][target.len()];
                }
                let (last, value) =
                    (simd.partial_load_f32s(last_target), simd.partial_load_f32s(last_values));
                simd.partial_store_f32s(last_target, operation.compute(simd, last, value, of_columns));
            }
        }
    }
}

/// The gradients through a ReLU with this output, in place.
pub struct Mask<'a> {
    pub gradients: &'a mut [f32],
    pub output: &'a [f32],
}

impl WithSimd for Mask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (gradients, last_gradients) = S::as_mut_simd_f32s(self.gradients);
        let (outputs, last_outputs) = S::as_simd_f32s(self.output);
        for (gradient, output) in gradients.iter_mut().zip(outputs) {
            *gradient = through_relu(simd, *gradient, *output);
        }
        let (gradient, output) =
            (simd.partial_load_f32s(last_gradients), simd.partial_load_f32s(last_outputs));
        simd.partial_store_f32s(last_gradients, through_relu(simd, gradient, output));
    }
}

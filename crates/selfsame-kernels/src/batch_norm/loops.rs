//! The loops over elements, compiled for the vector instructions that the CPU turns out to have.
//!
//! All values are rows of columns one after the other, the last of them possibly cut short; sums and coefficients have
//! one value for every column. The longer loops are types and not closures, because what is not inlined is not
//! compiled for those instructions, and only methods can insist on being inlined.

use pulp::{Arch, NullaryFnOnce};

use super::rows::ROWS;

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
        let mut blocks = self.values.chunks_exact(ROWS * width);
        for block in &mut blocks {
            let [a, b, c, d] = split(block, width);
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

/// Adds every gradient, and every gradient times its centred value, to its column's sums.
pub struct AddProducts<'a> {
    pub sums: [&'a mut [f64]; 2],
    pub gradients: &'a [f32],
    pub values: &'a [f32],
    pub mean: &'a [f32],
}

impl NullaryFnOnce for AddProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [sums, products] = self.sums;
        let width = sums.len();
        let mut blocks = self.gradients.chunks_exact(ROWS * width);
        let mut value_blocks = self.values.chunks_exact(ROWS * width);
        for (gradients, values) in (&mut blocks).zip(&mut value_blocks) {
            let ([a, b, c, d], [k, l, m, n]) = (split(gradients, width), split(values, width));
            let rows = a.iter().zip(b).zip(c.iter().zip(d));
            let value_rows = k.iter().zip(l).zip(m.iter().zip(n));
            let columns = sums.iter_mut().zip(products.iter_mut()).zip(self.mean);
            for (((sum, product), &mean), (((&a, &b), (&c, &d)), ((&k, &l), (&m, &n)))) in
                columns.zip(rows.zip(value_rows))
            {
                // The sum of four products is rounded no worse than each of them is.
                *sum += f64::from((a + b) + (c + d));
                let first = a * (k - mean) + b * (l - mean);
                *product += f64::from(first + (c * (m - mean) + d * (n - mean)));
            }
        }
        let rows = blocks.remainder().chunks(width).zip(value_blocks.remainder().chunks(width));
        for (gradients, values) in rows {
            let columns = sums.iter_mut().zip(products.iter_mut()).zip(self.mean);
            for (((sum, product), &mean), (&gradient, &value)) in columns.zip(gradients.iter().zip(values)) {
                *sum += f64::from(gradient);
                *product += f64::from(gradient * (value - mean));
            }
        }
    }
}

/// `(value - mean) · scale + shift`.
pub struct Normalise<'a> {
    pub output: &'a mut [f32],
    pub values: &'a [f32],
    pub mean: &'a [f32],
    pub scale: &'a [f32],
    pub shift: &'a [f32],
}

impl NullaryFnOnce for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.mean.len();
        for (output, values) in self.output.chunks_mut(width).zip(self.values.chunks(width)) {
            let coefficients = self.mean.iter().zip(self.scale).zip(self.shift);
            for ((output, &value), ((&mean, &scale), &shift)) in
                output.iter_mut().zip(values).zip(coefficients)
            {
                *output = (value - mean) * scale + shift;
            }
        }
    }
}

/// `(gradient - shift - (value - mean) · slope) · scale`: from the output's gradient to the input's.
pub struct Project<'a> {
    pub target: &'a mut [f32],
    pub values: &'a [f32],
    pub mean: &'a [f32],
    pub shift: &'a [f32],
    pub slope: &'a [f32],
    pub scale: &'a [f32],
}

impl NullaryFnOnce for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.mean.len();
        for (target, values) in self.target.chunks_mut(width).zip(self.values.chunks(width)) {
            let coefficients = self.mean.iter().zip(self.shift).zip(self.slope.iter().zip(self.scale));
            for ((target, &value), ((&mean, &shift), (&slope, &scale))) in
                target.iter_mut().zip(values).zip(coefficients)
            {
                *target = (*target - shift - (value - mean) * slope) * scale;
            }
        }
    }
}

/// `gradient · scale`, in place.
pub fn scale(arch: Arch, gradients: &mut [f32], scale: &[f32]) {
    arch.dispatch(|| {
        for gradients in gradients.chunks_mut(scale.len()) {
            gradients.iter_mut().zip(scale).for_each(|(gradient, scale)| *gradient *= scale);
        }
    });
}

/// `value + residual`, in place.
pub fn add(arch: Arch, values: &mut [f32], residual: &[f32]) {
    arch.dispatch(|| values.iter_mut().zip(residual).for_each(|(value, residual)| *value += residual));
}

/// Negative values become 0, in place; what is not a number stays so.
pub fn relu(arch: Arch, values: &mut [f32]) {
    arch.dispatch(|| {
        for value in values {
            *value = if *value < 0.0 { 0.0 } else { *value };
        }
    });
}

/// The gradient through a ReLU with this output, in place.
pub fn mask(arch: Arch, gradients: &mut [f32], output: &[f32]) {
    arch.dispatch(|| {
        for (gradient, &output) in gradients.iter_mut().zip(output) {
            *gradient = if output <= 0.0 { 0.0 } else { *gradient };
        }
    });
}

#[inline(always)]
fn split(block: &[f32], width: usize) -> [&[f32]; ROWS] {
    let (first, second) = block.split_at(2 * width);
    let ((a, b), (c, d)) = (first.split_at(width), second.split_at(width));
    [a, b, c, d]
}

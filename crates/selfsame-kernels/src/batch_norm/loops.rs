//! The loops over elements, compiled for the vector instructions that the CPU turns out to have.

use pulp::Arch;

/// Adds every value to its column's sum.
pub fn add(arch: Arch, sums: &mut [f64], values: &[f32]) {
    arch.dispatch(|| {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += f64::from(value);
        }
    });
}

/// Adds every value's squared distance from its mean to its column's sum.
pub fn add_squares(arch: Arch, sums: &mut [f64], values: &[f32], mean: &[f32]) {
    arch.dispatch(|| {
        for ((sum, &value), &mean) in sums.iter_mut().zip(values).zip(mean) {
            let centred = value - mean;
            *sum += f64::from(centred * centred);
        }
    });
}

/// Adds every gradient times its centred value to its column's sum.
pub fn add_products(arch: Arch, sums: &mut [f64], gradients: &[f32], values: &[f32], mean: &[f32]) {
    arch.dispatch(|| {
        for (((sum, &gradient), &value), &mean) in sums.iter_mut().zip(gradients).zip(values).zip(mean) {
            *sum += f64::from(gradient * (value - mean));
        }
    });
}

/// `(value - mean) · scale + shift`, of every column its own.
pub fn normalise(arch: Arch, output: &mut [f32], values: &[f32], [mean, scale, shift]: [&[f32]; 3]) {
    arch.dispatch(|| {
        let coefficients = mean.iter().zip(scale).zip(shift);
        for ((output, &value), ((&mean, &scale), &shift)) in output.iter_mut().zip(values).zip(coefficients) {
            *output = (value - mean) * scale + shift;
        }
    });
}

/// `(gradient - shift - (value - mean) · slope) · scale`, in place: from the output's gradient to the input's.
pub fn project(arch: Arch, gradients: &mut [f32], values: &[f32], [mean, shift, slope, scale]: [&[f32]; 4]) {
    arch.dispatch(|| {
        let coefficients = mean.iter().zip(shift).zip(slope).zip(scale);
        for ((gradient, &value), (((&mean, &shift), &slope), &scale)) in
            gradients.iter_mut().zip(values).zip(coefficients)
        {
            *gradient = (*gradient - shift - (value - mean) * slope) * scale;
        }
    });
}

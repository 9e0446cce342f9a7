//! Orthogonal initial weights.

use faer::Mat;
use selfsame_core::nn::Parameters;
use selfsame_core::tensor::Tensor;
use selfsame_core::{Error, Random, Result};

/// What a ReLU takes from the variance is given back to the convolution before it.
const RELU_GAIN: f32 = std::f32::consts::SQRT_2;

/// Makes the weights of linear layers orthogonal (Saxe et al. 2014, arXiv 1312.6120) and those of convolutions delta-orthogonal (Xiao et al. 2018, arXiv
/// 1806.05393): zero but in the middle of the kernel, which is orthogonal times √2. Biases become 0. This is how SAC-AE begins, and CURL after
/// it. Layer normalisation is left as it is.
///
/// # Errors
/// Never, for shapes that layers have.
pub fn orthogonal(module: &mut dyn Parameters, random: &Random) -> Result<()> {
    let mut values = Vec::new();
    for parameter in module.parameters() {
        let shape = parameter.shape.as_slice();
        let random = random.named(&parameter.name);
        let made = match *shape {
            [rows, columns] => orthogonal_matrix([rows, columns], random)?,
            [rows, columns, height, width] => {
                let middle = orthogonal_matrix([rows, columns], random)?;
                let taps = height * width;
                let mut kernel = vec![0.0; rows * columns * taps];
                for (kernel, value) in kernel.chunks_exact_mut(taps).zip(middle) {
                    kernel[height / 2 * width + width / 2] = RELU_GAIN * value;
                }
                kernel
            }
            _ if parameter.name.contains("norm") => continue,
            _ => vec![0.0; shape.iter().product()],
        };
        values.push((parameter.name, Tensor::<1>::from_floats(made.as_slice(), &parameter.value.device())));
    }
    module.update(&mut |name, _| {
        values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    });
    Ok(())
}

/// A matrix with orthonormal rows, or columns where these are fewer; uniformly distributed.
fn orthogonal_matrix([rows, columns]: [usize; 2], mut random: Random) -> Result<Vec<f32>> {
    let (long, short) = (rows.max(columns), rows.min(columns));
    let normal = Mat::from_fn(long, short, |_, _| random.normal());
    let factors = normal.qr();
    let (q, r) = (factors.compute_thin_Q(), factors.thin_R());
    if q.nrows() != long || q.ncols() != short {
        return Err(Error::Internal(format!("no orthogonal matrix of {rows} × {columns}")));
    }
    // With the signs of R's diagonal, Q is uniformly distributed (Mezzadri 2007).
    let value = |row: usize, column: usize| q[(row, column)] * r[(column, column)].signum();
    let entry = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        if rows >= columns { value(row, column) } else { value(column, row) }
    };
    Ok((0..rows * columns).map(entry).collect())
}

//! The effective rank of a set of representations.

use burn::tensor::Tensor;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};

use crate::host::values;
use crate::{Error, Result};

/// RankMe (Garrido et al. 2023, arXiv 2210.02885, eq. 1): the exponential of the entropy of the singular values of
/// `representations` (`[instances, dim]`), normalised to sum 1. 1 when all rows are multiples of one, up to
/// `min(instances, dim)` when every direction is used alike; 0 when all numbers are 0.
///
/// Computed on the host, from the eigenvalues of the smaller of the two products of the matrix with itself. They
/// are in f64, because a singular value is a square root of an eigenvalue and halves its digits.
///
/// # Errors
/// When the device fails, and [`Error::Diverged`] when a number is not finite.
pub fn effective_rank(representations: Tensor<2>) -> Result<f64> {
    let [instances, dim] = representations.dims();
    let values: Vec<f64> = values(representations)?.into_iter().map(f64::from).collect();
    if !values.iter().all(|value| value.is_finite()) {
        return Err(Error::diverged(
            "the representations hold numbers that are not finite",
            "lower the learning rate, or lengthen its warm-up",
        ));
    }
    let rows = MatRef::from_row_major_slice(&values, instances, dim);
    let (left, right) = if instances < dim { (rows, rows.transpose()) } else { (rows.transpose(), rows) };
    let mut product = Mat::<f64>::zeros(left.nrows(), left.nrows());
    matmul(&mut product, Accum::Replace, left, right, 1.0, Par::Seq);
    let eigenvalues = product
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|error| Error::Internal(format!("no eigenvalues for the effective rank: {error:?}")))?;
    Ok(entropy_rank(eigenvalues.into_iter().map(|eigenvalue| eigenvalue.max(0.0).sqrt()).collect()))
}

fn entropy_rank(singular_values: Vec<f64>) -> f64 {
    let total: f64 = singular_values.iter().sum();
    if total == 0.0 {
        return 0.0;
    }
    let shares = singular_values.into_iter().map(|value| value / total).filter(|share| *share > 0.0);
    shares.map(|share| -share * share.ln()).sum::<f64>().exp()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Random;

    fn tensor(values: Vec<f32>, shape: [usize; 2]) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values, shape), &Device::default())
    }

    /// The singular values by one-sided Jacobi rotations: columns are turned until all are orthogonal.
    fn slow(values: &[f32], [rows, columns]: [usize; 2]) -> f64 {
        let mut a: Vec<Vec<f64>> =
            (0..columns).map(|c| (0..rows).map(|r| f64::from(values[r * columns + c])).collect()).collect();
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        for _ in 0..60 {
            for p in 0..columns {
                for q in 0..p {
                    let (pp, qq, pq) = (dot(&a[p], &a[p]), dot(&a[q], &a[q]), dot(&a[p], &a[q]));
                    if pq.abs() < 1e-15 {
                        continue;
                    }
                    let angle = 0.5 * (2.0 * pq).atan2(qq - pp);
                    let (sin, cos) = angle.sin_cos();
                    let (before, from_p) = a.split_at_mut(p);
                    for (x, y) in from_p[0].iter_mut().zip(&mut before[q]) {
                        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
                    }
                }
            }
        }
        let singular: Vec<f64> = a.iter().map(|column| dot(column, column).sqrt()).collect();
        let total: f64 = singular.iter().sum();
        let entropy: f64 =
            singular.iter().map(|s| s / total).filter(|p| *p > 1e-12).map(|p| -p * p.ln()).sum();
        entropy.exp()
    }

    #[test]
    fn equals_a_slow_singular_value_decomposition() {
        for shape in [[12, 7], [5, 9], [8, 8]] {
            let mut random = Random::new(8).at(shape[0] as u64);
            let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| random.normal()).collect();
            let (fast, slow) = (effective_rank(tensor(values.clone(), shape)).unwrap(), slow(&values, shape));
            assert!((fast - slow).abs() < 1e-5 * slow, "{shape:?}: {fast} is not {slow}");
        }
    }

    #[test]
    fn known_ranks() {
        let identity: Vec<f32> = (0..36).map(|i| if i % 7 == 0 { 2.0 } else { 0.0 }).collect();
        assert!((effective_rank(tensor(identity, [6, 6])).unwrap() - 6.0).abs() < 1e-9);
        let collapsed: Vec<f32> = (0..40).map(|i| (i % 8) as f32 - 2.5).collect();
        assert!((effective_rank(tensor(collapsed, [5, 8])).unwrap() - 1.0).abs() < 1e-4);
        assert_eq!(effective_rank(tensor(vec![0.0; 6], [2, 3])).unwrap(), 0.0);
        let broken = effective_rank(tensor(vec![1.0, f32::NAN], [1, 2])).unwrap_err();
        assert_eq!(broken.exit_code(), 5);
    }
}

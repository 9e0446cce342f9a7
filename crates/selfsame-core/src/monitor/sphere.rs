//! Measures on the unit sphere.

use burn::tensor::Tensor;

use crate::Result;
use crate::host::scalar;
use crate::loss::unit;

/// Alignment (Wang and Isola 2020, arXiv 2005.10242, α = 2): the mean squared distance between the unit vectors of
/// two views of one instance. 0 when they agree, 2 when they have nothing in common.
///
/// # Errors
/// When the device fails to hand out the number; so do the other measures.
pub fn alignment(first: Tensor<2>, second: Tensor<2>) -> Result<f64> {
    scalar((unit(first) - unit(second)).square().sum_dim(1).mean())
}

/// Uniformity (Wang and Isola 2020, t = 2): the logarithm of the mean of `exp(−2·|u − v|²)` over all pairs of
/// different instances. 0 when all vectors are alike; lower is more uniform. 0 for fewer than two instances.
///
/// # Errors
/// See [`alignment`].
pub fn uniformity(representations: Tensor<2>) -> Result<f64> {
    let instances = representations.dims()[0];
    if instances < 2 {
        return Ok(0.0);
    }
    let units = unit(representations);
    // |u − v|² = 2 − 2·cos
    let potentials = ((units.clone().matmul(units.transpose()) - 1.0) * 4.0).exp();
    // Row sums first, the total in f64: a million pairs are too many for one f32 sum.
    let rows = crate::host::values(potentials.sum_dim(1))?;
    let itself = instances as f64;
    let total: f64 = rows.into_iter().map(f64::from).sum();
    Ok(((total - itself).max(f64::MIN_POSITIVE) / (itself * (itself - 1.0))).ln())
}

/// SimSiam's measure of collapse (Chen and He 2021, arXiv 2011.10566, section 4.1): the standard deviation of the
/// unit vectors, averaged over the dimensions, times √dim. 1 when they are spread evenly over the sphere, 0 when
/// they are all alike.
///
/// # Errors
/// See [`alignment`].
pub fn deviation(representations: Tensor<2>) -> Result<f64> {
    let dim = representations.dims()[1] as f64;
    let units = unit(representations);
    let centred = units.clone() - units.mean_dim(0);
    Ok(scalar(centred.square().mean_dim(0).sqrt().mean())? * dim.sqrt())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Random;
    use crate::golden::assert_close;

    fn normal(rows: usize, dim: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut random = Random::new(seed);
        (0..rows).map(|_| (0..dim).map(|_| f64::from(random.normal()) + 0.3).collect()).collect()
    }

    fn tensor(rows: &[Vec<f64>]) -> Tensor<2> {
        let values: Vec<f32> = rows.iter().flatten().map(|&v| v as f32).collect();
        Tensor::from_data(TensorData::new(values, [rows.len(), rows[0].len()]), &Device::default())
    }

    fn units(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let length = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
        rows.iter().map(|row| row.iter().map(|v| v / length(row)).collect()).collect()
    }

    fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum()
    }

    #[test]
    fn alignment_equals_its_definition() {
        let (a, b) = (normal(21, 9, 1), normal(21, 9, 2));
        let pairs = units(&a).into_iter().zip(units(&b));
        let expected = pairs.map(|(u, v)| squared_distance(&u, &v)).sum::<f64>() / 21.0;
        assert_close(&[alignment(tensor(&a), tensor(&b)).unwrap()], &[expected], 1e-5);
        assert!(alignment(tensor(&a), tensor(&a)).unwrap() < 1e-9);
    }

    #[test]
    fn uniformity_equals_its_definition() {
        let rows = normal(23, 5, 3);
        let u = units(&rows);
        let (mut total, mut pairs) = (0.0f64, 0.0f64);
        for i in 0..u.len() {
            for j in 0..i {
                total += (-2.0 * squared_distance(&u[i], &u[j])).exp();
                pairs += 1.0;
            }
        }
        assert_close(&[uniformity(tensor(&rows)).unwrap()], &[(total / pairs).ln()], 1e-5);
        assert_eq!(uniformity(tensor(&rows[..1])).unwrap(), 0.0);
        assert!(uniformity(tensor(&vec![rows[0].clone(); 8])).unwrap().abs() < 1e-5);
    }

    #[test]
    fn deviation_equals_its_definition_and_is_1_on_an_even_sphere() {
        let rows = normal(31, 6, 4);
        let u = units(&rows);
        let mut expected = 0.0;
        for d in 0..6 {
            let mean = u.iter().map(|row| row[d]).sum::<f64>() / 31.0;
            expected += (u.iter().map(|row| (row[d] - mean).powi(2)).sum::<f64>() / 31.0).sqrt() / 6.0;
        }
        assert_close(&[deviation(tensor(&rows)).unwrap()], &[expected * 6.0f64.sqrt()], 1e-5);

        let centred: Vec<Vec<f64>> =
            normal(2000, 16, 5).iter().map(|row| row.iter().map(|v| v - 0.3).collect()).collect();
        assert!((deviation(tensor(&centred)).unwrap() - 1.0).abs() < 0.02);
        assert!(deviation(tensor(&vec![rows[0].clone(); 8])).unwrap() < 1e-3);
    }
}

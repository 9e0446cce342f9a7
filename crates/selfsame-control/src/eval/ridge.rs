//! Ridge regression: how well a number can be told linearly from features.

use faer::linalg::matmul::matmul;
use faer::prelude::Solve;
use faer::{Accum, Mat, MatRef, Par, Side};
use selfsame_core::{Error, Result};

/// Penalties to choose from, as shares of the number of instances: features are standardised.
const PENALTIES: [f64; 7] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// Instances with a number each to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instances {
    /// `[instances, features]`, row by row.
    pub features: Vec<f32>,
    /// What is to be told, `[instances]`.
    pub targets: Vec<f64>,
}

impl Instances {
    fn len(&self) -> usize {
        self.targets.len()
    }

    fn dimension(&self) -> usize {
        self.features.len() / self.len().max(1)
    }
}

/// R² on `test` of a regression that is fitted to `train`, its penalty chosen by R² on `validation`: 1 is perfect, 0 as good as the mean of the test's
/// own targets, and below 0 worse than that.
///
/// # Errors
/// Nothing to learn from, targets that do not differ, and features that are not finite.
pub fn explained_variance(train: &Instances, validation: &Instances, test: &Instances) -> Result<f64> {
    let scaling = Scaling::of(train)?;
    let products = Products::of(train, &scaling);
    let rows = scaling.rows(validation);
    let mut best = (f64::NEG_INFINITY, 0.0);
    for share in PENALTIES {
        let found = scaling.r_squared(&rows, &validation.targets, &products.weights(share)?)?;
        if found > best.0 {
            best = (found, share);
        }
    }
    scaling.r_squared(&scaling.rows(test), &test.targets, &products.weights(best.1)?)
}

/// Mean and deviation of every feature, and the mean of the targets.
struct Scaling {
    means: Vec<f64>,
    deviations: Vec<f64>,
    target: f64,
}

impl Scaling {
    fn of(instances: &Instances) -> Result<Self> {
        if instances.len() == 0 || !instances.features.iter().all(|value| value.is_finite()) {
            return Err(Error::config(
                "there are no finite features to tell returns from",
                "play more episodes; if there are some, the agent's weights are broken",
            ));
        }
        let (count, dimension) = (instances.len() as f64, instances.dimension());
        let (mut means, mut squares) = (vec![0.0; dimension], vec![0.0; dimension]);
        for row in instances.features.chunks_exact(dimension) {
            for (feature, &value) in row.iter().enumerate() {
                means[feature] += f64::from(value) / count;
                squares[feature] += f64::from(value).powi(2) / count;
            }
        }
        let deviation = |(square, mean): (&f64, &f64)| (square - mean * mean).max(0.0).sqrt();
        let deviations = squares.iter().zip(&means).map(deviation).collect();
        Ok(Self { means, deviations, target: instances.targets.iter().sum::<f64>() / count })
    }

    /// Standardised features, row by row; 0 where a feature is always the same.
    fn rows(&self, instances: &Instances) -> Vec<f64> {
        let scale = |(feature, &value): (usize, &f32)| match self.deviations[feature] {
            deviation if deviation > 1e-9 => (f64::from(value) - self.means[feature]) / deviation,
            _ => 0.0,
        };
        let rows = instances.features.chunks_exact(self.means.len());
        rows.flat_map(|row| row.iter().enumerate().map(scale)).collect()
    }

    /// R² of what these weights tell from standardised rows.
    fn r_squared(&self, rows: &[f64], targets: &[f64], weights: &[f64]) -> Result<f64> {
        let mean = targets.iter().sum::<f64>() / targets.len() as f64;
        let (mut left, mut total) = (0.0, 0.0);
        for (row, target) in rows.chunks_exact(weights.len()).zip(targets) {
            let told = self.target + row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>();
            left += (target - told).powi(2);
            total += (target - mean).powi(2);
        }
        if total > 0.0 {
            return Ok(1.0 - left / total);
        }
        Err(Error::config(
            "all returns of the held-out episodes are the same: there is nothing to tell",
            "play more episodes, or let them begin with more random actions (--random-steps)",
        ))
    }
}

/// XᵀX and Xᵀy of standardised features.
struct Products {
    square: Mat<f64>,
    with_targets: Mat<f64>,
    count: f64,
}

impl Products {
    fn of(instances: &Instances, scaling: &Scaling) -> Self {
        let (count, dimension) = (instances.len(), scaling.means.len());
        let rows = scaling.rows(instances);
        let rows = MatRef::from_row_major_slice(&rows, count, dimension);
        let targets: Vec<f64> = instances.targets.iter().map(|target| target - scaling.target).collect();
        let targets = MatRef::from_row_major_slice(&targets, count, 1);
        let product = |right: MatRef<'_, f64>| {
            let mut product = Mat::zeros(dimension, right.ncols());
            matmul(&mut product, Accum::Replace, rows.transpose(), right, 1.0, Par::Seq);
            product
        };
        Self { square: product(rows), with_targets: product(targets), count: count as f64 }
    }

    /// (XᵀX + λI)⁻¹Xᵀy, where λ is this share of the instances.
    fn weights(&self, share: f64) -> Result<Vec<f64>> {
        let mut square = self.square.clone();
        for feature in 0..square.nrows() {
            square[(feature, feature)] += share * self.count;
        }
        let factors = square
            .llt(Side::Lower)
            .map_err(|error| Error::Internal(format!("no Cholesky factors for a regression: {error:?}")))?;
        let mut weights = self.with_targets.clone();
        factors.solve_in_place(&mut weights);
        Ok(weights.col(0).iter().copied().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use selfsame_core::Random;

    use super::*;

    /// Targets are `2·x₀ − x₁ + 3` and noise of this deviation; other features are noise, one is constant.
    fn made(count: usize, noise: f64, seed: u64) -> Instances {
        let mut random = Random::new(seed);
        let mut instances = Instances::default();
        for _ in 0..count {
            let row: Vec<f32> = (0..6).map(|at| if at == 5 { 7.0 } else { 10.0 * random.normal() }).collect();
            instances
                .targets
                .push(f64::from(2.0 * row[0] - row[1]) + 3.0 + noise * f64::from(random.normal()));
            instances.features.extend(row);
        }
        instances
    }

    #[test]
    fn what_is_linear_is_explained_and_noise_is_not() {
        let told = |noise| {
            let [train, validation, test] =
                [(400, 1), (100, 2), (2000, 3)].map(|(n, seed)| made(n, noise, seed));
            explained_variance(&train, &validation, &test).unwrap()
        };
        assert!(told(0.0) > 0.9999, "{}", told(0.0));
        // The signal has the variance 500, the noise as much: half can be explained.
        assert!((told(500_f64.sqrt()) - 0.5).abs() < 0.05, "{}", told(500_f64.sqrt()));
        let deaf = |instances: Instances| Instances {
            features: instances.features.chunks(6).flat_map(|row| row[2..].to_vec()).collect(),
            ..instances
        };
        let [train, validation, test] =
            [(400, 1), (100, 2), (2000, 3)].map(|(n, seed)| deaf(made(n, 0.0, seed)));
        assert!(explained_variance(&train, &validation, &test).unwrap().abs() < 0.05);
    }

    #[test]
    fn nothing_to_tell_is_an_error() {
        let [train, validation] = [1, 2].map(|seed| made(50, 0.0, seed));
        let same = Instances { targets: vec![1.0; 50], ..made(50, 0.0, 3) };
        let error = explained_variance(&train, &validation, &same).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("nothing to tell"), "{error}");
        assert!(explained_variance(&Instances::default(), &validation, &train).is_err());
    }
}

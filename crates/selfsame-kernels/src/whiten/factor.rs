//! Factorisation of a covariance on the host.
//!
//! Matrices are square, row by row. Everything is made of additions of a multiple of one row to another, which the compiler makes vectors of, and
//! which have the same bits on every machine.

use super::Singular;

/// How exactly a covariance is known, as a multiple of the numbers' distance from 1 to the next.
const MARGIN: f64 = 16.0;

/// Which numbers a covariance comes from.
#[derive(Clone, Copy, Debug)]
pub struct Precision {
    /// Distance from 1 to the next number, for the rows.
    pub rows: f64,
    /// The same for the sums over rows.
    pub sums: f64,
}

/// A group's covariance, lower triangle, and its means.
pub struct Covariance<'a> {
    pub values: &'a mut [f64],
    pub mean: &'a [f64],
    pub precision: Precision,
}

impl Covariance<'_> {
    /// Moves the covariance by `epsilon` towards the identity, and writes the inverse of its lower Cholesky factor into `inverse`,
    /// zeros above the diagonal. `group` and `rows` are for the error.
    #[inline(always)]
    pub fn inverse_factor(
        self,
        epsilon: f64,
        inverse: &mut [f64],
        group: usize,
        rows: usize,
    ) -> Result<(), Singular> {
        let features = self.mean.len();
        for row in 0..features {
            for column in 0..=row {
                let identity = if row == column { epsilon } else { 0.0 };
                let value = &mut self.values[row * features + column];
                *value = (1.0 - epsilon) * *value + identity;
            }
        }
        let limits = self.limits();
        // Where to begin again, to find the rank.
        let whole = self.values.to_vec();
        if let Err(pivot) = factorise(self.values, &limits) {
            return Err(Singular { group, rows, features, pivot, rank: rank(whole, &limits) });
        }
        invert(self.values, inverse, features);
        Ok(())
    }

    /// For every feature the variance up to which nothing of it is left but rounding: of the rows, in which the means are, and
    /// of the sums, in which they are not.
    fn limits(&self) -> Vec<f64> {
        let Precision { rows, sums } = self.precision;
        let limit = |(feature, mean): (usize, &f64)| {
            let variance = self.values[feature * self.mean.len() + feature];
            ((MARGIN * rows).powi(2) * (variance + mean * mean)).max(MARGIN * sums * variance)
        };
        self.mean.iter().enumerate().map(limit).collect()
    }
}

/// Replaces the lower triangle of a matrix by its Cholesky factor; the number of the first pivot that is not above its limit.
#[inline(always)]
fn factorise(matrix: &mut [f64], limits: &[f64]) -> Result<(), usize> {
    let features = limits.len();
    let mut column = vec![0.0; features];
    for pivot in 0..features {
        let value = matrix[pivot * features + pivot];
        if !(value > limits[pivot] && value.is_finite()) {
            return Err(pivot);
        }
        let root = value.sqrt();
        matrix[pivot * features + pivot] = root;
        for row in pivot + 1..features {
            let value = &mut matrix[row * features + pivot];
            *value /= root;
            column[row] = *value;
            let factor = *value;
            let rest = row * features + pivot + 1..=row * features + row;
            add(-factor, &column[pivot + 1..=row], &mut matrix[rest]);
        }
    }
    Ok(())
}

/// The inverse of a lower triangular matrix.
#[inline(always)]
fn invert(factor: &[f64], inverse: &mut [f64], features: usize) {
    inverse.fill(0.0);
    for row in 0..features {
        let (before, from_row) = inverse.split_at_mut(row * features);
        let target = &mut from_row[..features];
        for other in 0..row {
            let known = &before[other * features..=other * features + other];
            add(-factor[row * features + other], known, target);
        }
        let diagonal = factor[row * features + row];
        target[row] = 1.0;
        target[..=row].iter_mut().for_each(|value| *value /= diagonal);
    }
}

/// How many pivots are above their limits, if the largest is always taken next; none when a number is not finite.
fn rank(mut matrix: Vec<f64>, limits: &[f64]) -> Option<usize> {
    let features = limits.len();
    let lower = |row: usize, column: usize| row.max(column) * features + row.min(column);
    if (0..features).any(|row| matrix[row * features..=row * features + row].iter().any(|v| !v.is_finite())) {
        return None;
    }
    let mut left: Vec<usize> = (0..features).collect();
    while !left.is_empty() {
        // A feature that is 0 everywhere has the limit 0, and no excess.
        let excess =
            |feature: usize| matrix[lower(feature, feature)] / limits[feature].max(f64::MIN_POSITIVE);
        let largest = (0..left.len()).max_by(|&a, &b| excess(left[a]).total_cmp(&excess(left[b])))?;
        let pivot = left[largest];
        let value = matrix[lower(pivot, pivot)];
        if value <= limits[pivot] {
            break;
        }
        left.swap_remove(largest);
        let shares: Vec<f64> = left.iter().map(|&feature| matrix[lower(feature, pivot)] / value).collect();
        for (&row, share) in left.iter().zip(&shares) {
            for &column in left.iter().filter(|&&column| column <= row) {
                matrix[lower(row, column)] -= share * matrix[lower(column, pivot)];
            }
        }
    }
    Some(features - left.len())
}

/// `target += factor · source`, as far as `source` goes.
#[inline(always)]
pub fn add(factor: f64, source: &[f64], target: &mut [f64]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target += factor * source;
    }
}

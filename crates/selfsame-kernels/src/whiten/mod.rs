//! Whitening: rows are taken to features that are uncorrelated and have unit variance, by the Cholesky factor of their covariance, with
//! a gradient through the factorisation.
//!
//! With X the centred rows of a group, Σ = XᵀX / (w − 1), LLᵀ = (1 − ε)Σ + εI and W = L⁻¹, the output is Z = XWᵀ. From the gradient G of Z,
//! the chain rule through the triangular solve and the factorisation (Murray 2016, <https://arxiv.org/abs/1602.07527>, section 4)
//! leaves, after all that cancels,
//!
//! ```text
//! M = GᵀZ,  Q = M below and on the diagonal, mirrored above it
//! gradient of the rows = (G − mean(G) − (1 − ε)/(w − 1) · ZQ) W
//! ```
//!
//! so that the backward step needs nothing but Z and W. Covariances are small: both versions factorise them on the host, in `f64`.

mod autodiff;
mod cpu;
mod extension;
mod factor;
mod portable;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::WhitenBackend;

/// Which rows are whitened together: each row is in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    groups: Arc<[Vec<usize>]>,
    rows: usize,
}

impl Groups {
    /// # Panics
    ///
    /// If a group has less than two rows, or the groups together do not have every row from 0 on exactly once.
    pub fn new(groups: Vec<Vec<usize>>) -> Self {
        let rows = groups.iter().map(Vec::len).sum();
        let mut seen = vec![false; rows];
        for &row in groups.iter().flatten() {
            assert!(row < rows && !seen[row], "row {row} is in two groups, or another one is in none");
            seen[row] = true;
        }
        assert!(groups.iter().all(|group| group.len() > 1), "one row has no covariance");
        Self { groups: groups.into(), rows }
    }

    fn iter(&self) -> impl Iterator<Item = &Vec<usize>> {
        self.groups.iter()
    }

    fn len(&self) -> usize {
        self.groups.len()
    }
}

/// A group whose covariance has no Cholesky factor: some of its features are combinations of the others, or constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Singular {
    /// The group's number; the first one, where there are several.
    pub group: usize,
    /// Its rows.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// The first feature that is a combination of those before it.
    pub pivot: usize,
    /// How many features are not combinations of others; none when some are not even numbers.
    pub rank: Option<usize>,
}

impl Display for Singular {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { group, rows, features, pivot, rank } = self;
        match rank {
            Some(rank) => write!(
                formatter,
                "the covariance of group {group} has rank {rank} of {features} over {rows} rows: feature {pivot} is a \
                 combination of those before it"
            ),
            None => write!(formatter, "feature {pivot} of group {group} is not finite"),
        }
    }
}

impl Error for Singular {}

/// `[rows, features]` whitened group by group; the rows stay in their places. `epsilon`, from 0 to 1, moves the covariance Σ towards
/// the identity: (1 − ε)Σ + εI.
///
/// # Errors
///
/// [`Singular`] for a group whose covariance cannot be factorised: features depend on each other up to what rounding leaves of
/// them, or are not finite.
///
/// # Panics
///
/// If the groups have not as many rows as the input.
pub fn whiten(input: Tensor<2>, groups: &Groups, epsilon: f64) -> Result<Tensor<2>, Singular> {
    let [rows, _] = input.dims();
    assert_eq!(rows, groups.rows, "the rows of an input and those in its groups");
    let whitened = Dispatch::whiten(input.into_dispatch(), groups.clone(), epsilon);
    match whitened.singular {
        None => Ok(Tensor::from_dispatch(whitened.output)),
        Some(singular) => Err(singular),
    }
}

//! What a representation looks like while it is learned, and an alarm for its collapse.
//!
//! All measures look at representations `[instances, dim]` and are independent of the scale of every row, but for
//! the effective rank. A few hundred to a few thousand instances give steady numbers; uniformity compares all
//! pairs of them, and the effective rank costs `min(instances, dim)³`.

mod alarm;
mod rank;
mod sphere;

use burn::tensor::Tensor;

pub use alarm::CollapseAlarm;
pub use rank::effective_rank;
pub use sphere::{alignment, deviation, uniformity};

use crate::Result;
use crate::collective::{Collective, gather_with_gradient};

/// The measures of the representations of two views.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// Squared distance of the two views of an instance, 0 (best) to 4; see [`alignment`].
    pub alignment: f64,
    /// Logarithm of the mean Gaussian potential, 0 (all alike) to about −4 (spread out); see [`uniformity`].
    pub uniformity: f64,
    /// Deviation of the unit embeddings, 0 (all alike) to 1 (healthy); see [`deviation`].
    pub deviation: f64,
    /// How many dimensions are in use, 1 to `dim`; see [`effective_rank`].
    pub effective_rank: f64,
}

impl Measures {
    /// All of them, by name.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        let Self { alignment, uniformity, deviation, effective_rank } = *self;
        vec![
            ("alignment", alignment),
            ("uniformity", uniformity),
            ("deviation", deviation),
            ("effective_rank", effective_rank),
        ]
    }
}

/// Measures the representations (or projections) of two views of the same instances, `[instances, dim]` each, of all
/// ranks together: so all of them see the same, and none stops alone because of a collapse. All but the alignment are
/// taken on the first view.
///
/// # Errors
/// When the device fails, other ranks cannot be reached, or the eigenvalues of numbers that are not finite are asked for.
pub fn measure(views: [Tensor<2>; 2], collective: &dyn Collective) -> Result<Measures> {
    let [first, second] = views.map(|local| gather_with_gradient(local.without_autodiff(), collective));
    let first = first?;
    Ok(Measures {
        alignment: alignment(first.clone(), second?)?,
        uniformity: uniformity(first.clone())?,
        deviation: deviation(first.clone())?,
        effective_rank: effective_rank(first)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::thread;

    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Random;
    use crate::collective::{Single, Threads};

    #[test]
    fn every_rank_measures_the_whole_batch() {
        let rows = |view: u64, rows: std::ops::Range<usize>| {
            let value = |at: usize| Random::new(9).at(view).at(at as u64).normal();
            let values: Vec<f32> = (rows.start * 5..rows.end * 5).map(value).collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows.len(), 5]), &Device::default())
        };
        let measured = |part: std::ops::Range<usize>, collective: &dyn Collective| {
            measure([0, 1].map(|view| rows(view, part.clone())), collective).unwrap()
        };
        let whole = measured(0..12, &Single);
        let of_ranks: Vec<Measures> = thread::scope(|scope| {
            let ranks = Threads::ranks(2).into_iter().zip([0..6, 6..12]);
            let threads: Vec<_> =
                ranks.map(|(rank, part)| scope.spawn(move || measured(part, &rank))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(of_ranks, [whole, whole]);
        assert_ne!(measured(0..6, &Single), whole);
    }
}

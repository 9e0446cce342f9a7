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

/// Measures the representations (or projections) of two views of the same instances, `[instances, dim]` each. All
/// but the alignment are taken on the first.
///
/// # Errors
/// When the device fails, or the eigenvalues of numbers that are not finite are asked for.
pub fn measure(views: [Tensor<2>; 2]) -> Result<Measures> {
    let [first, second] = views.map(Tensor::inner);
    Ok(Measures {
        alignment: alignment(first.clone(), second)?,
        uniformity: uniformity(first.clone())?,
        deviation: deviation(first.clone())?,
        effective_rank: effective_rank(first)?,
    })
}

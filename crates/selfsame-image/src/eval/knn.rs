//! Weighted nearest neighbours on frozen representations.

use selfsame_core::Result;
use selfsame_core::probe::{self, KnnConfig};
use serde::Serialize;

use super::{Frozen, Measured};

/// The result of [`knn`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnnResult {
    /// `knn`.
    pub protocol: &'static str,
    /// Share of the test pictures whose class won the vote.
    pub top1: f64,
    /// Share of the test pictures whose class was among the first five.
    pub top5: f64,
    /// Neighbours that voted.
    pub k: usize,
    /// A vote was exp(cosine / temperature).
    pub temperature: f64,
    /// On what it was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Classifies each test picture by the votes of its nearest training pictures (Wu et al. 2018, arXiv
/// 1805.01978, section 3.4).
///
/// # Errors
/// Settings that cannot be used, and representations that are not finite.
pub fn knn(frozen: &Frozen, config: &KnnConfig) -> Result<KnnResult> {
    let outcome = probe::knn(&frozen.train.labelled, &frozen.test.labelled, config)?;
    Ok(KnnResult {
        protocol: "knn",
        top1: outcome.top1,
        top5: outcome.top5,
        k: config.k.min(frozen.measured.train_images),
        temperature: config.temperature,
        measured: frozen.measured.clone(),
    })
}

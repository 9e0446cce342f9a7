//! Weighted nearest neighbours on frozen representations.

use serde::Serialize;

use super::{Frozen, Measured};
use crate::Result;
use crate::probe::{self, KnnConfig};

/// The result of [`knn`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnnResult {
    /// `knn`, or `knn-dense`.
    pub protocol: &'static str,
    /// Share of the test instances whose class won the vote.
    pub top1: f64,
    /// Share of the test instances whose class was among the first five.
    pub top5: f64,
    /// Neighbours that voted.
    pub k: usize,
    /// A vote was exp(cosine / temperature).
    pub temperature: f64,
    /// Regions in a row and a column of a picture, where representations keep its layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<usize>,
    /// On what it was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Classifies each test instance by the votes of its nearest training instances (Wu et al. 2018, arXiv
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
        k: config.k.min(frozen.measured.train),
        temperature: config.temperature,
        regions: None,
        measured: frozen.measured.clone(),
    })
}

impl KnnResult {
    /// The same as a result of its own, `knn-dense`, of representations that keep the layout of pictures in so many regions.
    pub fn of_regions(self, grid: usize) -> Self {
        Self { protocol: "knn-dense", regions: Some(grid), ..self }
    }
}

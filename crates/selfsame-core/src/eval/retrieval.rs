//! Finding instances of the same class.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::{Frozen, Measured};
use crate::Result;
use crate::probe;

/// The result of [`retrieval`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RetrievalResult {
    /// `retrieval`.
    pub protocol: &'static str,
    /// How often the class is found.
    #[serde(flatten)]
    pub recall: Recall,
    /// Mean average precision over the whole gallery.
    pub map: f64,
    /// On what it was measured: the gallery are the instances to learn from.
    #[serde(flatten)]
    pub measured: Measured,
}

/// How many of the nearest instances are looked at, and for each number the share of the queries with their class among so many: fields
/// `r@1` and so on.
#[derive(Clone, Debug, PartialEq)]
pub struct Recall(pub Vec<(usize, f64)>);

impl Serialize for Recall {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (among, share) in &self.0 {
            map.serialize_entry(&format!("r@{among}"), share)?;
        }
        map.end()
    }
}

/// What [`retrieval`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieved {
    /// The numbers.
    pub result: RetrievalResult,
    /// For each query the places in the gallery of the nearest instances, nearest first, as many as were looked at.
    pub nearest: Vec<Vec<usize>>,
}

impl Retrieved {
    /// So many queries at even distances; all where there are not as many.
    pub fn queries(&self, count: usize) -> impl Iterator<Item = usize> {
        let all = self.nearest.len();
        let count = count.min(all);
        (0..count).map(move |place| place * all / count)
    }

    /// The places in the gallery of a query's nearest instances, nearest first, and whether they are of its class.
    pub fn neighbours<'a>(
        &'a self,
        frozen: &'a Frozen,
        query: usize,
    ) -> impl Iterator<Item = (usize, bool)> + 'a {
        let class = frozen.test.labelled.labels[query];
        let gallery = &frozen.train.labelled.labels;
        self.nearest[query].iter().map(move |&place| (place, gallery[place] == class))
    }
}

/// Ranks the gallery (the instances to learn from, though nothing is learned) by cosine for each query (the instances to be asked about), and
/// looks where the query's class is, `among` so many first.
///
/// # Errors
/// Representations that are not finite.
pub fn retrieval(frozen: &Frozen, among: &[usize]) -> Result<Retrieved> {
    let found = probe::retrieval(&frozen.train.labelled, &frozen.test.labelled, among)?;
    let result = RetrievalResult {
        protocol: "retrieval",
        recall: Recall(among.iter().copied().zip(found.recall).collect()),
        map: found.mean_average_precision,
        measured: frozen.measured.clone(),
    };
    Ok(Retrieved { result, nearest: found.nearest })
}

//! Finding pictures of the same class.

use selfsame_core::Result;
use selfsame_core::probe;
use serde::Serialize;

use super::{Features, Frozen, LabelledSet, Measured, Split};
use crate::data::decode;
use crate::picture::Picture;
use crate::view::preview::{contact_sheet, fit};

/// Among how many first pictures the class is looked for.
const AMONG: [usize; 3] = [1, 5, 10];

/// Neighbours in a row of the sheet.
const SHOWN: usize = 8;

/// Side of the pictures in the sheet, and the width of their frames, in pixels.
const SIDE: usize = 96;
const FRAME: usize = 4;

const QUERY: [u8; 3] = [60, 60, 60];
const RIGHT: [u8; 3] = [20, 160, 60];
const WRONG: [u8; 3] = [210, 40, 40];

/// The result of [`retrieval`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RetrievalResult {
    /// `retrieval`.
    pub protocol: &'static str,
    /// Share of the queries whose nearest picture is of their class.
    #[serde(rename = "r@1")]
    pub r1: f64,
    /// Share of the queries with their class among the nearest five.
    #[serde(rename = "r@5")]
    pub r5: f64,
    /// Share of the queries with their class among the nearest ten.
    #[serde(rename = "r@10")]
    pub r10: f64,
    /// Mean average precision over the whole gallery.
    pub map: f64,
    /// On what it was measured: the gallery are the pictures to learn from.
    #[serde(flatten)]
    pub measured: Measured,
}

/// What [`retrieval`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieved {
    /// The numbers.
    pub result: RetrievalResult,
    /// For each query the places in the gallery of the ten nearest pictures, nearest first.
    pub nearest: Vec<Vec<usize>>,
}

/// Ranks the gallery (the pictures to learn from, though nothing is learned) by cosine for each query (the pictures to be asked about), and
/// looks where the query's class is.
///
/// # Errors
/// Representations that are not finite.
pub fn retrieval(frozen: &Frozen) -> Result<Retrieved> {
    let found = probe::retrieval(&frozen.train.labelled, &frozen.test.labelled, &AMONG)?;
    let share = |place: usize| found.recall.get(place).copied().unwrap_or(0.0);
    let result = RetrievalResult {
        protocol: "retrieval",
        r1: share(0),
        r5: share(1),
        r10: share(2),
        map: found.mean_average_precision,
        measured: frozen.measured.clone(),
    };
    Ok(Retrieved { result, nearest: found.nearest })
}

impl Retrieved {
    /// So many queries, at even distances, each with its nearest pictures in a row, framed in green where they are of its class and in
    /// red where not; nothing for no queries. A picture that has become unreadable is left blank.
    pub fn sheet(&self, split: &Split, frozen: &Frozen, queries: usize) -> Option<Picture> {
        let (gallery, asked) = (&frozen.train, &frozen.test);
        let count = self.nearest.len();
        let queries = queries.min(count);
        let row = |query: usize| {
            let class = asked.labelled.labels[query];
            let neighbour = |&place: &usize| {
                let frame = if gallery.labelled.labels[place] == class { RIGHT } else { WRONG };
                framed(&split.train, gallery, place, frame)
            };
            let neighbours = self.nearest[query].iter().take(SHOWN).map(neighbour).collect();
            (framed(&split.test, asked, query, QUERY), neighbours)
        };
        let rows: Vec<_> = (0..queries).map(|place| row(place * count / queries)).collect();
        (!rows.is_empty()).then(|| contact_sheet(&rows, SIDE))
    }
}

fn framed(set: &LabelledSet, features: &Features, place: usize, frame: [u8; 3]) -> Picture {
    let mut framed = Picture::filled(SIDE, SIDE, frame);
    let inner = SIDE - 2 * FRAME;
    framed.paste(&Picture::filled(inner, inner, [255; 3]), FRAME, FRAME);
    let mut buffer = Vec::new();
    let bytes = set.dataset.read(features.instances[place], &mut buffer).ok();
    if let Some(picture) = bytes.and_then(|bytes| decode(bytes, 1).ok()) {
        let picture = fit(&picture, inner);
        let middle = |length: usize| FRAME + (inner - length) / 2;
        framed.paste(&picture, middle(picture.width), middle(picture.height));
    }
    framed
}

//! Finding pictures of the same class.

use selfsame_core::Result;
use selfsame_core::eval;

use super::{Features, Frozen, LabelledSet, Retrieved, Split};
use crate::data::decode;
use crate::picture::Picture;
use crate::view::preview::{contact_sheet, fit};

/// Among how many first pictures the class is looked for.
const AMONG: [usize; 3] = [1, 5, 10];

/// Neighbours in a row of the sheet.
const SHOWN: usize = 8;

/// Side of the pictures in the sheet in pixels.
const SIDE: usize = 96;

/// Width of the frames around neighbours, in pixels.
const FRAME: usize = 4;

/// Of what is shown in a row of a [`sheet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// What is asked with.
    Query,
    /// A neighbour of its class.
    Right,
    /// A neighbour of another class.
    Wrong,
}

impl Shown {
    fn colour(self) -> [u8; 3] {
        match self {
            Self::Query => [60, 60, 60],
            Self::Right => [20, 160, 60],
            Self::Wrong => [210, 40, 40],
        }
    }

    /// A picture, in a frame, with sides of `[width, height]` altogether; blank where there is no picture.
    pub fn framed(self, picture: Option<&Picture>, [width, height]: [usize; 2]) -> Picture {
        let mut framed = Picture::filled(width, height, self.colour());
        let inner = [width, height].map(|side| side.saturating_sub(2 * FRAME));
        framed.paste(&Picture::filled(inner[0], inner[1], [255; 3]), FRAME, FRAME);
        if let Some(picture) = picture {
            let middle = |inner: usize, length: usize| FRAME + inner.saturating_sub(length) / 2;
            framed.paste(picture, middle(inner[0], picture.width), middle(inner[1], picture.height));
        }
        framed
    }
}

/// Finds pictures: the class of a query is looked for among the 1, 5 and 10 nearest; see [`eval::retrieval`].
///
/// # Errors
/// As [`eval::retrieval`].
pub fn retrieval(frozen: &Frozen) -> Result<Retrieved> {
    eval::retrieval(frozen, &AMONG)
}

/// So many queries, at even distances, each with its nearest pictures in a row, framed in green where they are of its class and in
/// red where not; nothing for no queries. A picture that has become unreadable is left blank.
pub fn sheet(found: &Retrieved, split: &Split, frozen: &Frozen, queries: usize) -> Option<Picture> {
    let rows: Vec<_> = found
        .queries(queries)
        .map(|query| {
            let neighbours = found.neighbours(frozen, query).take(SHOWN);
            let shown = |(place, is_right)| {
                let shown = if is_right { Shown::Right } else { Shown::Wrong };
                framed(&split.train, &frozen.train, place, shown)
            };
            (framed(&split.test, &frozen.test, query, Shown::Query), neighbours.map(shown).collect())
        })
        .collect();
    (!rows.is_empty()).then(|| contact_sheet(&rows, SIDE))
}

fn framed(set: &LabelledSet, features: &Features, place: usize, shown: Shown) -> Picture {
    let mut buffer = Vec::new();
    let bytes = set.dataset.read(features.instances[place], &mut buffer).ok();
    let picture = bytes.and_then(|bytes| decode(bytes, 1).ok());
    let picture = picture.map(|picture| fit(&picture, SIDE - 2 * FRAME));
    shown.framed(picture.as_ref(), [SIDE, SIDE])
}

//! Finding videos of the same class (Wang et al. 2021, arXiv 2009.05769, section 4.2, and before them Xu et al. 2019).

use selfsame_core::Result;
use selfsame_core::eval;
use selfsame_image::eval::Shown;
use selfsame_image::picture::Picture;

use super::strip::{self, strip};
use super::{Features, Frozen, LabelledSet, Retrieved, Split};

/// Among how many first videos the class is looked for.
const AMONG: [usize; 5] = [1, 5, 10, 20, 50];

/// Neighbours in a row of the sheet.
const NEIGHBOURS: usize = 4;

/// Frames that are shown of a video, and the side of the square that each fits into, in pixels.
const FRAMES: usize = 4;
const SIDE: usize = 64;

/// Sides of a strip of frames with its border.
const CELL: [usize; 2] = [FRAMES * SIDE + 8, SIDE + 8];

/// Finds videos: the class of a query is looked for among the 1, 5, 10, 20 and 50 nearest; see [`eval::retrieval`].
///
/// # Errors
/// As [`eval::retrieval`].
pub fn retrieval(frozen: &Frozen) -> Result<Retrieved> {
    eval::retrieval(frozen, &AMONG)
}

/// So many queries, at even distances, each with its nearest videos in a row, as strips of frames: framed in green where they are of its class
/// and in red where not; nothing for no queries. A video that has become unreadable is left blank.
pub fn sheet(found: &Retrieved, split: &Split, frozen: &Frozen, queries: usize) -> Option<Picture> {
    let row = |query| {
        let neighbours = found.neighbours(frozen, query).take(NEIGHBOURS).map(|(place, is_right)| {
            let shown = if is_right { Shown::Right } else { Shown::Wrong };
            framed(&split.train, &frozen.train, place, shown)
        });
        let query = framed(&split.test, &frozen.test, query, Shown::Query);
        [query].into_iter().chain(neighbours).collect()
    };
    strip::sheet(&found.queries(queries).map(row).collect::<Vec<_>>())
}

fn framed(set: &LabelledSet, features: &Features, place: usize, shown: Shown) -> Picture {
    let frames = frames_of(set, features.instances[place]).unwrap_or_default();
    shown.framed(strip(&frames, SIDE).as_ref(), CELL)
}

/// Some frames of a video, from its beginning to its end.
fn frames_of(set: &LabelledSet, index: usize) -> Result<Vec<Picture>> {
    let video = set.dataset.video(index)?;
    let last = video.frames().saturating_sub(1);
    let wanted: Vec<usize> = (0..FRAMES).map(|at| at * last / (FRAMES - 1)).collect();
    let read = set.dataset.frames(index, &wanted, Some(video.size().shrunk_to(SIDE)))?;
    let picture =
        |at| Picture::new(read.size.width, read.size.height, read.frame(at).unwrap_or_default().to_vec());
    (0..read.frames).map(picture).collect()
}

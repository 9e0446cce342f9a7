//! Whether a place is recognised in another view of the same picture.

use std::sync::Arc;

use burn::tensor::Tensor;
use selfsame_core::host::values;
use selfsame_core::loss::unit;
use selfsame_core::{Error, Random, Result};
use serde::Serialize;

use super::DenseEncoder;
use crate::data::{BadFile, Dataset, PictureRender, ordered_batches};
use crate::picture::Picture;
use crate::view::preview::fit;
use crate::view::{Geometry, Pipeline, Recipe, Views};

/// Pictures that go through the network at once.
const BATCH: usize = 32;

/// Side of a view in the sheet and the distance between views, in pixels.
const SIDE: usize = 256;
const MARGIN: usize = 8;

/// Lines that are drawn between two views.
const LINES: usize = 16;

const RIGHT: [u8; 3] = [20, 200, 70];
const WRONG: [u8; 3] = [230, 40, 40];

/// How to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrespondenceConfig {
    /// The recipe of the two views.
    pub recipe: Recipe,
    /// What results call it.
    pub recipe_name: String,
    /// Side of the views in pixels; rounded to whole cells.
    pub image_size: usize,
    /// At most so many pictures, drawn at random.
    pub images: usize,
    /// Pairs of views that are shown.
    pub pictures: usize,
    /// Threads that read pictures.
    pub workers: usize,
    /// The seed of the choice and the views.
    pub seed: u64,
}

/// The result of [`correspondence`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CorrespondenceResult {
    /// `correspondence`.
    pub protocol: &'static str,
    /// Share of the cells whose nearest cell in the other view is the true one or one beside it.
    pub accuracy: f64,
    /// Share of the cells whose nearest cell in the other view is the true one.
    pub exact: f64,
    /// The accuracy of guessing.
    pub chance: f64,
    /// Cells that were asked about: those whose middle the other view shows.
    pub cells: usize,
    /// Cells in a row and in a column of a map.
    pub map_side: usize,
    /// Pictures, of which two views were made each.
    pub images: usize,
    /// Pictures that could not be used.
    pub skipped: usize,
    /// The recipe of the views.
    pub recipe: String,
    /// Side of the views in pixels.
    pub image_size: usize,
    /// The seed.
    pub seed: u64,
}

/// What [`correspondence`] found.
pub struct Correspondence {
    /// The numbers.
    pub result: CorrespondenceResult,
    /// Pairs of views with lines between cells and their nearest ones, green where they are right and red where not.
    pub sheet: Option<Picture>,
    /// Pictures that could not be used.
    pub bad_files: Vec<BadFile>,
}

/// Makes two random views of each picture, and asks for every cell of one view's map that lies in the other view too for the cell with the
/// most similar features (cosine) in all of the other map. That is right when it is the cell that shows the same place or one of the eight
/// around it. Both views ask.
///
/// # Errors
/// Settings that cannot be used, maps with a single cell, no usable picture, and features that are not finite.
pub fn correspondence(
    dataset: Arc<Dataset>,
    encoder: &DenseEncoder<'_>,
    config: &CorrespondenceConfig,
    progress: &dyn Fn(usize),
) -> Result<Correspondence> {
    encoder.scaling.check_side(config.image_size)?;
    if config.images == 0 {
        return Err(Error::config("correspondence in 0 pictures is none", "give more with --images"));
    }
    let side = encoder.scaling.size_of(config.image_size, config.image_size, config.image_size)[0];
    let pipeline = Pipeline {
        mean: encoder.scaling.mean,
        std: encoder.scaling.std,
        ..Pipeline::new(config.recipe, side, 2)?
    };
    let random = Random::new(config.seed).named("correspondence");
    let mut chosen = random.named("pictures").permutation(dataset.len());
    chosen.truncate(config.images);
    chosen.sort_unstable();
    let path = dataset.path().to_owned();
    let mut batches = ordered_batches(
        PictureRender::new(dataset, pipeline),
        chosen,
        BATCH,
        config.workers,
        random.named("views"),
    )?;
    let mut counts = Counts::default();
    let (mut rows, mut images, mut map_side) = (Vec::new(), 0, 0);
    for views in &mut batches {
        let views = views?;
        let [maps, others] = [0, 1].map(|view| (encoder.represent_map)(views.tensor(view, &encoder.device)));
        map_side = maps.dims()[2];
        let cells = map_side * map_side;
        let similarities = values(cosines(maps, others))?;
        if similarities.iter().any(|cosine| !cosine.is_finite()) {
            return Err(Error::diverged(
                "the maps hold numbers that are not finite",
                "the network has diverged; evaluate an earlier checkpoint",
            ));
        }
        for (place, similarities) in similarities.chunks_exact(cells * cells).enumerate() {
            let geometry = [0, 1].map(|view| views.geometry[view][place]);
            let matches = matches(similarities, geometry, map_side);
            counts.add(&matches, map_side);
            if rows.len() < config.pictures {
                rows.push(row(&pipeline, &views, place, &matches, map_side));
            }
            images += 1;
        }
        progress(images);
    }
    if counts.cells == 0 {
        return Err(Error::data(
            path,
            format!("of {images} pictures no two views show the same place"),
            "give more pictures, or a recipe with larger crops",
        ));
    }
    let share = |count: f64| count / counts.cells as f64;
    let bad_files = batches.bad_files();
    let result = CorrespondenceResult {
        protocol: "correspondence",
        accuracy: share(counts.near as f64),
        exact: share(counts.exact as f64),
        chance: share(counts.chance),
        cells: counts.cells,
        map_side,
        images,
        skipped: bad_files.len(),
        recipe: config.recipe_name.clone(),
        image_size: side,
        seed: config.seed,
    };
    Ok(Correspondence { result, sheet: stack(&rows), bad_files })
}

/// The cosines of all cells of two maps `[batch, features, rows, columns]`: `[batch, cells, cells]`.
fn cosines(maps: Tensor<4>, others: Tensor<4>) -> Tensor<3> {
    let units = |maps: Tensor<4>| {
        let [batch, features, rows, columns] = maps.dims();
        let cells = maps.permute([0, 2, 3, 1]).reshape([batch * rows * columns, features]);
        unit(cells).reshape([batch, rows * columns, features])
    };
    units(maps).matmul(units(others).swap_dims(1, 2))
}

/// What a cell found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    /// Which of the two views asked.
    view: usize,
    /// The cell that asked, the true one and the nearest one in the other view: row and column each.
    cell: [usize; 2],
    truth: [usize; 2],
    found: [usize; 2],
}

impl Match {
    /// By how many cells it is wrong, in the direction that is worse.
    fn error(&self) -> usize {
        self.truth[0].abs_diff(self.found[0]).max(self.truth[1].abs_diff(self.found[1]))
    }
}

/// The matches of all cells whose middle the other view shows. `similarities` has a row for each cell of the first view.
fn matches(similarities: &[f32], geometry: [Geometry; 2], side: usize) -> Vec<Match> {
    let cells = side * side;
    let place = |cell: usize| [cell / side, cell % side];
    let mut matches = Vec::new();
    for view in 0..2 {
        let (own, other) = (geometry[view], geometry[1 - view]);
        for cell in 0..cells {
            let [row, column] = place(cell);
            // One cell is one unit long.
            let middle = [column as f32 + 0.5, row as f32 + 0.5];
            let [x, y] = other.source_to_view(own.view_to_source(middle, side), side);
            let length = side as f32;
            if !(0.0..length).contains(&x) || !(0.0..length).contains(&y) {
                continue;
            }
            let near = |other: usize| match view {
                0 => similarities[cell * cells + other],
                _ => similarities[other * cells + cell],
            };
            let nearest =
                (1..cells).fold(0, |best, other| if near(other) > near(best) { other } else { best });
            let truth = [y as usize, x as usize];
            matches.push(Match { view, cell: place(cell), truth, found: place(nearest) });
        }
    }
    matches
}

#[derive(Default)]
struct Counts {
    cells: usize,
    near: usize,
    exact: usize,
    /// The sum of the cells' chances to be right by guessing.
    chance: f64,
}

impl Counts {
    fn add(&mut self, matches: &[Match], side: usize) {
        let around = |place: usize| (place + 1).min(side - 1) - place.saturating_sub(1) + 1;
        for found in matches {
            self.cells += 1;
            self.near += usize::from(found.error() <= 1);
            self.exact += usize::from(found.error() == 0);
            self.chance += (around(found.truth[0]) * around(found.truth[1])) as f64 / (side * side) as f64;
        }
    }
}

/// The two views of a picture side by side, with lines from some cells of the first to what they found in the second.
fn row(pipeline: &Pipeline, views: &Views, place: usize, matches: &[Match], side: usize) -> Picture {
    let mut row = Picture::filled(2 * SIDE + MARGIN, SIDE, [255; 3]);
    for (view, pixels) in views.pixels.iter().enumerate() {
        let length = pipeline.view_len();
        let picture = pipeline.to_picture(&pixels[place * length..][..length]);
        row.paste(&fit(&picture, SIDE), view * (SIDE + MARGIN), 0);
    }
    let asked: Vec<_> = matches.iter().filter(|found| found.view == 0).collect();
    let shown = asked.len().min(LINES);
    for number in 0..shown {
        let found = asked[number * asked.len() / shown];
        let colour = if found.error() <= 1 { RIGHT } else { WRONG };
        let middle = |cell: [usize; 2]| cell.map(|place| (2 * place + 1) * SIDE / (2 * side));
        let ([y0, x0], [y1, x1]) = (middle(found.cell), middle(found.found));
        row.line([x0, y0], [SIDE + MARGIN + x1, y1], colour);
    }
    row
}

/// The rows one below the other; nothing when there are none.
fn stack(rows: &[Picture]) -> Option<Picture> {
    let width = rows.first()?.width;
    let mut sheet = Picture::filled(width + 2 * MARGIN, rows.len() * (SIDE + MARGIN) + MARGIN, [255; 3]);
    for (number, row) in rows.iter().enumerate() {
        sheet.paste(row, MARGIN, MARGIN + number * (SIDE + MARGIN));
    }
    Some(sheet)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

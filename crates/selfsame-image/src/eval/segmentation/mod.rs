//! The class of every pixel, told by a linear classifier from the frozen map.

mod overlay;
mod pairs;
mod reading;
mod score;

pub use pairs::{Pair, Pairs};
pub use score::Confusion;

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use selfsame_core::probe::{Labelled, LinearConfig, LinearProbe};
use selfsame_core::{Error, Result};
use serde::Serialize;

use super::DenseEncoder;
use crate::data::BadFile;
use crate::picture::Picture;
use crate::view::preview::contact_sheet;
use reading::{BLOCK, Reading};

/// Longer side of the pictures in the sheet, in pixels.
const SHOWN: usize = 320;

/// How to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentationConfig {
    /// The shorter side of the pictures as the network sees them, in pixels.
    pub image_size: usize,
    /// The number that stands for pixels without a class.
    pub void: u8,
    /// Number of classes; by default one more than the highest number in the training labels that is not void.
    pub classes: Option<usize>,
    /// Labelled pixels of each training picture that the classifier learns from.
    pub pixels: usize,
    /// How the classifier is fitted.
    pub probe: LinearConfig,
    /// Test pictures that are shown with truth and prediction.
    pub pictures: usize,
    /// Threads that read pictures.
    pub workers: usize,
    /// The seed of every random choice.
    pub seed: u64,
}

impl Default for SegmentationConfig {
    fn default() -> Self {
        Self {
            image_size: 256,
            void: 255,
            classes: None,
            pixels: 256,
            probe: LinearConfig { epochs: 30, ..LinearConfig::default() },
            pictures: 8,
            workers: 1,
            seed: 0,
        }
    }
}

/// The result of [`segmentation`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentationResult {
    /// `segmentation`.
    pub protocol: &'static str,
    /// The mean of the classes' intersections over unions, over those that occur or were guessed.
    pub miou: f64,
    /// Share of the pixels that are not void whose class was told.
    pub pixel_accuracy: f64,
    /// Intersection over union of each class; nothing for one that neither occurs in the test set nor was guessed.
    pub iou: Vec<Option<f64>>,
    /// Number of classes.
    pub classes: usize,
    /// The number of pixels without a class.
    pub void: u8,
    /// The shorter side of the pictures as the network saw them, in pixels.
    pub image_size: usize,
    /// Pixels that the classifier learned from.
    pub train_pixels: usize,
    /// Pixels that it was asked about.
    pub test_pixels: u64,
    /// The learning rate that was chosen.
    pub lr: f64,
    /// Every learning rate and its share of right pixels on the tenth of the training pictures that chose it.
    pub held_out: Vec<(f64, f64)>,
    /// Pictures that were learned from.
    pub train_images: usize,
    /// Pictures that were asked about.
    pub test_images: usize,
    /// Pictures that could not be used.
    pub skipped: usize,
    /// The two folders.
    pub split: String,
    /// The seed.
    pub seed: u64,
}

/// What [`segmentation`] found.
pub struct Segmentation {
    /// The numbers.
    pub result: SegmentationResult,
    /// Test pictures, their truth and the prediction, a row each, if any were asked for.
    pub sheet: Option<Picture>,
    /// Pictures that could not be used.
    pub bad_files: Vec<BadFile>,
}

/// Fits a linear classifier (a 1×1 convolution) to the frozen map, and measures it on the pixels of the test set.
///
/// Pictures are shown whole. A pixel's features are the map's, bilinearly between the centres of cells. The classifier learns from the same
/// number of random labelled pixels of each training picture, and its learning rate is chosen on a tenth of the training *pictures*. Its
/// scores are interpolated bilinearly to the size of the test labels, which is the same as classifying every pixel's interpolated
/// features; the highest wins. `progress` is told how many pictures are done, of both sets together.
///
/// # Errors
/// Settings that cannot be used, labels that cannot be read, are of another size than their picture or have unknown classes, and data
/// without two classes.
pub fn segmentation(
    train: &Pairs,
    test: &Pairs,
    encoder: &DenseEncoder<'_>,
    config: &SegmentationConfig,
    progress: &dyn Fn(usize),
) -> Result<Segmentation> {
    let probing = Probing { encoder, reading: Reading::new(encoder.scaling, config)? };
    let classes = probing.reading.classes(train)?;
    let learned = probing.learn(train, classes, progress)?;
    let tested = probing.test(test, classes, &learned.probe, train.pairs.len(), progress)?;
    let bad_files: Vec<_> = learned.bad_files.into_iter().chain(tested.bad_files).collect();
    let result = SegmentationResult {
        protocol: "segmentation",
        miou: tested.confusion.mean_iou(),
        pixel_accuracy: tested.confusion.accuracy(),
        iou: tested.confusion.iou(),
        classes,
        void: config.void,
        image_size: config.image_size,
        train_pixels: learned.pixels,
        test_pixels: tested.confusion.pixels(),
        lr: learned.probe.lr,
        held_out: learned.probe.held_out,
        train_images: learned.images,
        test_images: tested.images,
        skipped: bad_files.len(),
        split: format!("train: {}, test: {}", train.folder.display(), test.folder.display()),
        seed: config.seed,
    };
    let sheet = (!tested.rows.is_empty()).then(|| contact_sheet(&tested.rows, SHOWN));
    Ok(Segmentation { result, sheet, bad_files })
}

struct Probing<'a> {
    encoder: &'a DenseEncoder<'a>,
    reading: Reading<'a>,
}

/// The classifier, and what it learned from.
struct Learned {
    probe: LinearProbe,
    images: usize,
    pixels: usize,
    bad_files: Vec<BadFile>,
}

struct Tested {
    confusion: Confusion,
    images: usize,
    rows: Vec<(Picture, Vec<Picture>)>,
    bad_files: Vec<BadFile>,
}

impl Probing<'_> {
    /// Fits the classifier.
    fn learn(&self, train: &Pairs, classes: usize, progress: &dyn Fn(usize)) -> Result<Learned> {
        let reading = &self.reading;
        let (mut features, mut labels, mut bad_files) = (Vec::new(), Vec::new(), Vec::new());
        // For each pixel that is learned from, the place of its picture among the usable ones.
        let mut owners: Vec<usize> = Vec::new();
        let mut images = 0;
        for first in (0..train.pairs.len()).step_by(BLOCK) {
            let (usable, scaled) = reading.block(train, first, classes, &mut bad_files)?;
            let maps = self.encoder.maps(&scaled, &|map| map)?;
            let drawn: Vec<_> =
                usable.par_iter().zip(&maps).map(|(usable, map)| reading.draw(usable, map)).collect();
            for (values, ids) in drawn {
                features.extend(values);
                owners.extend(vec![images; ids.len()]);
                labels.extend(ids);
                images += 1;
            }
            progress((first + BLOCK).min(train.pairs.len()));
        }
        let mut present = labels.clone();
        present.sort_unstable();
        present.dedup();
        if present.len() < 2 {
            let what = format!(
                "of {images} usable pictures the labels tell no two classes apart (void is {})",
                reading.config.void
            );
            return Err(Error::data(&train.folder, what, "label pixels of at least two classes"));
        }
        let pixels = labels.len();
        let shape = [pixels, features.len() / pixels];
        let features = Tensor::from_data(TensorData::new(features, shape), &self.encoder.device);
        let (chooses, fitted) = reading.held_out(&owners, images);
        let random = reading.random.named("probe");
        let labelled = Labelled { features, labels };
        let probe = LinearProbe::fit(&labelled, (&chooses, &fitted), &reading.config.probe, &random)?;
        Ok(Learned { probe, images, pixels, bad_files })
    }

    /// Measures the classifier on every pixel of the test set.
    fn test(
        &self,
        test: &Pairs,
        classes: usize,
        probe: &LinearProbe,
        done: usize,
        progress: &dyn Fn(usize),
    ) -> Result<Tested> {
        let reading = &self.reading;
        let mut tested =
            Tested { confusion: Confusion::new(classes), images: 0, rows: Vec::new(), bad_files: Vec::new() };
        let shown = evenly(test.pairs.len(), reading.config.pictures);
        let scores = |cells: Tensor<4>| {
            let [batch, rows, columns, features] = cells.dims();
            let scores = probe.scores(&cells.reshape([batch * rows * columns, features]));
            let classes = scores.dims()[1];
            scores.reshape([batch, rows, columns, classes])
        };
        for first in (0..test.pairs.len()).step_by(BLOCK) {
            let (usable, scaled) = reading.block(test, first, classes, &mut tested.bad_files)?;
            let maps = self.encoder.maps(&scaled, &scores)?;
            if maps.iter().any(|map| map.cells.iter().any(|score| !score.is_finite())) {
                return Err(Error::diverged(
                    "the maps of test pictures hold numbers that are not finite",
                    "the network has diverged; evaluate an earlier checkpoint",
                ));
            }
            let measured: Vec<_> = usable
                .par_iter()
                .zip(&maps)
                .map(|(usable, map)| {
                    let truth = &usable.opened.labels;
                    let prediction = map.highest(truth.height, truth.width);
                    let mut confusion = Confusion::new(classes);
                    confusion.count(&truth.ids, &prediction, reading.config.void);
                    let row = shown.contains(&usable.pair).then(|| reading.row(&usable.opened, &prediction));
                    (confusion, row.flatten())
                })
                .collect();
            for (confusion, row) in measured {
                tested.confusion.add(&confusion);
                tested.images += 1;
                tested.rows.extend(row);
            }
            progress(done + (first + BLOCK).min(test.pairs.len()));
        }
        if tested.confusion.pixels() == 0 {
            let what = format!("none of its {} usable pictures has a labelled pixel", tested.images);
            return Err(Error::data(
                &test.folder,
                what,
                "check the labels, and the number given with --void",
            ));
        }
        Ok(tested)
    }
}

/// So many numbers below `count`, at even distances.
fn evenly(count: usize, wanted: usize) -> Vec<usize> {
    let wanted = wanted.min(count);
    (0..wanted).map(|place| place * count / wanted).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

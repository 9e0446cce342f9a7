//! What the protocol reads, and what it draws by chance: all that is done by several threads.

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result};

use super::super::dense::{Axis, Map, Scaled, Scaling};
use super::pairs::Opened;
use super::{Pair, Pairs, SegmentationConfig, overlay};
use crate::data::BadFile;
use crate::picture::Picture;

/// Pairs that are read at once.
pub const BLOCK: usize = 16;

/// A pair that can be used.
pub struct Usable {
    /// Its number.
    pub pair: usize,
    pub opened: Opened,
}

/// How pairs are read.
pub struct Reading<'a> {
    pub scaling: Scaling,
    pub config: &'a SegmentationConfig,
    pub random: Random,
    pool: rayon::ThreadPool,
}

impl<'a> Reading<'a> {
    pub fn new(scaling: Scaling, config: &'a SegmentationConfig) -> Result<Self> {
        scaling.check_side(config.image_size)?;
        if config.pixels == 0 {
            return Err(Error::config(
                "the classifier would learn from 0 pixels of each picture",
                "256 are usual; give another number with --pixels",
            ));
        }
        if config.classes.is_some_and(|classes| !(2..=256).contains(&classes)) {
            return Err(Error::config(
                format!("{} classes cannot be told apart", config.classes.unwrap_or_default()),
                "give a number from 2 to 256 with --classes, or leave it out",
            ));
        }
        let workers = config.workers.max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build();
        let pool = pool
            .map_err(|error| Error::Internal(format!("cannot start {workers} threads that read: {error}")))?;
        Ok(Self { scaling, config, random: Random::new(config.seed).named("segmentation"), pool })
    }

    /// The number of classes: as told, or from the training labels.
    pub fn classes(&self, train: &Pairs) -> Result<usize> {
        if let Some(classes) = self.config.classes {
            return Ok(classes);
        }
        let void = self.config.void;
        let highest = |pair: &Pair| -> Result<Option<u8>> {
            Ok(pair.labels()?.ids.into_iter().filter(|&id| id != void).max())
        };
        let highest = self.of_all(&train.pairs, highest)?;
        let classes = highest.into_iter().flatten().max().map_or(0, |highest| usize::from(highest) + 1);
        if classes < 2 {
            let what = format!("the labels tell no two classes apart (void is {void})");
            return Err(Error::data(&train.folder, what, "label pixels of at least two classes, 0 and 1"));
        }
        Ok(classes)
    }

    /// What `of` makes of every pair, or the error of the first that fails: the first in order, whichever thread is ahead, so that a folder with two mistakes tells the same one every time.
    fn of_all<T: Send>(
        &self,
        pairs: &[Pair],
        of: impl Fn(&Pair) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        let made: Vec<Result<T>> = self.pool.install(|| pairs.par_iter().map(of).collect());
        made.into_iter().collect()
    }

    /// Opens and scales a block of pairs; those whose picture cannot be used are noted.
    pub fn block(
        &self,
        set: &Pairs,
        first: usize,
        classes: usize,
        bad_files: &mut Vec<BadFile>,
    ) -> Result<(Vec<Usable>, Vec<Scaled>)> {
        let pairs = &set.pairs[first..set.pairs.len().min(first + BLOCK)];
        let side = self.config.image_size;
        let open = |pair: &Pair| -> Result<Result<(Opened, Scaled), String>> {
            let opened = match pair.open(classes, self.config.void)? {
                Ok(opened) => opened,
                Err(reason) => return Ok(Err(reason)),
            };
            let size = self.scaling.size_of(opened.labels.height, opened.labels.width, side);
            Ok(opened.picture(side).map(|picture| (opened, self.scaling.scale(&picture, size))))
        };
        let opened = self.of_all(pairs, open)?;
        let (mut usable, mut scaled) = (Vec::new(), Vec::new());
        for (pair, opened) in (first..).zip(opened) {
            match opened {
                Ok((opened, image)) => {
                    usable.push(Usable { pair, opened });
                    scaled.push(image);
                }
                Err(reason) => {
                    let name = set.pairs[pair].image.display().to_string();
                    tracing::warn!("left out {name}: {reason}");
                    bad_files.push(BadFile { name, reason });
                }
            }
        }
        Ok((usable, scaled))
    }

    /// The features and classes of random labelled pixels of a picture.
    pub fn draw(&self, usable: &Usable, map: &Map) -> (Vec<f32>, Vec<usize>) {
        let labels = &usable.opened.labels;
        let known =
            (0..labels.ids.len() as u32).filter(|&place| labels.ids[place as usize] != self.config.void);
        let mut known: Vec<u32> = known.collect();
        let mut random = self.random.named("pixels").at(usable.pair as u64);
        let count = self.config.pixels.min(known.len());
        for place in 0..count {
            let other = place + random.below(known.len() - place);
            known.swap(place, other);
        }
        let (vertical, horizontal) =
            (Axis::new(labels.height, map.rows), Axis::new(labels.width, map.columns));
        let (mut features, mut classes) = (Vec::new(), Vec::new());
        for &place in &known[..count] {
            let place = place as usize;
            let (row, column) = (place / labels.width, place % labels.width);
            features.extend(map.at((&vertical, row), (&horizontal, column)));
            classes.push(usize::from(labels.ids[place]));
        }
        (features, classes)
    }

    /// The pixels of a random tenth of the pictures, and the others; of a single picture, a tenth of its pixels.
    pub fn held_out(&self, owners: &[usize], images: usize) -> (Vec<usize>, Vec<usize>) {
        let random = self.random.named("held out");
        let tenth = |of: usize| {
            let mut chosen = vec![false; of];
            for place in random.clone().permutation(of).into_iter().take((of / 10).max(1)) {
                chosen[place] = true;
            }
            chosen
        };
        let by_image = tenth(images);
        let (chooses, fitted): (Vec<usize>, Vec<usize>) =
            (0..owners.len()).partition(|&pixel| by_image[owners[pixel]]);
        if !chooses.is_empty() && !fitted.is_empty() {
            return (chooses, fitted);
        }
        let by_pixel = tenth(owners.len());
        (0..owners.len()).partition(|&pixel| by_pixel[pixel])
    }

    /// A test picture, its truth and its prediction.
    pub fn row(&self, opened: &Opened, prediction: &[u8]) -> Option<(Picture, Vec<Picture>)> {
        let picture = opened.picture(opened.labels.height.min(opened.labels.width)).ok()?;
        let void = self.config.void;
        let painted = [&opened.labels.ids[..], prediction].map(|ids| overlay::paint(&picture, ids, void));
        Some((picture, painted.to_vec()))
    }
}

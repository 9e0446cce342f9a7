//! kNN while a network trains: quick, on a sample, the same one every time.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use selfsame_core::probe::KnnConfig;
use selfsame_core::{Random, Result};

use super::{Extraction, Split, knn};
use crate::data::{VideoFolder, VideoFolderOptions};
use crate::view::ClipTime;

/// About how many videos vote and are asked about.
const SAMPLE: (usize, usize) = (500, 200);

/// Clips of a video: fewer than where it counts.
const FEW: usize = 2;

/// Measures a network by kNN on a sample of labelled videos.
pub struct OnlineKnn {
    split: Split,
    time: ClipTime,
    side: usize,
    workers: usize,
}

impl OnlineKnn {
    /// On the labelled videos at `eval`; if that is empty, on `training` with every fifth video of a class asked about, where it has classes
    /// enough, and else on nothing. Of many videos a sample is used, the same share of every class.
    ///
    /// # Errors
    /// When `eval` is given and cannot be used.
    pub fn open(
        eval: &str,
        training: Arc<VideoFolder>,
        (time, side): (ClipTime, usize),
        workers: usize,
    ) -> Result<Option<Self>> {
        let split = match eval {
            // Most training data has no labels, which is no mistake.
            "" => Split::held_out(training).ok(),
            path => Some(Split::open(Path::new(path), &VideoFolderOptions::default())?),
        };
        let sample = |split: Split| split.at_most(SAMPLE.0, SAMPLE.1, &Random::new(0).named("online knn"));
        Ok(split.map(|split| Self { split: sample(split), time, side, workers }))
    }

    /// The share of the videos that kNN (k 20, temperature 0.07) classifies rightly. `represent` takes clips
    /// `[batch, 3, frames, side, side]` on `device` to frozen representations `[batch, features]`.
    ///
    /// # Errors
    /// When no video can be read, or the representations are not finite.
    pub fn measure(&self, device: &Device, represent: &dyn Fn(Tensor<5>) -> Tensor<2>) -> Result<f64> {
        let extraction = Extraction {
            time: self.time,
            side: self.side,
            clips: FEW,
            device: device.clone(),
            workers: self.workers,
            represent,
            progress: &|_| (),
        };
        let frozen = extraction.frozen(&self.split)?;
        Ok(knn(&frozen, &KnnConfig { k: 20, temperature: 0.07 })?.top1)
    }
}

//! kNN while a network trains: quick, on a sample, the same one every time.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use selfsame_core::probe::KnnConfig;
use selfsame_core::{Random, Result};

use super::{Extraction, Split, knn};
use crate::data::{Dataset, OpenOptions};
use crate::view::Pipeline;
use crate::view::recipe::EVALUATION;

/// About how many pictures vote and are asked about.
const SAMPLE: (usize, usize) = (2000, 500);

/// Measures a network by kNN on a sample of labelled pictures.
pub struct OnlineKnn {
    split: Split,
    pipeline: Pipeline,
    workers: usize,
}

impl OnlineKnn {
    /// On the labelled pictures at `eval`; if that is empty, on `training` with every fifth picture of a
    /// class asked about, where it has classes enough, and else on nothing. Of many pictures a sample is
    /// used, the same share of every class.
    ///
    /// # Errors
    /// When `eval` is given and cannot be used.
    pub fn open(eval: &str, training: Arc<Dataset>, side: usize, workers: usize) -> Result<Option<Self>> {
        let split = match eval {
            // Most training data has no labels, which is no mistake.
            "" => Split::held_out(training).ok(),
            path => Some(Split::open(Path::new(path), &OpenOptions::default())?),
        };
        let pipeline = Pipeline::new(EVALUATION, side, 1)?;
        let sample = |split: Split| split.at_most(SAMPLE.0, SAMPLE.1, &Random::new(0).named("online knn"));
        Ok(split.map(|split| Self { split: sample(split), pipeline, workers }))
    }

    /// The share of the pictures that kNN (k 20, temperature 0.07) classifies rightly. `represent` takes
    /// images `[batch, 3, side, side]` on `device` to frozen representations `[batch, features]`.
    ///
    /// # Errors
    /// When no picture can be read, or the representations are not finite.
    pub fn measure(&self, device: &Device, represent: &dyn Fn(Tensor<4>) -> Tensor<2>) -> Result<f64> {
        let extraction = Extraction {
            pipeline: self.pipeline,
            device: device.clone(),
            workers: self.workers,
            represent,
            progress: &|_| (),
        };
        let frozen = extraction.frozen(&self.split)?;
        Ok(knn(&frozen, &KnnConfig { k: 20, temperature: 0.07 })?.top1)
    }
}

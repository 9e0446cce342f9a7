//! Representations of labelled pictures by a frozen network.

use burn::tensor::{Device, Tensor};
use selfsame_core::Result;
use selfsame_core::eval::{Features, Frozen};

use super::{LabelledSet, Split};
use crate::data::evaluation_batches;
use crate::view::{Pipeline, Views};

/// Pictures that go through the network at once.
const BATCH: usize = 128;

/// How representations are computed.
pub struct Extraction<'a> {
    /// How pictures are shown to the network.
    pub pipeline: Pipeline,
    /// Where the network is; without gradients.
    pub device: Device,
    /// Threads that read pictures.
    pub workers: usize,
    /// The frozen network: images `[batch, 3, side, side]` to representations `[batch, features]`.
    pub represent: &'a dyn Fn(Tensor<4>) -> Tensor<2>,
    /// Told after every batch how many pictures are done, of both sides of a split together.
    pub progress: &'a dyn Fn(usize),
}

impl Extraction<'_> {
    /// The representations of a set, in its order, without the pictures that cannot be used.
    ///
    /// # Errors
    /// When no picture can be used, or the device fails.
    pub fn features(&self, set: &LabelledSet) -> Result<Features> {
        self.features_after(0, set)
    }

    /// The representations of both sides of a split.
    ///
    /// # Errors
    /// As [`features`](Self::features).
    pub fn frozen(&self, split: &Split) -> Result<Frozen> {
        Frozen::of(split, |set, done| self.features_after(done, set))
    }

    /// As [`features`](Self::features), with `done` pictures before these.
    fn features_after(&self, done: usize, set: &LabelledSet) -> Result<Features> {
        let (dataset, pipeline) = (set.dataset.clone(), self.pipeline);
        let batches = evaluation_batches(dataset, set.instances.clone(), pipeline, BATCH, self.workers)?;
        let represent = |views: &Views| Ok((self.represent)(views.tensor(0, &self.device)));
        Features::of(set, batches, &self.device, &represent, &|count| (self.progress)(done + count))
    }
}

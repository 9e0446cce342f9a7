//! Representations of videos by a frozen network.

use burn::tensor::{Device, Tensor};
use selfsame_core::eval::{Features, Frozen};
use selfsame_core::{Error, Result};

use super::{LabelledSet, Split};
use crate::data::evaluation_batches;
use crate::view::{ClipTime, ClipViews};

/// Clips of a video, as the papers have them.
pub const CLIPS: usize = 10;

/// How representations are computed.
pub struct Extraction<'a> {
    /// How clips lie in time.
    pub time: ClipTime,
    /// Their height and width in pixels.
    pub side: usize,
    /// Clips of a video, over which the mean is taken: [`CLIPS`].
    pub clips: usize,
    /// Where the network is; without gradients.
    pub device: Device,
    /// Threads that read videos.
    pub workers: usize,
    /// The frozen network: clips `[batch, 3, frames, side, side]` to representations `[batch, features]`.
    pub represent: &'a dyn Fn(Tensor<5>) -> Tensor<2>,
    /// Told after every batch how many videos are done, of both sides of a split together.
    pub progress: &'a dyn Fn(usize),
}

impl Extraction<'_> {
    /// The representations of a set, in its order, without the videos that cannot be used.
    ///
    /// # Errors
    /// When no video can be used, or the device fails.
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

    /// As [`features`](Self::features), with `done` videos before these.
    fn features_after(&self, done: usize, set: &LabelledSet) -> Result<Features> {
        let (folder, videos) = (set.dataset.clone(), set.instances.clone());
        let batches = evaluation_batches(folder, videos, (self.time, self.side), self.clips, self.workers)?;
        let mean = |views: &ClipViews| self.mean(views);
        Features::of(set, batches, &self.device, &mean, &|count| (self.progress)(done + count))
    }

    /// The representations of the videos of a batch, `[batch, features]`: the mean over their clips.
    ///
    /// # Errors
    /// [`Error::Internal`] when they have no clips.
    pub fn mean(&self, views: &ClipViews) -> Result<Tensor<2>> {
        let clips = (0..views.clips.len()).map(|clip| (self.represent)(views.tensor(clip, &self.device)));
        let sum = clips.reduce(|sum, representation| sum + representation);
        let sum = sum.ok_or_else(|| Error::Internal("videos without clips".into()))?;
        Ok(sum / views.clips.len() as f64)
    }
}

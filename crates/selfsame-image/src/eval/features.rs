//! Representations of labelled pictures by a frozen network.

use burn::tensor::{Device, Tensor, TensorData};
use selfsame_core::probe::Labelled;
use selfsame_core::{Error, Result};
use serde::Serialize;

use super::{LabelledSet, Split};
use crate::data::{BadFile, evaluation_batches};
use crate::view::Pipeline;

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

/// Representations and labels.
#[derive(Clone, Debug)]
pub struct Features {
    /// `[instances, features]` on the network's device, and the classes.
    pub labelled: Labelled,
    /// Names of the pictures.
    pub names: Vec<String>,
    /// Numbers of the pictures in their data set.
    pub instances: Vec<usize>,
    /// Pictures that could not be used.
    pub bad_files: Vec<BadFile>,
}

impl Extraction<'_> {
    /// The representations of a set, in its order, without the pictures that cannot be used.
    ///
    /// # Errors
    /// When no picture can be used, or the device fails.
    pub fn features(&self, set: &LabelledSet) -> Result<Features> {
        self.features_after(0, set)
    }

    /// As [`features`](Self::features), with `done` pictures before these.
    fn features_after(&self, done: usize, set: &LabelledSet) -> Result<Features> {
        let (dataset, pipeline) = (set.dataset.clone(), self.pipeline);
        let mut batches = evaluation_batches(dataset, set.instances.clone(), pipeline, BATCH, self.workers)?;
        // Blocks are read back as they come, so that the device holds one at a time.
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        let (mut names, mut instances) = (Vec::new(), Vec::new());
        for views in &mut batches {
            let views = views?;
            let representations = (self.represent)(views.tensor(0, &self.device));
            values.extend(host(representations)?);
            labels.extend(views.instances.iter().filter_map(|&instance| set.label(instance)));
            names.extend(views.instances.iter().map(|&instance| set.dataset.name(instance)));
            instances.extend(&views.instances);
            (self.progress)(done + names.len());
        }
        let shape = [labels.len(), values.len() / labels.len().max(1)];
        let features = Tensor::from_data(TensorData::new(values, shape), &self.device);
        let labelled = Labelled { features, labels };
        Ok(Features { labelled, names, instances, bad_files: batches.bad_files() })
    }
}

/// The representations of both sides of a split.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// To learn from.
    pub train: Features,
    /// To be asked about.
    pub test: Features,
    /// What they are of.
    pub measured: Measured,
}

/// On what a result was measured; part of every result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Number of classes.
    pub classes: usize,
    /// Pictures that were learned from.
    pub train_images: usize,
    /// Pictures that were asked about.
    pub test_images: usize,
    /// Pictures that could not be used.
    pub skipped: usize,
    /// How the two sets came about.
    pub split: String,
}

impl Frozen {
    /// Computes the representations of both sides.
    ///
    /// # Errors
    /// As [`Extraction::features`].
    pub fn of(split: &Split, extraction: &Extraction<'_>) -> Result<Self> {
        let train = extraction.features(&split.train)?;
        let test = extraction.features_after(train.names.len(), &split.test)?;
        let measured = Measured {
            classes: split.classes.len(),
            train_images: train.names.len(),
            test_images: test.names.len(),
            skipped: train.bad_files.len() + test.bad_files.len(),
            split: split.how.clone(),
        };
        Ok(Self { train, test, measured })
    }
}

/// The numbers of a tensor, row by row.
pub(super) fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor.try_into_vec_as().map_err(|error| {
        Error::device(
            format!("the device does not hand out its results: {error}"),
            "try a smaller network, or --device cpu",
        )
    })
}

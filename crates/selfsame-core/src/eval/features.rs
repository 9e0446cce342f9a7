//! Representations of labelled instances by a frozen network.

use burn::tensor::{Device, Tensor, TensorData};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{LabelledSet, Split};
use crate::Result;
use crate::data::{BadFile, Batch, Instances, OrderedBatches, Render};
use crate::host;
use crate::probe::Labelled;

/// Representations and labels.
#[derive(Clone, Debug)]
pub struct Features {
    /// `[instances, features]` on the network's device, and the classes.
    pub labelled: Labelled,
    /// Names of the instances.
    pub names: Vec<String>,
    /// Numbers of the instances in their data set.
    pub instances: Vec<usize>,
    /// Files that could not be used.
    pub bad_files: Vec<BadFile>,
}

impl Features {
    /// The representations that `represent` makes of `batches` of a set, `[batch, features]` each. `progress` is told after every batch how
    /// many instances are done.
    ///
    /// # Errors
    /// When no instance can be used, or the device fails.
    pub fn of<R: Render>(
        set: &LabelledSet<R::Data>,
        mut batches: OrderedBatches<R>,
        device: &Device,
        represent: &dyn Fn(&R::Batch) -> Result<Tensor<2>>,
        progress: &dyn Fn(usize),
    ) -> Result<Self> {
        // Blocks are read back as they come, so that the device holds one at a time.
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        let (mut names, mut instances) = (Vec::new(), Vec::new());
        for batch in &mut batches {
            let batch = batch?;
            values.extend(host::values(represent(&batch)?)?);
            labels.extend(batch.instances().iter().filter_map(|&instance| set.label(instance)));
            names.extend(batch.instances().iter().map(|&instance| set.dataset.name(instance)));
            instances.extend(batch.instances());
            progress(names.len());
        }
        let shape = [labels.len(), values.len() / labels.len().max(1)];
        let features = Tensor::from_data(TensorData::new(values, shape), device);
        let labelled = Labelled { features, labels };
        Ok(Self { labelled, names, instances, bad_files: batches.bad_files() })
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

/// On what a result was measured; part of every result, with the names of instances in its fields: `train_images`.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Number of classes.
    pub classes: usize,
    /// What instances are called: `images`.
    pub instances: &'static str,
    /// Instances that were learned from.
    pub train: usize,
    /// Instances that were asked about.
    pub test: usize,
    /// Files that could not be used.
    pub skipped: usize,
    /// How the two sets came about.
    pub split: String,
}

impl Serialize for Measured {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("classes", &self.classes)?;
        map.serialize_entry(&format!("train_{}", self.instances), &self.train)?;
        map.serialize_entry(&format!("test_{}", self.instances), &self.test)?;
        map.serialize_entry("skipped", &self.skipped)?;
        map.serialize_entry("split", &self.split)?;
        map.end()
    }
}

impl Frozen {
    /// The representations of both sides of a split. `features` makes those of a side; it is told how many instances came before.
    ///
    /// # Errors
    /// Those of `features`.
    pub fn of<D: Instances>(
        split: &Split<D>,
        features: impl Fn(&LabelledSet<D>, usize) -> Result<Features>,
    ) -> Result<Self> {
        let train = features(&split.train, 0)?;
        let test = features(&split.test, train.names.len())?;
        let measured = Measured {
            classes: split.classes.len(),
            instances: D::FIELD,
            train: train.names.len(),
            test: test.names.len(),
            skipped: train.bad_files.len() + test.bad_files.len(),
            split: split.how.clone(),
        };
        Ok(Self { train, test, measured })
    }
}

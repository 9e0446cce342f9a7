//! A run that is opened for what it has learned.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::modality::{About, Modality};
use super::settings::read_settings;
use crate::method::Method;
use crate::run::{RunFolder, RunRecord};
use crate::settings::Resolved;
use crate::train::{Progress, restore};
use crate::{Error, Result, checkpoint};

/// Fields of results that are kept under a name of their own, `knn_top1`, beside the whole result.
const HEADLINES: [&str; 14] = [
    "top1",
    "miou",
    "accuracy",
    "r@1",
    "map",
    "recall@20",
    "ndcg@20",
    "mean_return",
    "iqm",
    "human_normalised",
    "features_r2",
    "phi_r2",
    "discriminator_accuracy",
    "discriminator_area",
];

/// Which weights of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Those of a checkpoint: `last`, `best` or `epoch-0010`.
    Checkpoint(String),
    /// Those it began with, before any step.
    Untrained,
}

/// A run, without the network.
#[derive(Debug)]
pub struct StoredRun {
    /// The run's folder.
    pub folder: RunFolder,
    /// What the run says of itself.
    pub record: RunRecord,
    /// Its settings.
    pub settings: Resolved,
    /// Its method.
    pub method: About,
    /// The steps that led to the weights that were last restored.
    pub steps: usize,
}

impl StoredRun {
    /// The run in `path`, which must be of this modality.
    ///
    /// # Errors
    /// A folder that is no such run (exit code 3).
    pub fn open(path: impl AsRef<Path>, modality: &'static Modality) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let record = folder.record()?;
        if (modality.methods)().iter().all(|method| method.name != record.method) {
            let what = format!(
                "this run was trained by `{}`, which does not learn from {}",
                record.method, modality.data
            );
            return Err(Error::data(
                folder.path(),
                what,
                "give a run on such data: `selfsame list methods` says what learns from what",
            ));
        }
        let kept = read_settings(&folder, &[modality])?;
        Ok(Self { folder, record, settings: kept.layers.resolve(), method: kept.method, steps: 0 })
    }

    /// Puts weights of the run into its method, which has those it began with.
    ///
    /// # Errors
    /// A checkpoint that is missing, broken or of another method (exit code 3).
    pub fn restore<M: Method + ?Sized>(&mut self, weights: &Weights, method: &mut M) -> Result<()> {
        let Weights::Checkpoint(name) = weights else { return Ok(()) };
        let mut checkpoint = checkpoint::load(&self.folder.checkpoints(), name)?;
        checkpoint.check_method(self.method.name)?;
        self.steps = checkpoint.progress::<Progress>()?.step;
        restore(&mut checkpoint, method, None)
    }

    /// Where a picture of an evaluation is kept, `pictures/NAME.png`; its folder is there then.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn picture(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.pictures();
        std::fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
        Ok(folder.join(format!("{name}.png")))
    }

    /// Keeps the result of an evaluation in the run's record, under its protocol. Its `steps` say later whether the run has trained on since.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn keep_result(&mut self, result: &Map<String, Value>) -> Result<()> {
        let protocol = result.get("protocol").and_then(Value::as_str).unwrap_or("evaluation").to_owned();
        self.record = self.folder.change_record(|record| {
            for name in HEADLINES {
                let headline = format!("{protocol}_{name}");
                // What the result before this one told and this one does not would be told of this one.
                match result.get(name) {
                    Some(value) => record.results.insert(headline, value.clone()),
                    None => record.results.remove(&headline),
                };
            }
            record.results.insert(protocol, Value::Object(result.clone()));
        })?;
        Ok(())
    }
}

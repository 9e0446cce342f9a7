//! The settings that all trainings have, and those that a run has kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::modality::{About, Modality, kept_wrongly, method_by_name};
use crate::optimizer::OptimizerConfig;
use crate::run::RunFolder;
use crate::schedule::ScheduleConfig;
use crate::settings::{Layers, Resolved};
use crate::{Error, Result};

/// Which settings a method starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Small data, a short time.
    #[default]
    Small,
    /// The paper's.
    Paper,
}

/// Section `[run]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSettings {
    /// The seed of every random choice.
    pub seed: u64,
    /// Instances in a batch.
    pub batch_size: usize,
    /// Where to compute.
    pub device: String,
    /// Steps between two records.
    pub log_every: usize,
    /// Epochs between two measurements; 0 for none.
    pub measure_every: usize,
    /// Measurements without a rise after which the training ends; 0 for never.
    pub patience: usize,
    /// Epochs between two kept checkpoints; 0 for none.
    pub checkpoint_every: usize,
    /// Steps between two `last` checkpoints within an epoch; 0 for epoch ends only.
    pub checkpoint_steps: usize,
    /// Whether a collapsed representation ends the training.
    pub stop_on_collapse: bool,
    /// Whether batch norm takes its statistics over all ranks; for networks that have it.
    #[serde(default)]
    pub sync_batch_norm: bool,
}

impl RunSettings {
    /// # Errors
    /// Values that no training can have.
    pub fn validate(&self) -> Result<()> {
        let check = |fits: bool, what: String, help: &str| {
            if fits { Ok(()) } else { Err(Error::config(what, help)) }
        };
        check(
            self.batch_size >= 2,
            format!("run.batch_size is {}", self.batch_size),
            "batch norm and negatives need at least 2 instances; 64 and more learn better",
        )?;
        check(
            self.log_every > 0,
            "run.log_every is 0".into(),
            "give the steps between two records, at least 1",
        )?;
        check(
            self.patience == 0 || self.measure_every > 0,
            format!("run.patience is {}, but run.measure_every is 0: nothing is measured", self.patience),
            "set the epochs between two measurements: --set run.measure_every=1",
        )
    }
}

/// The sections that are the same for all methods, checked.
#[derive(Clone, Debug)]
pub struct Common {
    /// `[run]`.
    pub run: RunSettings,
    /// `[schedule]`.
    pub schedule: ScheduleConfig,
    /// `[optimizer]`.
    pub optimizer: OptimizerConfig,
}

impl Common {
    /// The sections of these settings, in which no `auto` may be left.
    ///
    /// # Errors
    /// Values that no training can have.
    pub fn of(settings: &Resolved) -> Result<Self> {
        let run: RunSettings = settings.section("run")?;
        let schedule: ScheduleConfig = settings.section("schedule")?;
        let optimizer: OptimizerConfig = settings.section("optimizer")?;
        run.validate()?;
        schedule.validate()?;
        optimizer.validate()?;
        Ok(Self { run, schedule, optimizer })
    }

    /// Instances in a step.
    pub fn effective_batch(&self) -> usize {
        self.run.batch_size * self.optimizer.accumulate
    }

    /// The learning rate at the schedule's top.
    pub fn lr(&self) -> f64 {
        self.optimizer.scaled_lr(self.effective_batch())
    }
}

/// The settings as a run keeps them: with absolute paths, so that it can be gone on with from any folder. Those in use stay as
/// they were typed, for messages.
pub fn to_keep(settings: &Resolved, modality: &Modality) -> Table {
    let mut table = settings.table().clone();
    for &(section, key) in modality.paths {
        let setting = table.get_mut(section).and_then(Value::as_table_mut).and_then(|keys| keys.get_mut(key));
        if let Some(Value::String(path)) = setting
            && !path.is_empty()
            // TOML cannot hold every name.
            && let Some(text) = absolute(Path::new(path)).to_str()
        {
            *path = text.to_owned();
        }
    }
    table
}

/// Where something is, from the root on; as it is where nothing is there.
pub fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What a run has been set to.
pub struct KeptSettings {
    /// What it learns from.
    pub modality: &'static Modality,
    /// By which method.
    pub method: About,
    /// Its settings, as a first layer.
    pub layers: Layers,
}

impl KeptSettings {
    /// A run keeps every setting. To train on by the defaults of those that are gone would be another training.
    ///
    /// # Errors
    /// Settings that are missing, with their names.
    pub fn check_complete(&self, folder: &RunFolder) -> Result<()> {
        let missing = self.layers.untouched();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::data(
            folder.config(),
            format!("settings are missing: {}", missing.join(", ")),
            "restore the file, or add them as they were; a run of another version may lack what is new, whose default `--dry-run` prints",
        ))
    }
}

/// The settings of a run that learns by a method of one of these modalities.
///
/// # Errors
/// A `config.toml` that is missing or is not that of such a training.
pub fn read_settings(folder: &RunFolder, modalities: &[&'static Modality]) -> Result<KeptSettings> {
    let path = folder.config();
    let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::data(
            &path,
            "the run has no settings: it was killed before it had written them",
            "begin it again with --overwrite, or restore the file",
        ),
        _ => Error::io("read", &path, source),
    })?;
    let broken = |what: String| Error::data(&path, what, "restore the file, or begin a new run");
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        broken(format!("line {line} is not TOML: {}", error.message()))
    })?;
    let name = table.get("method").and_then(|method| method.get("name")).and_then(Value::as_str);
    let name = name.ok_or_else(|| broken("method.name is missing".into()))?;
    let (modality, method) = method_by_name(name, modalities).map_err(|error| kept_wrongly(&path, error))?;
    let layers = Layers::new(modality.defaults(&method, Preset::Small)?).run(&path)?;
    Ok(KeptSettings { modality, method, layers })
}

/// Settings that are compiled in.
pub(super) fn parse(text: &str) -> Result<Table> {
    text.parse().map_err(|error: toml::de::Error| Error::Internal(format!("built-in settings: {error}")))
}

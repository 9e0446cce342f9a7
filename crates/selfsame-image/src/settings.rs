//! The settings of an image training, section by section, and what `auto` becomes once the data is known.

use std::path::{Path, PathBuf};

use selfsame_core::run::RunFolder;
use selfsame_core::settings::{Auto, Layers, Resolved};
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::method::{self, Entry};

/// The general defaults; a method's own go over them.
const DEFAULTS: &str = r#"
[data]
path = ""
eval = ""
max_bad_share = 0.05
shuffle_buffer = 4096
workers = "auto"

[view]
recipe = "simclr-cifar"
image_size = "auto"
without = []

[backbone]
name = "resnet18"
width = "auto"
stem = "auto"
init_from = ""

[method]
name = "simclr"

[optimizer]
name = "sgd"
lr = 0.24
lr_scaling = "linear"
momentum = 0.9
nesterov = false
weight_decay = 5e-4
beta_1 = 0.9
beta_2 = 0.999
epsilon = 1e-8
trust = 0.001
clip = 0.0
accumulate = 1

[schedule]
epochs = "auto"
kind = "cosine"
warmup_epochs = 1.0
milestones = []
factor = 0.1
final_lr_share = 0.0

[run]
seed = 0
batch_size = 64
device = "cpu"
log_every = 10
measure_every = 1
checkpoint_every = 10
checkpoint_steps = 0
stop_on_collapse = false
sync_batch_norm = true
"#;

/// The settings that name a file or a folder, by section and key.
const PATHS: [(&str, &str); 3] = [("data", "path"), ("data", "eval"), ("backbone", "init_from")];

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

/// Section `[data]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataSettings {
    /// What to learn from.
    pub path: String,
    /// Labelled data for kNN while training; empty: the training data's own classes, if it has any.
    pub eval: String,
    /// Share of unreadable files above which the training ends.
    pub max_bad_share: f64,
    /// Instances among which shards are shuffled.
    pub shuffle_buffer: usize,
    /// Threads that prepare views, or `auto`.
    pub workers: Auto<usize>,
}

/// Section `[view]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ViewSettings {
    /// Name of the recipe.
    pub recipe: String,
    /// Side of a view in pixels.
    pub image_size: usize,
    /// Transformations of the recipe to leave out.
    pub without: Vec<String>,
}

/// Section `[backbone]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackboneSettings {
    /// `resnet18`, `resnet34`, `resnet50`, `resnet101`.
    pub name: String,
    /// Share of the published number of channels.
    pub width: f64,
    /// `imagenet` or `cifar`.
    pub stem: String,
    /// Weights to start from; empty: random ones.
    pub init_from: String,
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
    /// Epochs between two kNN measurements; 0 for none.
    pub measure_every: usize,
    /// Epochs between two kept checkpoints; 0 for none.
    pub checkpoint_every: usize,
    /// Steps between two `last` checkpoints within an epoch; 0 for epoch ends only.
    pub checkpoint_steps: usize,
    /// Whether a collapsed representation ends the training.
    pub stop_on_collapse: bool,
    /// Whether batch norm takes its statistics over all ranks.
    pub sync_batch_norm: bool,
}

/// What [`Resolved`] settings of an image training start from.
///
/// # Errors
/// Never with the tables that are compiled in.
pub fn defaults(method: &Entry, preset: Preset) -> Result<Table> {
    let mut table = parse(DEFAULTS)?;
    merge(&mut table, parse(method.small)?);
    if preset == Preset::Paper {
        merge(&mut table, parse(method.paper_settings)?);
    }
    if let Some(Value::Table(section)) = table.get_mut("method") {
        section.insert("name".into(), Value::String(method.name.into()));
    }
    Ok(table)
}

fn parse(text: &str) -> Result<Table> {
    text.parse().map_err(|error: toml::de::Error| Error::Internal(format!("built-in settings: {error}")))
}

fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// What `auto` depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Instances in the training data.
    pub instances: usize,
    /// Median of the pictures' shorter sides, in pixels.
    pub typical_side: usize,
    /// Whether the device is a CPU.
    pub cpu: bool,
}

/// Gives every `auto` its value, and says why, one line each.
pub fn resolve_auto(settings: &mut Resolved, facts: &Facts) -> Vec<String> {
    let mut notes = Vec::new();
    let mut fill = |settings: &mut Resolved, section: &str, key: &str, value: Value, why: String| {
        if settings.is_auto(section, key) {
            notes.push(format!("{section}.{key} = {value} ({why})"));
            settings.fill(section, key, value);
        }
    };
    let side = match facts.typical_side {
        0..=96 => 32,
        97..=192 => 64,
        _ => 224,
    };
    let why = format!("pictures are typically {} pixels", facts.typical_side);
    fill(settings, "view", "image_size", Value::Integer(side), why);

    let side = settings.integer("view", "image_size").unwrap_or(side);
    let stem = if side <= 64 { "cifar" } else { "imagenet" };
    fill(settings, "backbone", "stem", Value::String(stem.into()), format!("views of {side} pixels"));

    let (width, why) = match facts.cpu {
        true => (0.25, "a quarter of the channels, which a CPU trains in minutes"),
        false => (1.0, "as published"),
    };
    fill(settings, "backbone", "width", Value::Float(width), why.into());

    // Some 22,000 instances seen are enough to tell whether anything is learned.
    let epochs = (22_000 / facts.instances.max(1)).clamp(10, 200) as i64;
    fill(settings, "schedule", "epochs", Value::Integer(epochs), format!("{} instances", facts.instances));

    // A longer queue would hold an instance's own keys of the last epoch as negatives.
    let queue = (facts.instances / 2).clamp(1, 4096) as i64;
    let why = format!("at most half of {} instances", facts.instances);
    fill(settings, "method", "queue", Value::Integer(queue), why);
    notes
}

/// The settings as a run keeps them: with absolute paths, so that it can be gone on with from any folder. Those in use stay as
/// they were typed, for messages.
pub fn to_keep(settings: &Resolved) -> Table {
    let mut table = settings.table().clone();
    for (section, key) in PATHS {
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
pub(crate) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The settings of a run, as a first layer.
///
/// # Errors
/// A `config.toml` that is missing or is not that of an image training.
pub fn read_settings(folder: &RunFolder) -> Result<Layers> {
    let path = folder.config();
    let text = std::fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
    let broken = |what: String| Error::data(&path, what, "restore the file, or begin a new run");
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
        broken(format!("line {line} is not TOML: {}", error.message()))
    })?;
    let name = table.get("method").and_then(|method| method.get("name")).and_then(Value::as_str);
    let name = name.ok_or_else(|| broken("method.name is missing".into()))?;
    // Nothing in there was typed now: the run is of another version, or damaged.
    let method = method::by_name(name).map_err(|error| match error {
        Error::Config { what, help } => Error::data(&path, what, help),
        other => other,
    })?;
    Layers::new(defaults(method, Preset::Small)?).run(&path)
}

impl DataSettings {
    /// # Errors
    /// Values that no training can have.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.max_bad_share) {
            return Err(Error::config(
                format!("data.max_bad_share is {}, which is not in 0 to 1", self.max_bad_share),
                "0.05 lets a training go on while at most 5 % of the files are bad",
            ));
        }
        if self.workers == Auto::Value(0) {
            return Err(Error::config(
                "data.workers is 0",
                "give at least 1 thread, or leave it out for one a core",
            ));
        }
        Ok(())
    }
}

impl RunSettings {
    /// # Errors
    /// Values that no training can have.
    pub fn validate(&self) -> Result<()> {
        if self.batch_size < 2 {
            return Err(Error::config(
                format!("run.batch_size is {}", self.batch_size),
                "batch norm and negatives need at least 2 instances; 64 and more learn better",
            ));
        }
        if self.log_every == 0 {
            return Err(Error::config(
                "run.log_every is 0",
                "give the steps between two records, at least 1",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

//! The settings of an image training, section by section, and what `auto` becomes once the data is known.

pub use selfsame_core::pretrain::{Preset, RunSettings};

use selfsame_core::pretrain;
use selfsame_core::run::RunFolder;
use selfsame_core::settings::{Auto, Layers, Resolved};
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::method::Entry;
use crate::pretrain::MODALITY;

/// The general defaults; a method's own go over them.
pub(crate) const DEFAULTS: &str = r#"
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
patience = 0
checkpoint_every = 10
checkpoint_steps = 0
stop_on_collapse = false
sync_batch_norm = true
"#;

/// The settings that name a file or a folder, by section and key.
pub(crate) const PATHS: &[(&str, &str)] = &[("data", "path"), ("data", "eval"), ("backbone", "init_from")];

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

/// What [`Resolved`] settings of an image training start from.
///
/// # Errors
/// Never with the tables that are compiled in.
pub fn defaults(method: &Entry, preset: Preset) -> Result<Table> {
    MODALITY.defaults(&method.about(), preset)
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
    let side = match facts.typical_side {
        0..=96 => 32,
        97..=192 => 64,
        _ => 224,
    };
    let why = format!("pictures are typically {} pixels", facts.typical_side);
    settings.choose("view", "image_size", side, why, &mut notes);

    let side = settings.integer("view", "image_size").unwrap_or(side);
    let stem = if side <= 64 { "cifar" } else { "imagenet" };
    settings.choose("backbone", "stem", stem, format!("views of {side} pixels"), &mut notes);

    let (width, why) = match facts.cpu {
        true => (0.25, "a quarter of the channels, which a CPU trains in minutes"),
        false => (1.0, "as published"),
    };
    settings.choose("backbone", "width", width, why, &mut notes);

    // Some 22,000 instances seen are enough to tell whether anything is learned.
    let epochs = (22_000 / facts.instances.max(1)).clamp(10, 200) as i64;
    settings.choose("schedule", "epochs", epochs, format!("{} instances", facts.instances), &mut notes);

    // Methods without negatives begin by losing what random features know, unless their predictor has time to follow.
    let epochs = settings.integer("schedule", "epochs").unwrap_or(epochs);
    let warmup = (epochs as f64 / 4.0).min(10.0);
    let why = format!("a quarter of {epochs} epochs, at most 10");
    settings.choose("schedule", "warmup_epochs", warmup, why, &mut notes);

    // A longer queue would hold an instance's own keys of the last epoch as negatives.
    let queue = (facts.instances / 2).clamp(1, 4096) as i64;
    let why = format!("at most half of {} instances", facts.instances);
    settings.choose("method", "queue", queue, why, &mut notes);
    notes
}

/// The settings of a run, as a first layer.
///
/// # Errors
/// A `config.toml` that is missing or is not that of an image training.
pub fn read_settings(folder: &RunFolder) -> Result<Layers> {
    Ok(pretrain::read_settings(folder, &[&MODALITY])?.layers)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

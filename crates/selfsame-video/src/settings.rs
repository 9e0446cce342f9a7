//! The settings of a training on videos, section by section.

pub use selfsame_core::pretrain::{Preset, RunSettings};

use selfsame_core::settings::{Auto, Resolved};
use selfsame_core::{Error, Result};
use selfsame_image::view::Recipe;
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::method::{Entry, by_name};
use crate::pretrain::MODALITY;
use crate::view::{ClipTime, VideoPipeline};

/// The general defaults; a method's own go over them.
pub(crate) const DEFAULTS: &str = r#"
[data]
path = ""
list = ""
eval = ""
max_bad_share = 0.05
workers = "auto"

[view]
recipe = "moco-v2"
image_size = "auto"
frames = 8
stride = 4
without = []

[backbone]
name = "r3d_18"
width = "auto"
init_from = ""

[method]
name = "video-moco"
erase_background = 0.0
erase_by = "instance"
erase_consistency = 0.0

[optimizer]
name = "sgd"
lr = 0.12
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
batch_size = 32
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
pub(crate) const PATHS: &[(&str, &str)] =
    &[("data", "path"), ("data", "list"), ("data", "eval"), ("backbone", "init_from")];

/// What the settings of a method start from.
///
/// # Errors
/// Never with the tables that are compiled in.
pub fn defaults(method: &Entry, preset: Preset) -> Result<Table> {
    MODALITY.defaults(&method.about(), preset)
}

/// Section `[data]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataSettings {
    /// What to learn from.
    pub path: String,
    /// A file that lists which of the videos at `path`, one a line, as UCF101's splits do; empty: all.
    pub list: String,
    /// Labelled data for kNN while training; empty: the training data's own classes, if it has any.
    pub eval: String,
    /// Share of unreadable files above which the training ends.
    pub max_bad_share: f64,
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
    /// Frames of a clip.
    pub frames: usize,
    /// Frames of the video from one frame of a clip to the next.
    pub stride: usize,
    /// Transformations of the recipe to leave out.
    pub without: Vec<String>,
}

impl ViewSettings {
    /// How clips lie in time.
    pub fn time(&self) -> ClipTime {
        ClipTime { frames: self.frames, stride: self.stride }
    }
}

/// What makes the views of the method that these settings name.
///
/// # Errors
/// Unknown names, and settings that no views can have.
pub(crate) fn pipeline(settings: &Resolved) -> Result<VideoPipeline> {
    let view: ViewSettings = settings.section("view")?;
    let entry = by_name(settings.text("method.name"))?;
    let recipe = Recipe::by_name(&view.recipe)?.without(&view.without)?;
    VideoPipeline::new(recipe, view.time(), view.image_size, (entry.arrangement)(settings)?)
}

/// Section `[backbone]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackboneSettings {
    /// `r3d_18`, `r2plus1d_18`, `s3d` and others; see `selfsame list backbones`.
    pub name: String,
    /// Share of the published number of channels.
    pub width: f64,
    /// Weights to start from; empty: random ones.
    pub init_from: String,
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

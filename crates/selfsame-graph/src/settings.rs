//! The settings of a graph training, section by section, and what `auto` becomes once the data is known.

use std::path::{Path, PathBuf};

use selfsame_core::settings::{Auto, Resolved};
use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use crate::data::{Columns, Format, Holdout, IdKind, InteractionData, OpenOptions, ReadOptions, with_noise};

/// The general defaults; a method's own go over them.
pub const DEFAULTS: &str = r#"
[data]
path = ""
test = ""
eval = ""
format = "auto"
header = "auto"
ids = "auto"
user_column = ""
item_column = ""
rating_column = ""
time_column = ""
min_rating = "auto"
core = 0
split = "ratio"
test_share = 0.2
validation_share = 0.0
split_seed = 0
noise = 0.0
measure = "validation"

[backbone]
dimension = 64

[method]
name = "mf"
sampling = "epoch"
l2 = 1e-4

[optimizer]
name = "adam"
lr = 0.001
lr_scaling = "none"
momentum = 0.9
nesterov = false
weight_decay = 0.0
beta_1 = 0.9
beta_2 = 0.999
epsilon = 1e-8
trust = 0.001
clip = 0.0
accumulate = 1

[schedule]
epochs = "auto"
kind = "constant"
warmup_epochs = 0.0
milestones = []
factor = 0.1
final_lr_share = 0.0

[run]
seed = 0
batch_size = 2048
device = "cpu"
log_every = 10
measure_every = 1
patience = 0
checkpoint_every = 0
checkpoint_steps = 0
stop_on_collapse = false
"#;

/// The settings that name a file or a folder.
pub const PATHS: &[(&str, &str)] = &[("data", "path"), ("data", "test"), ("data", "eval")];

/// What is held out where no file is given for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// A random share of each user's interactions.
    Ratio,
    /// The latest interaction of each user.
    Last,
    /// The latest share of all interactions.
    Latest,
    /// Nothing is held out for the test; a random share for validation, if any.
    None,
}

/// What is measured on while training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeasureOn {
    /// What is held out for validation, if anything is.
    Validation,
    /// The test: for curves only.
    Test,
}

/// Section `[data]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataSettings {
    /// What to learn from: a file, or a folder with one or with `train` and `test`.
    pub path: String,
    /// A file of test interactions beside it.
    pub test: String,
    /// A file of validation interactions beside it, for measuring while training.
    pub eval: String,
    /// How the files are written.
    pub format: Auto<Format>,
    /// Whether the first line names the columns.
    pub header: Auto<bool>,
    /// What ids are.
    pub ids: IdKind,
    /// The column of users; empty: by its usual names.
    pub user_column: String,
    /// The column of items.
    pub item_column: String,
    /// The column of ratings.
    pub rating_column: String,
    /// The column of times.
    pub time_column: String,
    /// Interactions with a lower rating are left out.
    pub min_rating: Auto<f64>,
    /// Users and items with fewer interactions are left out, again and again.
    pub core: usize,
    /// How to hold out what is not given in files.
    pub split: Split,
    /// The share that is held out for the test.
    pub test_share: f64,
    /// The share of the rest that is held out for validation; 0 for none.
    pub validation_share: f64,
    /// The seed of random splits, apart from that of the training: runs of several seeds are then measured on the same.
    pub split_seed: u64,
    /// False interactions that are added to training, as a share of the true ones.
    pub noise: f64,
    /// What is measured on while training.
    pub measure: MeasureOn,
}

impl DataSettings {
    /// Opens the interactions, split, with noise among those of training. `seed` is the training's.
    ///
    /// # Errors
    /// Files that are missing, empty or broken; settings that cannot be used or do not fit the files.
    pub fn open(&self, seed: u64) -> Result<InteractionData> {
        if self.path.is_empty() {
            return Err(Error::config(
                "there is no data to learn from",
                "name a file of interactions, or a folder with `train.txt` and `test.txt`, with --data",
            ));
        }
        let mut data = InteractionData::open(Path::new(&self.path), &self.options())?;
        if self.noise != 0.0 {
            data.train = with_noise(&data, self.noise, &Random::new(seed).named("noise"))?;
        }
        Ok(data)
    }

    fn options(&self) -> OpenOptions {
        let named = |text: &String| (!text.is_empty()).then(|| text.clone());
        let file = |text: &String| named(text).map(PathBuf::from);
        let held_out = |share: f64| match self.split {
            Split::Ratio | Split::None => Holdout::Ratio(share),
            Split::Last => Holdout::Last,
            Split::Latest => Holdout::Latest(share),
        };
        OpenOptions {
            read: ReadOptions {
                format: self.format.value(),
                header: self.header.value(),
                columns: Columns {
                    user: named(&self.user_column),
                    item: named(&self.item_column),
                    rating: named(&self.rating_column),
                    time: named(&self.time_column),
                },
                ids: self.ids,
                min_rating: self.min_rating.value(),
            },
            test_file: file(&self.test),
            validation_file: file(&self.eval),
            test: (self.split != Split::None).then(|| held_out(self.test_share)),
            validation: (self.validation_share != 0.0).then(|| held_out(self.validation_share)),
            core: self.core,
            seed: self.split_seed,
        }
    }
}

/// Gives every `auto` its value, and says why, one line each.
pub fn resolve_auto(settings: &mut Resolved, interactions: usize) -> Vec<String> {
    let mut notes = Vec::new();
    // Some 16 million pairs: 20 epochs of gowalla, 200 of MovieLens 100K.
    let epochs = (16_000_000 / interactions.max(1)).clamp(10, 400) as i64;
    settings.choose("schedule", "epochs", epochs, format!("{interactions} interactions"), &mut notes);
    notes
}

//! A run as what it is for: embeddings of users and items.

use std::path::Path;

use selfsame_core::pretrain::{StoredRun, Weights};
use selfsame_core::{Error, Result, device};

use crate::data::InteractionData;
use crate::method;
use crate::pretrain::{MODALITY, build, fingerprint};
use crate::settings::DataSettings;

/// What a run has learned of users and items, and of which interactions.
#[derive(Debug)]
pub struct TrainedGraph {
    /// The run: its folder, record, settings and method.
    pub stored: StoredRun,
    /// The interactions, split as they were in training; with the false ones among `train`, if there was noise.
    pub data: InteractionData,
    /// Final embeddings of users, `[users, dimension]`, row by row in the order of `data.users`.
    pub users: Vec<f32>,
    /// Final embeddings of items, `[items, dimension]`, row by row in the order of `data.items`.
    pub items: Vec<f32>,
    /// Numbers of an embedding.
    pub dimension: usize,
}

impl TrainedGraph {
    /// Loads the run in `path`, its interactions from where they were.
    ///
    /// # Errors
    /// A folder that is no run on interactions, data that is gone or has changed, a checkpoint that is missing, broken or of another method (exit
    /// code 3).
    pub fn open(path: impl AsRef<Path>, weights: &Weights) -> Result<Self> {
        Self::open_with(path, weights, None)
    }

    /// As [`open`](Self::open), with the interactions where they lie now.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, weights: &Weights, moved: Option<&Path>) -> Result<Self> {
        let mut stored = StoredRun::open(path, &MODALITY)?;
        let mut from: DataSettings = stored.settings.section("data")?;
        if let Some(moved) = moved {
            from.path = moved.display().to_string();
        }
        if !Path::new(&from.path).exists() {
            let help = "say where it lies now with --data";
            return Err(Error::data(from.path, "the data of this run is not there", help));
        }
        let data = from.open(stored.record.seed)?;
        if fingerprint(&data) != stored.record.data.fingerprint {
            return Err(Error::data(
                from.path,
                "these are not the interactions that the run has learned from",
                "restore them, or name another place with --data",
            ));
        }
        let entry = method::by_name(stored.method.name)?;
        let mut method = build(entry, &stored.settings, &data.train, &device::by_name("cpu")?)?;
        stored.restore(weights, &mut *method)?;
        let [_, dimension] = method.nodes().initial().dims();
        let [users, items] = method.nodes().finals()?;
        Ok(Self { stored, data, users, items, dimension })
    }

    /// What is written beside embeddings.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let pairs = [
            ("run", self.stored.folder.path().display().to_string()),
            ("method", self.stored.method.name.to_owned()),
            ("dimension", self.dimension.to_string()),
            ("steps", self.stored.steps.to_string()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}

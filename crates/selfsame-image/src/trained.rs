//! A run as what it is for: an encoder.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use selfsame_core::run::{RunFolder, RunRecord};
use selfsame_core::settings::Resolved;
use selfsame_core::train::{Progress, restore};
use selfsame_core::{Error, Result, checkpoint, device};
use serde_json::{Value, json};

use crate::method::{self, Entry, ImageMethod, Layer};
use crate::model::{About, Preprocess};
use crate::network::{backbone_config, build, initial_weights};
use crate::picture::Picture;
use crate::settings::{ViewSettings, read_settings};
use crate::view::{Pipeline, Recipe};

/// Fields of results that are kept under a name of their own, `knn_top1`, beside the whole result.
const HEADLINES: [&str; 5] = ["top1", "miou", "accuracy", "r@1", "map"];

/// Which weights of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Those of a checkpoint: `last`, `best` or `epoch-0010`.
    Checkpoint(String),
    /// Those it began with, before any step.
    Untrained,
}

/// The network of a run with frozen weights.
pub struct TrainedRun {
    /// The run's folder.
    pub folder: RunFolder,
    /// What the run says of itself.
    pub record: RunRecord,
    /// Its settings.
    pub settings: Resolved,
    /// Its method.
    pub entry: &'static Entry,
    /// The network.
    pub method: Box<dyn ImageMethod>,
    device: Device,
    steps: usize,
}

impl TrainedRun {
    /// Loads the network of the run in `path` to a device.
    ///
    /// # Errors
    /// A folder that is no run, a checkpoint that is missing, broken or of another method (exit code 3).
    pub fn open(path: impl AsRef<Path>, weights: &Weights, on_device: &str) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let record = folder.record()?;
        let settings = read_settings(&folder)?.resolve();
        let entry = method::by_name(settings.text("method.name"))?;
        let device = device::by_name(on_device)?;
        let initial = match weights {
            // It holds all of them: the file that they began with need not be there any more.
            Weights::Checkpoint(_) => None,
            Weights::Untrained => initial_weights(&settings)?,
        };
        let mut method = build(entry, &settings, initial, &device)?;
        let mut steps = 0;
        if let Weights::Checkpoint(name) = weights {
            let mut checkpoint = checkpoint::load(&folder.checkpoints(), name)?;
            checkpoint.check_method(entry.name)?;
            steps = checkpoint.progress::<Progress>()?.step;
            restore(&mut checkpoint, &mut *method, None)?;
        }
        Ok(Self { folder, record, settings, entry, method, device, steps })
    }

    /// How pictures are shown to the frozen network: scaled and normalised, nothing random.
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn pipeline(&self) -> Result<Pipeline> {
        let view: ViewSettings = self.settings.section("view")?;
        Pipeline::new(Recipe::by_name("evaluation")?, view.image_size, 1)
    }

    /// Features of a representation at this layer.
    pub fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.method.represent(images, layer)
    }

    /// The backbone's map before it is pooled, `[batch, features, rows, columns]`.
    pub fn represent_map(&self, images: Tensor<4>) -> Tensor<4> {
        self.method.represent_map(images)
    }

    /// Side in pixels of the square that becomes one cell of the [map](Self::represent_map).
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn reduction(&self) -> Result<usize> {
        Ok(backbone_config(&self.settings)?.stem.reduction())
    }

    /// Where the network lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What is written beside exported weights.
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn about(&self) -> Result<About> {
        let pipeline = self.pipeline()?;
        Ok(About {
            backbone: backbone_config(&self.settings)?,
            method: self.entry.name.into(),
            run: self.folder.path().display().to_string(),
            steps: self.steps,
            preprocess: Preprocess {
                image_size: pipeline.side,
                resize: pipeline.resized_side(),
                mean: pipeline.mean,
                std: pipeline.std,
            },
        })
    }

    /// What is written beside embeddings.
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn metadata(&self, layer: Layer) -> Result<Vec<(String, String)>> {
        let about = self.about()?;
        let pairs = [
            ("run", about.run),
            ("method", about.method),
            ("backbone", about.backbone.depth.name().into()),
            ("width", about.backbone.width.to_string()),
            ("steps", about.steps.to_string()),
            ("layer", json!(layer).as_str().unwrap_or_default().into()),
            ("preprocess", json!(about.preprocess).to_string()),
        ];
        Ok(pairs.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    /// Keeps a picture of an evaluation in the run, as `pictures/NAME.png`; returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_picture(&self, name: &str, picture: &Picture) -> Result<PathBuf> {
        let folder = self.folder.pictures();
        std::fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, error))?;
        let path = folder.join(format!("{name}.png"));
        picture.save_png(&path)?;
        Ok(path)
    }

    /// Keeps the result of an evaluation in the run's record, under its protocol.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn keep_result(&mut self, result: &serde_json::Map<String, Value>) -> Result<()> {
        // The run may have gone on training since it was opened.
        self.record = self.folder.record()?;
        let protocol = result.get("protocol").and_then(Value::as_str).unwrap_or("evaluation").to_owned();
        for name in HEADLINES {
            if let Some(value) = result.get(name) {
                self.record.results.insert(format!("{protocol}_{name}"), value.clone());
            }
        }
        self.record.results.insert(protocol, Value::Object(result.clone()));
        self.folder.write_record(&self.record)
    }
}

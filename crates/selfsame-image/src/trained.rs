//! A run as what it is for: an encoder.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use selfsame_core::pretrain::StoredRun;
pub use selfsame_core::pretrain::Weights;
use selfsame_core::{Result, device};
use serde_json::{Map, Value, json};

use crate::method::{self, ImageMethod, Layer};
use crate::model::{About, Preprocess};
use crate::network::{backbone_config, build, initial_weights};
use crate::pretrain::MODALITY;
use crate::settings::ViewSettings;
use crate::view::{Pipeline, Recipe};

/// The network of a run with frozen weights.
pub struct TrainedRun {
    /// The run: its folder, record, settings and method.
    pub stored: StoredRun,
    /// The network.
    pub method: Box<dyn ImageMethod>,
    device: Device,
}

impl TrainedRun {
    /// Loads the network of the run in `path` to a device.
    ///
    /// # Errors
    /// A folder that is no run, a checkpoint that is missing, broken or of another method (exit code 3).
    pub fn open(path: impl AsRef<Path>, weights: &Weights, on_device: &str) -> Result<Self> {
        let mut stored = StoredRun::open(path, &MODALITY)?;
        let device = device::by_name(on_device)?;
        let initial = match weights {
            // It holds all of them: the file that they began with need not be there any more.
            Weights::Checkpoint(_) => None,
            Weights::Untrained => initial_weights(&stored.settings)?,
        };
        let mut method = build(method::by_name(stored.method.name)?, &stored.settings, initial, &device)?;
        stored.restore(weights, &mut *method)?;
        Ok(Self { stored, method, device })
    }

    /// How pictures are shown to the frozen network: scaled and normalised, nothing random.
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn pipeline(&self) -> Result<Pipeline> {
        let view: ViewSettings = self.stored.settings.section("view")?;
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
        Ok(backbone_config(&self.stored.settings)?.stem.reduction())
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
            backbone: backbone_config(&self.stored.settings)?,
            method: self.stored.method.name.into(),
            run: self.stored.folder.path().display().to_string(),
            steps: self.stored.steps,
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

    /// Keeps the result of an evaluation in the run's record, under its protocol.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn keep_result(&mut self, result: &Map<String, Value>) -> Result<()> {
        self.stored.keep_result(result)
    }
}

//! A run as what it is for: an encoder of clips.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use selfsame_core::pretrain::StoredRun;
pub use selfsame_core::pretrain::Weights;
use selfsame_core::{Result, device};
use selfsame_image::view::recipe::EVALUATION;
use serde_json::{Map, Value, json};

use crate::method::{self, Layer, VideoMethod};
use crate::model::{About, BackboneConfig, Preprocess};
use crate::network::{backbone_config, build, initial_weights};
use crate::pretrain::MODALITY;
use crate::settings::ViewSettings;
use crate::view::{ClipPipeline, ClipTime};

/// The network of a run with frozen weights.
pub struct TrainedVideo {
    /// The run: its folder, record, settings and method.
    pub stored: StoredRun,
    /// The network.
    pub method: Box<dyn VideoMethod>,
    device: Device,
}

impl TrainedVideo {
    /// Loads the network of the run in `path` to a device.
    ///
    /// # Errors
    /// A folder that is no run on videos, a checkpoint that is missing, broken or of another method (exit code 3).
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

    /// The clips that the network was trained on: how they lie in time, and their height and width in pixels.
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn clips(&self) -> Result<(ClipTime, usize)> {
        let view: ViewSettings = self.stored.settings.section("view")?;
        Ok((view.time(), view.image_size))
    }

    /// The backbone that the network has.
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn backbone(&self) -> Result<BackboneConfig> {
        backbone_config(&self.stored.settings)
    }

    /// Features of a representation at this layer.
    pub fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2> {
        self.method.represent(clips, layer)
    }

    /// The backbone's map before it is pooled, `[batch, features, frames', rows, columns]`.
    pub fn represent_map(&self, clips: Tensor<5>) -> Tensor<5> {
        self.method.represent_map(clips)
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
        let (time, side) = self.clips()?;
        let pictures = ClipPipeline::new(EVALUATION, time, side)?.pictures();
        Ok(About {
            backbone: self.backbone()?,
            method: self.stored.method.name.into(),
            run: self.stored.folder.path().display().to_string(),
            steps: self.stored.steps,
            preprocess: Preprocess {
                frames: time.frames,
                stride: time.stride,
                clip_size: side,
                resize: pictures.resized_side(),
                mean: pictures.mean,
                std: pictures.std,
            },
        })
    }

    /// What is written beside embeddings, which are means over so many clips.
    ///
    /// # Errors
    /// When the run's settings cannot be used.
    pub fn metadata(&self, layer: Layer, clips: usize) -> Result<Vec<(String, String)>> {
        let about = self.about()?;
        let pairs = [
            ("run", about.run),
            ("method", about.method),
            ("backbone", about.backbone.architecture.name().into()),
            ("width", about.backbone.width.to_string()),
            ("steps", about.steps.to_string()),
            ("layer", json!(layer).as_str().unwrap_or_default().into()),
            ("clips", clips.to_string()),
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

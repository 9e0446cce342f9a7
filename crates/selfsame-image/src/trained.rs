//! A run as what it is for: an encoder.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use selfsame_core::run::{RunFolder, RunRecord};
use selfsame_core::settings::Resolved;
use selfsame_core::train::restore;
use selfsame_core::{Result, checkpoint, device};

use crate::method::{self, Entry, ImageMethod, Layer};
use crate::pretrain::build;
use crate::settings::{ViewSettings, read_settings};
use crate::view::{Pipeline, Recipe};

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
        let mut method = build(entry, &settings, &device)?;
        if let Weights::Checkpoint(name) = weights {
            let mut checkpoint = checkpoint::load(&folder.checkpoints(), name)?;
            checkpoint.check_method(entry.name)?;
            restore(&mut checkpoint, &mut *method, None)?;
        }
        Ok(Self { folder, record, settings, entry, method, device })
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

    /// Where the network lives.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

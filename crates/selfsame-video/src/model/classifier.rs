//! A backbone with a linear classifier on its representation.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::nn::{Linear, LinearConfig, Mode};
use selfsame_core::{Random, Result};

use super::{Backbone, BackboneConfig};

/// A backbone with the fully connected layer that supervised training puts on top. It is what fine-tuning trains; a backbone trained
/// without labels has no `fc`.
#[derive(Module, Debug)]
pub struct Classifier {
    /// Everything up to the pooled representation.
    pub backbone: Backbone,
    /// From the representation to one score a class.
    pub fc: Linear,
}

impl Classifier {
    /// With new weights.
    ///
    /// # Errors
    /// As [`BackboneConfig::init`].
    pub fn init(config: &BackboneConfig, classes: usize, random: &Random, device: &Device) -> Result<Self> {
        Ok(Self::on(config.init(random, device)?, config.features(), classes, random, device))
    }

    /// On an existing backbone of this many features.
    pub fn on(backbone: Backbone, features: usize, classes: usize, random: &Random, device: &Device) -> Self {
        Self { backbone, fc: LinearConfig::new(features, classes).init(&random.named("fc"), device) }
    }

    /// Clips `[batch, 3, frames, height, width]` to scores before the softmax, `[batch, classes]`.
    pub fn forward(&self, clips: Tensor<5>, mode: &Mode) -> Tensor<2> {
        self.fc.forward(self.backbone.forward(clips, mode))
    }
}

//! A backbone with a linear classifier on its representation.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::nn::{Linear, LinearConfig, Mode};
use selfsame_core::{Random, Result};

use super::{ResNet, ResNetConfig};

/// A ResNet with the fully connected layer that supervised training puts on top: torchvision's whole network.
/// It is what fine-tuning trains; a backbone trained without labels has no `fc`.
#[derive(Module, Debug)]
pub struct Classifier {
    /// Everything up to the pooled representation.
    pub backbone: ResNet,
    /// From the representation to one score a class.
    pub fc: Linear,
}

impl Classifier {
    /// With new weights.
    ///
    /// # Errors
    /// As [`ResNetConfig::init`].
    pub fn init(config: &ResNetConfig, classes: usize, random: &Random, device: &Device) -> Result<Self> {
        Ok(Self::on(config.init(random, device)?, classes, random, device))
    }

    /// On an existing backbone.
    pub fn on(backbone: ResNet, classes: usize, random: &Random, device: &Device) -> Self {
        let fc = LinearConfig::new(backbone.features(), classes).init(&random.named("fc"), device);
        Self { backbone, fc }
    }

    /// Images `[batch, 3, height, width]` to scores before the softmax, `[batch, classes]`.
    pub fn forward(&self, images: Tensor<4>, mode: &Mode) -> Tensor<2> {
        self.fc.forward(self.backbone.forward(images, mode))
    }
}

//! SimSiam: Exploring Simple Siamese Representation Learning.
//!
//! Xinlei Chen, Kaiming He. CVPR 2021, arXiv 2011.10566.
//!
//! Two views of an instance go through the same backbone and projector f; from each, a predictor h foresees the other's projection,
//! which is held constant (algorithm 1). That stop-gradient alone keeps it from collapsing: no negatives, no target network.

use burn::tensor::Tensor;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::head::MlpConfig;
use selfsame_core::loss::simsiam;
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::{Parameters, device_of};
use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::siamese::Siamese;
use super::{Build, Entry, ImageMethod, Layer};
use crate::model::ResNet;
use crate::view::Views;

/// SimSiam in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "simsiam",
    title: "SimSiam",
    paper: "Chen, He. CVPR 2021, arXiv 2011.10566",
    summary: "foresees the other view's projection; one network, no negatives, the cheapest of its kind",
    views: 2,
    // Appendix D (CIFAR): a projector of two layers; Adam in place of SGD for a few hundred steps.
    small: r#"
        [view]
        recipe = "simsiam-cifar"
        [method]
        projector_layers = 2
        projector_dimension = "auto"
        predictor_hidden = "auto"
        [optimizer]
        name = "adam"
        lr = 5e-4
        lr_scaling = "none"
        weight_decay = 1e-6
        [schedule]
        warmup_epochs = "auto"
    "#,
    // Section 3: lr = 0.05 x N / 256, decay 1e-4, 100 epochs, no warm-up.
    paper_settings: r#"
        [view]
        recipe = "moco-v2"
        image_size = 224
        [backbone]
        name = "resnet50"
        width = 1.0
        stem = "imagenet"
        [method]
        projector_layers = 3
        projector_dimension = 2048
        predictor_hidden = 512
        [optimizer]
        name = "sgd"
        lr = 0.05
        lr_scaling = "linear"
        weight_decay = 1e-4
        [schedule]
        epochs = 100
        warmup_epochs = 0.0
        [run]
        batch_size = 512
    "#,
    build,
};

/// SimSiam's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimSiamConfig {
    /// `simsiam`.
    pub name: String,
    /// Layers of the projector, batch norm after each: 3, or 2 on CIFAR.
    pub projector_layers: usize,
    /// Features of every layer of the projector, and what is foreseen; by default four times the backbone's.
    pub projector_dimension: Auto<usize>,
    /// Features of the predictor's bottleneck; by default a quarter of the projector's.
    pub predictor_hidden: Auto<usize>,
}

/// The network of SimSiam and MixSiam (section 3): the projector ends with batch norm without weight and bias, the predictor is a bottleneck.
///
/// # Errors
/// Another number of layers than 2 or 3, layers without features.
pub(super) fn network(
    from: &Build<'_>,
    layers: usize,
    dimension: Auto<usize>,
    bottleneck: Auto<usize>,
) -> Result<Siamese> {
    if !(2..=3).contains(&layers) {
        return Err(Error::config(
            format!("method.projector_layers is {layers}"),
            "the paper's projector has 3 layers, on CIFAR 2",
        ));
    }
    let features = from.backbone.features();
    let dimension = dimension.or(4 * features);
    let bottleneck = bottleneck.or((dimension / 4).max(1));
    let projector = MlpConfig::new(features, &vec![dimension; layers - 1], dimension).with_output_norm();
    let predictor = MlpConfig::new(dimension, &[bottleneck], dimension);
    Siamese::new(from, from.backbone()?, &projector, &predictor)
}

/// Whether the learning rate of this parameter decays: the predictor's does not, since it has to keep up with the projections (section 4.2).
pub(super) fn follows_schedule(name: &str) -> bool {
    !name.starts_with("predictor.")
}

/// The method.
#[derive(Debug)]
pub struct SimSiam {
    network: Siamese,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(SimSiam::new(&from.settings()?, from)?))
}

impl SimSiam {
    /// # Errors
    /// A projector of another number of layers than 2 or 3, layers without features.
    pub fn new(config: &SimSiamConfig, from: &Build<'_>) -> Result<Self> {
        let SimSiamConfig { projector_layers, projector_dimension, predictor_hidden, .. } = *config;
        Ok(Self { network: network(from, projector_layers, projector_dimension, predictor_hidden)? })
    }
}

impl Method for SimSiam {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let (device, mode) = (device_of(&self.network)?, step.mode());
        // Each view by itself, as in algorithm 1: batch norm never sees both.
        let seen = [0, 1].map(|view| self.network.see(views.tensor(view, &device), &mode));
        // Equation 4.
        let predictions = seen.each_ref().map(|seen| seen.predictions.clone());
        let loss = simsiam(predictions, seen.each_ref().map(|seen| seen.projections.clone()));
        Ok(Objective {
            loss: mean_with_gradient(loss, views.instances.len(), &*step.collective)?,
            terms: Vec::new(),
            representations: seen.map(|seen| seen.representations.without_autodiff()),
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.network
    }

    fn follows_schedule(&self, name: &str) -> bool {
        follows_schedule(name)
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.network)]
    }
}

impl ImageMethod for SimSiam {
    fn backbone(&self) -> &ResNet {
        &self.network.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.network.represent(images, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

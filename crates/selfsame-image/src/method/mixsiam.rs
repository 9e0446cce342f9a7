//! MixSiam: A Mixture-based Approach to Self-supervised Representation Learning.
//!
//! Xiaoyang Guo, Tianhao Zhao, Yutian Lin, Bo Du. 2021, arXiv 2111.02679.
//!
//! SimSiam with a third image: the mixture of both views of an instance. Its target is what is discriminative in either view, the
//! larger of their projections element by element. How the paper draws the mixture's share and how it weighs its two losses could not be
//! verified: Beta(α, α) with α = 1 and equal weights are selfsame's choice, both can be set.

use burn::tensor::Tensor;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::loss::{MixSiamLoss, ViewsPredict, mixsiam, mixture};
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::{Parameters, device_of};
use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::siamese::Siamese;
use super::{Build, Entry, ImageMethod, Layer, simsiam};
use crate::model::ResNet;
use crate::view::Views;

/// MixSiam in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "mixsiam",
    title: "MixSiam",
    paper: "Guo, Zhao, Lin, Du. 2021, arXiv 2111.02679",
    summary: "SimSiam that also foresees the best of both views from their mixture; half as much again a step",
    views: 2,
    // SimSiam's.
    small: r#"
        [view]
        recipe = "simsiam-cifar"
        [method]
        projector_layers = 2
        projector_dimension = "auto"
        predictor_hidden = "auto"
        alpha = 1.0
        mixture_weight = 1.0
        views_predict = "each-other"
        [optimizer]
        name = "adam"
        lr = 5e-4
        lr_scaling = "none"
        weight_decay = 1e-6
        [schedule]
        warmup_epochs = "auto"
    "#,
    // SimSiam's.
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

/// MixSiam's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixSiamConfig {
    /// `mixsiam`.
    pub name: String,
    /// Layers of the projector, batch norm after each: 3, or 2 on CIFAR.
    pub projector_layers: usize,
    /// Features of every layer of the projector, and what is foreseen; by default four times the backbone's.
    pub projector_dimension: Auto<usize>,
    /// Features of the predictor's bottleneck; by default a quarter of the projector's.
    pub predictor_hidden: Auto<usize>,
    /// The mixture's share of view 0 is drawn from Beta(α, α): 1 is uniform, below 1 one view prevails.
    pub alpha: f64,
    /// w in L_sim + w·L_mix.
    pub mixture_weight: f64,
    /// What the views predict: each other's projection, or the larger of both.
    pub views_predict: ViewsPredict,
}

/// The method.
#[derive(Debug)]
pub struct MixSiam {
    network: Siamese,
    alpha: f64,
    mixture_weight: f64,
    views_predict: ViewsPredict,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(MixSiam::new(&from.settings()?, from)?))
}

impl MixSiam {
    /// # Errors
    /// An α that is not positive, a weight below 0, and SimSiam's.
    pub fn new(config: &MixSiamConfig, from: &Build<'_>) -> Result<Self> {
        let MixSiamConfig { projector_layers, projector_dimension, predictor_hidden, .. } = *config;
        let MixSiamConfig { alpha, mixture_weight, views_predict, .. } = *config;
        if !(alpha > 0.0 && alpha.is_finite()) {
            return Err(Error::config(
                format!("method.alpha is {alpha}"),
                "it is the parameter of a Beta distribution and must be positive: 1 draws the mixture uniformly",
            ));
        }
        if !(mixture_weight >= 0.0 && mixture_weight.is_finite()) {
            return Err(Error::config(
                format!("method.mixture_weight is {mixture_weight}"),
                "it weighs the mixture's loss against the views': 1 is usual, 0 leaves SimSiam",
            ));
        }
        let network = simsiam::network(from, projector_layers, projector_dimension, predictor_hidden)?;
        Ok(Self { network, alpha, mixture_weight, views_predict })
    }

    /// λ of every instance, whichever rank has it.
    fn shares(&self, instances: &[usize], step: &Step) -> Vec<f32> {
        let random = step.random.named("mixture");
        instances.iter().map(|&instance| random.at(instance as u64).beta(self.alpha) as f32).collect()
    }
}

impl Method for MixSiam {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let (device, mode) = (device_of(&self.network)?, step.mode());
        let images = [0, 1].map(|view| views.tensor(view, &device));
        let mixed = mixture(images.clone(), &self.shares(&views.instances, step));
        // Views and mixture each by itself: batch norm never sees two of them.
        let seen = images.map(|images| self.network.see(images, &mode));
        let of_mixture = self.network.see(mixed, &mode).predictions;

        let predictions = seen.each_ref().map(|seen| seen.predictions.clone());
        let targets = seen.each_ref().map(|seen| seen.projections.clone());
        let loss = mixsiam(predictions, of_mixture, targets, self.views_predict);
        let all = |term| mean_with_gradient(term, views.instances.len(), &*step.collective);
        let loss = MixSiamLoss { views: all(loss.views)?, mixture: all(loss.mixture)? };
        Ok(Objective {
            loss: loss.total(self.mixture_weight),
            terms: vec![("loss_views", loss.views), ("loss_mixture", loss.mixture)],
            representations: seen.map(|seen| seen.representations.without_autodiff()),
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.network
    }

    fn follows_schedule(&self, name: &str) -> bool {
        simsiam::follows_schedule(name)
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.network)]
    }
}

impl ImageMethod for MixSiam {
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

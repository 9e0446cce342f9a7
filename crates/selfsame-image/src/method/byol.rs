//! BYOL: Bootstrap Your Own Latent, a new approach to self-supervised learning.
//!
//! Jean-Bastien Grill, Florian Strub, Florent Altché, Corentin Tallec, Pierre Richemond and others. NeurIPS 2020, arXiv 2006.07733.
//!
//! From one view of an instance, the online network (backbone f, projector g, predictor q) foresees the projection that a target
//! network makes of the other view (section 3.1). The target is a momentum average of the online network, and no negatives are needed.

use burn::tensor::Tensor;
use selfsame_core::Result;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::loss::byol;
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::{Parameters, device_of};
use selfsame_core::settings::Auto;
use serde::{Deserialize, Serialize};

use super::siamese::{Bootstrap, BootstrapHeads};
use super::{Build, Entry, ImageMethod, Layer};
use crate::model::ResNet;
use crate::view::Views;

/// BYOL in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "byol",
    title: "BYOL",
    paper: "Grill, Strub, Altché, Tallec, Richemond et al. NeurIPS 2020, arXiv 2006.07733",
    summary: "foresees what a slow copy of itself makes of the other view; no negatives, small batches will do",
    views: 2,
    // A few hundred steps: Adam in place of LARS, larger crops, a target that follows within ten steps, heads to scale.
    small: r#"
        [view]
        recipe = "simsiam-cifar"
        [method]
        momentum = 0.9
        projector_hidden = "auto"
        projector_dimension = 128
        predictor_hidden = "auto"
        [optimizer]
        name = "adam"
        lr = 2e-3
        lr_scaling = "none"
        weight_decay = 1e-6
        [schedule]
        warmup_epochs = "auto"
    "#,
    // Section 3.3: 1000 epochs of LARS with lr = 0.2 x N / 256, decay 1.5e-6, ten epochs of warm-up.
    paper_settings: r#"
        [view]
        recipe = "byol"
        image_size = 224
        [backbone]
        name = "resnet50"
        width = 1.0
        stem = "imagenet"
        [method]
        momentum = 0.996
        projector_hidden = 4096
        projector_dimension = 256
        predictor_hidden = 4096
        [optimizer]
        name = "lars"
        lr_scaling = "linear"
        lr = 0.2
        weight_decay = 1.5e-6
        [schedule]
        epochs = 1000
        warmup_epochs = 10.0
        [run]
        batch_size = 4096
    "#,
    build,
};

/// BYOL's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByolConfig {
    /// `byol`.
    pub name: String,
    /// τ_base: what the target keeps of itself in the first step; it rises to 1 until the last.
    pub momentum: f64,
    /// Hidden features of the projector; by default four times the backbone's.
    pub projector_hidden: Auto<usize>,
    /// Features that are foreseen.
    pub projector_dimension: usize,
    /// Hidden features of the predictor; by default the projector's.
    pub predictor_hidden: Auto<usize>,
}

/// The method.
#[derive(Debug)]
pub struct Byol {
    networks: Bootstrap,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(Byol::new(&from.settings()?, from)?))
}

impl Byol {
    /// # Errors
    /// A momentum that is not in 0 to 1, layers without features.
    pub fn new(config: &ByolConfig, from: &Build<'_>) -> Result<Self> {
        let features = from.backbone.features();
        let projector_hidden = config.projector_hidden.or(4 * features);
        let heads = BootstrapHeads {
            projector_hidden,
            projector_dimension: config.projector_dimension,
            predictor_hidden: config.predictor_hidden.or(projector_hidden),
        };
        Ok(Self { networks: Bootstrap::new(from, features, heads, config.momentum)? })
    }
}

impl Method for Byol {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let Bootstrap { online, target, .. } = &self.networks;
        let (device, mode) = (device_of(online)?, step.mode());
        let images = [0, 1].map(|view| views.tensor(view, &device));
        // Each view by itself: batch norm never sees both.
        let seen = images.clone().map(|images| online.see(images, &mode));
        let targets = images.map(|images| {
            let [_, projections] = target.module().see(images.without_autodiff(), &mode);
            projections
        });
        // Equations 2 and 3: both directions.
        let loss = byol(seen.each_ref().map(|seen| seen.predictions.clone()), targets);
        Ok(Objective {
            loss: mean_with_gradient(loss, views.instances.len(), &*step.collective)?,
            terms: Vec::new(),
            representations: seen.map(|seen| seen.representations.without_autodiff()),
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.networks.online
    }

    fn after_step(&mut self, step: &Step) -> Result<()> {
        self.networks.follow(step)
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        self.networks.state()
    }
}

impl ImageMethod for Byol {
    fn backbone(&self) -> &ResNet {
        &self.networks.online.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.networks.online.represent(images, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

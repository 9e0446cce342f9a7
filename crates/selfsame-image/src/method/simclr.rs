//! SimCLR: A Simple Framework for Contrastive Learning of Visual Representations.
//!
//! Ting Chen, Simon Kornblith, Mohammad Norouzi, Geoffrey Hinton. ICML 2020, arXiv 2002.05709.
//!
//! Two views of every instance go through backbone f and projector g (section 2.1); each view must be told from all
//! others of the batch by its partner (NT-Xent, eq. 1). The representation is h = f(x), before the projector
//! (section 4.2).

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::Result;
use selfsame_core::collective::gather_with_gradient;
use selfsame_core::head::{Mlp, MlpConfig};
use selfsame_core::loss::nt_xent;
use selfsame_core::method::{Method, Objective, Step, check_temperature};
use selfsame_core::nn::{Mode, Parameters, device_of};
use selfsame_core::settings::Auto;
use serde::{Deserialize, Serialize};

use super::{Build, Entry, ImageMethod, Layer};
use crate::model::ResNet;
use crate::view::Views;

/// SimCLR in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "simclr",
    title: "SimCLR",
    paper: "Chen, Kornblith, Norouzi, Hinton. ICML 2020, arXiv 2002.05709",
    summary: "two views against all others of the batch; simple and robust, likes large batches",
    views: 2,
    // Section B.9 (CIFAR), but for what a few hundred steps need: small batches, since steps count for more than
    // negatives, a low temperature, and SGD in place of LARS.
    small: r#"
        [view]
        recipe = "simclr-cifar"
        [method]
        temperature = 0.2
        projector = "mlp"
        projector_hidden = "auto"
        projector_dimension = 128
        [optimizer]
        name = "sgd"
        lr = 0.24
        weight_decay = 5e-4
        [schedule]
        warmup_epochs = 1.0
    "#,
    // Section 2.2 and appendix B.6: lr = 0.3 x N / 256, decay 1e-6, ten epochs of warm-up.
    paper_settings: r#"
        [view]
        recipe = "simclr"
        image_size = 224
        [backbone]
        name = "resnet50"
        width = 1.0
        stem = "imagenet"
        [method]
        temperature = 0.1
        [optimizer]
        name = "lars"
        lr = 0.3
        weight_decay = 1e-6
        [schedule]
        epochs = 100
        warmup_epochs = 10.0
        [run]
        batch_size = 4096
    "#,
    build,
};

/// The projectors that section 4.2 compares (figure 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectorKind {
    /// The representation itself.
    None,
    /// One linear layer.
    Linear,
    /// Linear–BN–ReLU–Linear.
    Mlp,
}

/// SimCLR's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimClrConfig {
    /// `simclr`.
    pub name: String,
    /// τ of eq. 1.
    pub temperature: f64,
    /// g: `none`, `linear` or `mlp` (figure 8).
    pub projector: ProjectorKind,
    /// Hidden features of the MLP; by default as many as the backbone's.
    pub projector_hidden: Auto<usize>,
    /// Features that are compared.
    pub projector_dimension: usize,
}

/// What is trained: f and g.
#[derive(Module, Debug)]
pub struct Encoder {
    backbone: ResNet,
    projector: Option<Mlp>,
}

impl Encoder {
    fn project(&self, representations: Tensor<2>, mode: &Mode) -> Tensor<2> {
        match &self.projector {
            Some(projector) => projector.forward(representations, mode),
            None => representations,
        }
    }
}

/// The method.
#[derive(Debug)]
pub struct SimClr {
    encoder: Encoder,
    temperature: f64,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(SimClr::new(&from.settings()?, from)?))
}

impl SimClr {
    /// # Errors
    /// A temperature that is not positive, layers without features.
    pub fn new(config: &SimClrConfig, from: &Build<'_>) -> Result<Self> {
        check_temperature(config.temperature)?;
        let backbone = from.backbone()?;
        let hidden = config.projector_hidden.or(backbone.features());
        let hidden: Option<&[usize]> = match config.projector {
            ProjectorKind::None => None,
            ProjectorKind::Linear => Some(&[]),
            ProjectorKind::Mlp => Some(&[hidden]),
        };
        let projector = hidden
            .map(|hidden| MlpConfig::new(backbone.features(), hidden, config.projector_dimension))
            .map(|config| config.init(&from.random.named("projector"), &from.device))
            .transpose()?;
        Ok(Self { encoder: Encoder { backbone, projector }, temperature: config.temperature })
    }
}

impl Method for SimClr {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let device = device_of(&self.encoder)?;
        let batch = views.instances.len();
        // Both views in one pass: batch norm sees 2N images, as in the authors' code.
        let images = Tensor::cat(vec![views.tensor(0, &device), views.tensor(1, &device)], 0);
        let representations = self.encoder.backbone.forward(images, &step.mode());
        let projections = self.encoder.project(representations.clone(), &step.mode());

        let [first, second] = [0..batch, batch..2 * batch].map(|rows| projections.clone().slice(rows));
        let all = |local| gather_with_gradient(local, &*step.collective);
        let loss = nt_xent([all(first)?, all(second)?], self.temperature);
        let frozen = representations.without_autodiff();
        Ok(Objective {
            loss,
            terms: Vec::new(),
            representations: [0..batch, batch..2 * batch].map(|rows| frozen.clone().slice(rows)),
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.encoder
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.encoder)]
    }
}

impl ImageMethod for SimClr {
    fn backbone(&self) -> &ResNet {
        &self.encoder.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        let frozen = self.encoder.valid();
        let representation = frozen.backbone.forward(images, &Mode::Evaluate);
        match layer {
            Layer::Backbone => representation,
            Layer::Projector => frozen.project(representation, &Mode::Evaluate),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

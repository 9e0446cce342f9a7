//! W-MSE: Whitening for Self-Supervised Representation Learning.
//!
//! Aleksandr Ermolov, Aliaksandr Siarohin, Enver Sangineto, Nicu Sebe. ICML 2021, arXiv 2007.06346.
//!
//! Two or four views of every instance go through backbone and head, each view by itself. Per view, sub-batches of the projections are
//! whitened: no mean, the identity as covariance (section 3). That keeps them from collapsing, so that the views of an instance
//! need only be pulled together, without negatives or a second network.

use burn::tensor::Tensor;
use selfsame_core::collective::gather_with_gradient;
use selfsame_core::head::MlpConfig;
use selfsame_core::loss::{Whitening, w_mse};
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::{Parameters, device_of};
use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::{Build, Entry, ImageMethod, Layer};
use crate::model::ResNet;
use crate::settings::RunSettings;
use crate::view::Views;

/// W-MSE in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "w-mse",
    title: "W-MSE",
    paper: "Ermolov, Siarohin, Sangineto, Sebe. ICML 2021, arXiv 2007.06346",
    summary: "views pulled together after whitening; no negatives, no second network, two or four views",
    views: 2,
    // The paper's, but for fewer features, so that a batch of 128 has two sub-batches, and a schedule that comes to rest within a few hundred
    // steps.
    small: r#"
        [view]
        recipe = "w-mse"
        [method]
        views = 2
        projector_hidden = "auto"
        projector_dimension = 32
        w_size = "auto"
        w_iter = 1
        epsilon = 0.0
        comparison = "normalised"
        [optimizer]
        name = "adam"
        lr = 3e-3
        lr_scaling = "none"
        weight_decay = 1e-6
        [schedule]
        warmup_epochs = 1.0
        [run]
        batch_size = 128
    "#,
    // Section 4 and the authors' code (CIFAR-10): 500 steps of warm-up, which are 5.15 epochs of 97, and a fifth of the learning rate
    // from 50 and again from 25 epochs before the end.
    paper_settings: r#"
        [view]
        recipe = "w-mse"
        image_size = 32
        [backbone]
        name = "resnet18"
        width = 1.0
        stem = "cifar"
        [method]
        projector_hidden = 1024
        projector_dimension = 64
        w_size = 128
        [optimizer]
        name = "adam"
        lr = 3e-3
        weight_decay = 1e-6
        [schedule]
        epochs = 1000
        kind = "step"
        warmup_epochs = 5.15
        milestones = [950.0, 975.0]
        factor = 0.2
        [run]
        batch_size = 512
    "#,
    build,
};

/// How two whitened projections are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// 2 − 2cos.
    Normalised,
    /// The mean squared difference of their elements.
    Squared,
}

/// W-MSE's settings, section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WMseConfig {
    /// `w-mse`.
    pub name: String,
    /// d: the views of an instance, all of which are compared; 2 and 4 in the paper.
    pub views: usize,
    /// Hidden features of the head; by default as many as the backbone's, 1,024 in the paper.
    pub projector_hidden: Auto<usize>,
    /// Features that are whitened.
    pub projector_dimension: usize,
    /// Rows of a sub-batch, at least twice the features. By default twice the features, as in all of the paper's settings: a covariance that is
    /// known better lets the representation shrink to few dimensions on small data.
    pub w_size: Auto<usize>,
    /// How often sub-batches are drawn in a step; the losses are averaged.
    pub w_iter: usize,
    /// ε: the covariance Σ is moved to (1 − ε)Σ + εI.
    pub epsilon: f64,
    /// `normalised` or `squared`.
    pub comparison: Comparison,
}

/// The method.
#[derive(Debug)]
pub struct WMse {
    encoder: Encoder,
    config: WMseConfig,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(WMse::new(&from.settings()?, from)?))
}

impl WMse {
    /// # Errors
    /// Sub-batches whose covariance is not well known, or that a batch does not fill; settings out of their range.
    pub fn new(config: &WMseConfig, from: &Build<'_>) -> Result<Self> {
        let run: RunSettings = from.settings.section("run")?;
        config.validate(run.batch_size)?;
        let backbone = from.backbone()?;
        let hidden = config.projector_hidden.or(backbone.features());
        // The mean is taken away, so that a bias of the last layer would have no gradient but rounding, which Adam makes steps of.
        let projector =
            MlpConfig::new(backbone.features(), &[hidden], config.projector_dimension).without_output_bias();
        let projector = projector.init(&from.random.named("projector"), &from.device)?;
        Ok(Self { encoder: Encoder { backbone, projector }, config: config.clone() })
    }
}

impl WMseConfig {
    /// Rows of a sub-batch.
    pub fn sub_batch(&self) -> usize {
        self.w_size.or(2 * self.projector_dimension)
    }

    fn validate(&self, batch: usize) -> Result<()> {
        let check =
            |fits: bool, what: String, help: &str| if fits { Ok(()) } else { Err(Error::config(what, help)) };
        let (features, size) = (self.projector_dimension, self.sub_batch());
        let least = 2 * features;
        check(
            self.views >= 2,
            format!("method.views is {}", self.views),
            "give at least 2; the paper has 2 and 4",
        )?;
        check(self.w_iter > 0, "method.w_iter is 0".into(), "give at least 1; the paper has 1 and 4")?;
        check(
            (0.0..=1.0).contains(&self.epsilon),
            format!("method.epsilon is {}, which is not in 0 to 1", self.epsilon),
            "the paper has 0; 0.01 keeps the covariance from being singular",
        )?;
        check(
            size >= least,
            format!(
                "method.w_size is {size}, but {features} features need sub-batches of at least {least} rows"
            ),
            &format!("give method.w_size = {least} or more, or a smaller method.projector_dimension"),
        )?;
        check(
            batch >= size,
            format!("a batch of {batch} does not fill a sub-batch of {size} rows (method.w_size)"),
            &format!(
                "give run.batch_size = {size} or more, or a smaller method.projector_dimension and method.w_size of at least twice that"
            ),
        )
    }
}

impl Method for WMse {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let device = device_of(&self.encoder)?;
        // Every view by itself, as in the authors' code: batch norm sees one view at a time.
        let mut representations = Vec::with_capacity(self.config.views);
        let mut projections = Vec::with_capacity(self.config.views);
        for view in 0..self.config.views {
            let [representation, projection] = self.encoder.see(views.tensor(view, &device), &step.mode());
            projections.push(gather_with_gradient(projection, &*step.collective)?);
            representations.push(representation.without_autodiff());
        }
        // One permutation of the whole batch, over all ranks, for all views.
        let batch = views.instances.len() * step.collective.size();
        let draw = |draw| step.random.named("sub-batches").at(draw).permutation(batch);
        let permutations: Vec<_> = (0..self.config.w_iter as u64).map(draw).collect();
        let whitening = Whitening {
            size: self.config.sub_batch(),
            epsilon: self.config.epsilon,
            normalised: self.config.comparison == Comparison::Normalised,
        };
        let loss = w_mse(&projections, &permutations, &whitening)?;
        Ok(Objective {
            loss,
            terms: Vec::new(),
            representations: [0, 1].map(|view| representations[view].clone()),
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.encoder
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.encoder)]
    }
}

impl ImageMethod for WMse {
    fn backbone(&self) -> &ResNet {
        &self.encoder.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.encoder.represent(images, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

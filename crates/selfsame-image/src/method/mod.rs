//! The image methods: one paper, one file.
//!
//! To add one, write its file and its line in [`METHODS`]; nothing else changes. CONTRIBUTING.md walks through it.

mod byol;
mod densecl;
mod encoder;
mod mixsiam;
mod mochi;
mod moco_v2;
mod scrl;
mod siamese;
mod simclr;
mod simsiam;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
mod w_mse;

pub use byol::{Byol, ByolConfig};
pub use densecl::{DenseCl, DenseClConfig};
pub use mixsiam::{MixSiam, MixSiamConfig};
pub use mochi::{Mochi, MochiConfig};
pub use moco_v2::MocoV2;
pub use scrl::{Scrl, ScrlConfig};
pub use simclr::{SimClr, SimClrConfig};
pub use simsiam::{SimSiam, SimSiamConfig};
pub use w_mse::{WMse, WMseConfig};

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
pub use selfsame_core::method::Layer;
use selfsame_core::method::Method;
use selfsame_core::nn::Mode;
use selfsame_core::pretrain::About;
use selfsame_core::settings::{Resolved, unknown_name};
use selfsame_core::{Random, Result};

use crate::model::{ResNet, ResNetConfig, load_backbone};
use crate::view::Views;

/// A method that learns from views of images.
pub trait ImageMethod: Method<Views = Views> {
    /// What is kept when training is over.
    fn backbone(&self) -> &ResNet;

    /// The frozen representation of images `[batch, 3, side, side]` at a layer, `[batch, features]`; batch norm uses its running statistics
    /// and no gradient is recorded.
    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2>;

    /// The backbone's frozen map of images `[batch, 3, height, width]`, `[batch, features, rows, columns]`, before it is pooled to the
    /// [representation](Self::represent); batch norm uses its running statistics and no gradient is recorded.
    fn represent_map(&self, images: Tensor<4>) -> Tensor<4> {
        self.backbone().valid().forward_map(images, &Mode::Evaluate)
    }
}

/// What the program and the loop need to know of a method before it is built.
pub struct Entry {
    /// As typed on the command line.
    pub name: &'static str,
    /// As the paper writes it.
    pub title: &'static str,
    /// Authors, venue, arXiv number.
    pub paper: &'static str,
    /// In one line, when to use it.
    pub summary: &'static str,
    /// Views of an instance; the setting `method.views` goes over it, where a method has it.
    pub views: usize,
    /// Settings that work on small data and in a short time, as TOML; they go over the general defaults.
    pub small: &'static str,
    /// The paper's own settings, as TOML; they go over `small` with `--preset paper`.
    pub paper_settings: &'static str,
    /// Builds the method.
    pub build: fn(&Build<'_>) -> Result<Box<dyn ImageMethod>>,
}

impl Entry {
    /// What there is to say of it as of any method.
    pub fn about(&self) -> About {
        let Self { name, title, paper, summary, small, paper_settings, .. } = *self;
        About { name, title, paper, summary, small, paper_settings }
    }

    /// Views of an instance with these settings.
    pub fn views(&self, settings: &Resolved) -> usize {
        let set = settings.integer("method", "views").and_then(|views| usize::try_from(views).ok());
        set.unwrap_or(self.views)
    }
}

/// What a method is built from.
pub struct Build<'a> {
    /// The backbone's configuration.
    pub backbone: ResNetConfig,
    /// Weights that the backbone starts from instead of random ones.
    pub initial: Option<PathBuf>,
    /// The settings of the training.
    pub settings: &'a Resolved,
    /// Randomness of the initial weights.
    pub random: Random,
    /// Where the parameters live, with gradients.
    pub device: Device,
}

impl Build<'_> {
    /// The backbone with its initial weights.
    ///
    /// # Errors
    /// Sizes that cannot be, and initial weights that cannot be read or do not fit.
    pub fn backbone(&self) -> Result<ResNet> {
        let mut backbone = self.backbone.init(&self.random.named("backbone"), &self.device)?;
        if let Some(file) = &self.initial {
            let report = load_backbone(&mut backbone, file)?;
            tracing::info!("{}: {report:?}", file.display());
        }
        Ok(backbone)
    }

    /// The `method` section as a method's own type.
    ///
    /// # Errors
    /// When a value has the wrong type.
    pub fn settings<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        self.settings.section("method")
    }
}

/// Every image method, in the order in which `selfsame list methods` shows them.
pub const METHODS: &[Entry] = &[
    simclr::ENTRY,
    moco_v2::ENTRY,
    byol::ENTRY,
    simsiam::ENTRY,
    mixsiam::ENTRY,
    w_mse::ENTRY,
    mochi::ENTRY,
    densecl::ENTRY,
    scrl::ENTRY,
];

/// The method of this name.
///
/// # Errors
/// Unknown names, with the closest known one.
pub fn by_name(name: &str) -> Result<&'static Entry> {
    METHODS.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<&str> = METHODS.iter().map(|entry| entry.name).collect();
        unknown_name("method", name, &names)
    })
}

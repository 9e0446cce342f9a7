//! The video methods: one paper, one file.
//!
//! To add one, write its file and its line in [`METHODS`]; nothing else changes. CONTRIBUTING.md walks through it.

mod be;
mod cmd;
mod cstp;
mod encoder;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
mod video_moco;

pub use be::{ErasedBy, Erasing, ErasingConfig};
pub use cmd::{Cmd, CmdConfig, Networks as CmdNetworks};
pub use cstp::{Cstp, CstpConfig};
pub use selfsame_core::method::Layer;
pub use video_moco::{TimeConfig, VideoMoco};

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::method::Method;
use selfsame_core::nn::Mode;
use selfsame_core::pretrain::About;
use selfsame_core::settings::{Resolved, unknown_name};
use selfsame_core::{Random, Result};

use crate::model::{Backbone, BackboneConfig, load_backbone};
use crate::view::{Arrangement, ClipViews};

/// A method that learns from views of videos.
pub trait VideoMethod: Method<Views = ClipViews> {
    /// What is kept when training is over.
    fn backbone(&self) -> &Backbone;

    /// The frozen representation of clips `[batch, 3, frames, side, side]` at a layer, `[batch, features]`; batch norm uses its running statistics
    /// and no gradient is recorded.
    fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2>;

    /// The backbone's frozen map of clips, `[batch, features, frames', rows, columns]`, before it is pooled to the
    /// [representation](Self::represent); batch norm uses its running statistics and no gradient is recorded.
    fn represent_map(&self, clips: Tensor<5>) -> Tensor<5> {
        self.backbone().valid().forward_map(clips, &Mode::Evaluate)
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
    /// The views that it needs with these settings.
    pub arrangement: fn(&Resolved) -> Result<Arrangement>,
    /// Settings that work on small data and in a short time, as TOML; they go over the general defaults.
    pub small: &'static str,
    /// The paper's own settings, as TOML; they go over `small` with `--preset paper`.
    pub paper_settings: &'static str,
    /// Builds the method itself; [`build`] also erases backgrounds, where that is asked for.
    build: fn(&Build<'_>) -> Result<Box<dyn VideoMethod>>,
}

impl Entry {
    /// What there is to say of it as of any method.
    pub fn about(&self) -> About {
        let Self { name, title, paper, summary, small, paper_settings, .. } = *self;
        About { name, title, paper, summary, small, paper_settings }
    }
}

/// What a method is built from.
pub struct Build<'a> {
    /// The backbone's configuration.
    pub backbone: BackboneConfig,
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
    pub fn backbone(&self) -> Result<Backbone> {
        let mut backbone = self.backbone.init(&self.random.named("backbone"), &self.device)?;
        self.load_initial(&mut backbone)?;
        Ok(backbone)
    }

    /// Puts the initial weights, if there are any, into a backbone of this configuration.
    ///
    /// # Errors
    /// Weights that cannot be read or do not fit.
    fn load_initial(&self, backbone: &mut Backbone) -> Result<()> {
        if let Some(file) = &self.initial {
            let report = load_backbone(backbone, &self.backbone, file)?;
            tracing::info!("{}: {report:?}", file.display());
        }
        Ok(())
    }

    /// The `method` section as a method's own type.
    ///
    /// # Errors
    /// When a value has the wrong type.
    pub fn settings<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        self.settings.section("method")
    }
}

/// Every video method, in the order in which `selfsame list methods` shows them.
pub const METHODS: &[Entry] = &[video_moco::ENTRY, be::ENTRY, cstp::ENTRY, cmd::ENTRY];

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

/// The method of these settings, which erases backgrounds if it shall.
///
/// # Errors
/// Settings that cannot be used, and initial weights that cannot be read or do not fit.
pub fn build(entry: &Entry, from: &Build<'_>) -> Result<Box<dyn VideoMethod>> {
    let config: ErasingConfig = from.settings()?;
    config.validate()?;
    let method = (entry.build)(from)?;
    Ok(if config.erase_background == 0.0 { method } else { Box::new(Erasing::new(method, config)) })
}

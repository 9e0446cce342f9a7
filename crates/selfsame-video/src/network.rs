//! The network of a training, as its settings describe it.

use std::path::PathBuf;

use burn::tensor::Device;
use selfsame_core::settings::Resolved;
use selfsame_core::{Random, Result};

use crate::method::{self, Build, Entry, VideoMethod};
use crate::model::{Architecture, BackboneConfig};
use crate::settings::{BackboneSettings, RunSettings, ViewSettings};

/// The file of weights that the backbone starts from, unless from random ones.
pub(crate) fn initial_weights(settings: &Resolved) -> Result<Option<PathBuf>> {
    let backbone: BackboneSettings = settings.section("backbone")?;
    Ok(match backbone.init_from.as_str() {
        "" => None,
        file => Some(PathBuf::from(file)),
    })
}

/// The network of these settings before its first step, on a device.
pub(crate) fn build(
    entry: &Entry,
    settings: &Resolved,
    initial: Option<PathBuf>,
    device: &Device,
) -> Result<Box<dyn VideoMethod>> {
    let view: ViewSettings = settings.section("view")?;
    let run: RunSettings = settings.section("run")?;
    let backbone = backbone_config(settings)?;
    backbone.check_clip_size(view.frames, view.image_size, view.image_size)?;
    let random = Random::new(run.seed).named("parameters");
    method::build(entry, &Build { backbone, initial, settings, random, device: device.clone() })
}

/// The backbone of these settings.
pub(crate) fn backbone_config(settings: &Resolved) -> Result<BackboneConfig> {
    let backbone: BackboneSettings = settings.section("backbone")?;
    Ok(BackboneConfig { architecture: Architecture::by_name(&backbone.name)?, width: backbone.width })
}

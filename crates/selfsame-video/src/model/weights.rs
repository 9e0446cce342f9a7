//! Weights of backbones for clips, in and out, under torchvision's names; see [`selfsame_core::weights`].

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use selfsame_core::nn::{Parameter, Parameters};
use selfsame_core::weights::{self, Family, Format, LoadReport, Naming, WeightFile, load};
use selfsame_core::{Random, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Architecture, Backbone, BackboneConfig};

const REMEDY: &str =
    "give weights of one of the networks of `selfsame list backbones`, under torchvision's names";

const RESNETS: Family = Family {
    name: "residual network for clips",
    first: "stem.0.weight",
    modules: &[("stem", "0"), ("layer1", "1"), ("layer2", "2"), ("layer3", "3"), ("layer4", "4")],
    remedy: REMEDY,
};

const S3D: Family =
    Family { name: "S3D", first: "features.0.0.0.weight", modules: &[("features", "0")], remedy: REMEDY };

const C3D: Family =
    Family { name: "C3D", first: "features.0.weight", modules: &[("features", "0")], remedy: REMEDY };

fn family(architecture: Architecture) -> &'static Family {
    match architecture {
        Architecture::S3d => &S3D,
        Architecture::C3d => &C3D,
        _ => &RESNETS,
    }
}

/// How videos must be prepared for the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Frames of a clip.
    pub frames: usize,
    /// From one frame of a clip to the next, in frames of the video.
    pub stride: usize,
    /// Side of the square clip that goes in, in pixels.
    pub clip_size: usize,
    /// The shorter side of the video before the central square is cut out, in pixels.
    pub resize: usize,
    /// Subtracted from each channel (red, green, blue in 0..=1).
    pub mean: [f32; 3],
    /// By which each channel is divided then.
    pub std: [f32; 3],
}

/// What is written beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The network.
    pub backbone: BackboneConfig,
    /// The method that trained it.
    pub method: String,
    /// The run that trained it.
    pub run: String,
    /// Optimiser steps.
    pub steps: usize,
    /// How videos must be prepared.
    pub preprocess: Preprocess,
}

/// The network whose weights a file holds, read off its tensors' names and shapes.
///
/// # Errors
/// When the file cannot be read, or holds no network that can be built here.
pub fn detect(path: &Path) -> Result<BackboneConfig> {
    let file = WeightFile::open(path)?;
    held(&file).ok_or_else(|| Family { name: "backbone for clips", ..RESNETS }.not_in(&file))
}

/// Loads the weights of a file into a backbone of this configuration; see [`load`].
///
/// # Errors
/// When the file cannot be read, and as [`load`].
pub fn load_backbone(backbone: &mut Backbone, config: &BackboneConfig, path: &Path) -> Result<LoadReport> {
    let file = WeightFile::open(path)?;
    load(backbone, &file, family(config.architecture), || held(&file).map(|config| config.to_string()))
}

/// The network all of whose tensors a file holds, and no more of it.
fn held(file: &WeightFile) -> Option<BackboneConfig> {
    Architecture::ALL.into_iter().find_map(|architecture| {
        let family = family(architecture);
        // The names are the same at any width.
        let narrow = BackboneConfig { architecture, width: 1.0 / 64.0 };
        let parameters = narrow.init(&Random::new(0), &Device::default()).ok()?.parameters();
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let naming = Naming::find(file, family, &names)?;
        let has_all = names.iter().all(|name| file.get(&naming.in_file(name)).is_some());
        // A network's first stage has 64 channels at width 1: those of the first convolution, or of the last of the stem where it is factored.
        let first = if names.contains(&"stem.3.weight") { "stem.3.weight" } else { family.first };
        let channels = *file.get(&naming.in_file(first))?.shape.first()?;
        let is_it = has_all && naming.unexpected(file, &names).is_empty();
        is_it.then_some(BackboneConfig { architecture, width: channels as f64 / 64.0 })
    })
}

/// Writes the weights to `path` and `preprocess.json` beside it, and returns the paths of both. Missing folders are made. `parameters` are those of a
/// [`Backbone`] or of a [`Classifier`](super::Classifier), which brings its `fc` along, under torchvision's name for it.
///
/// # Errors
/// When a file cannot be written, or the name does not end in `.safetensors`.
pub fn export(parameters: &[Parameter], format: Format, about: &About, path: &Path) -> Result<[PathBuf; 2]> {
    let metadata = json!({
        "format": "pt",
        "producer": concat!("selfsame ", env!("CARGO_PKG_VERSION")),
        "method": about.method,
        "run": about.run,
        "steps": about.steps.to_string(),
        "backbone": about.backbone.architecture.name(),
        "width": about.backbone.width.to_string(),
        "preprocess": json!(about.preprocess).to_string(),
    });
    let mut parameters = parameters.to_vec();
    if (format, about.backbone.architecture) == (Format::Torchvision, Architecture::S3d) {
        parameters.iter_mut().for_each(classify_as_s3d);
    }
    weights::export(&parameters, format, about.steps, metadata, about, path)
}

/// torchvision's S3D classifies with a convolution of one pixel, the second layer of its classifier.
fn classify_as_s3d(parameter: &mut Parameter) {
    if let Some(part) = parameter.name.strip_prefix("fc.") {
        if part == "weight" {
            parameter.shape.extend([1; 3]);
        }
        parameter.name = format!("classifier.1.{part}");
    }
}

#[cfg(test)]
mod tests;

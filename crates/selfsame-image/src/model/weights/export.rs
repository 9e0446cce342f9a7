//! ResNets out, with what one must know to use them.

use std::path::{Path, PathBuf};

use selfsame_core::Result;
use selfsame_core::nn::Parameter;
use selfsame_core::weights::{self, Format};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::{ResNetConfig, Stem};

/// How pictures must be prepared for the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// Side of the square image that goes in, in pixels.
    pub image_size: usize,
    /// The shorter side of the picture before the central square is cut out, in pixels.
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
    pub backbone: ResNetConfig,
    /// The method that trained it.
    pub method: String,
    /// The run that trained it.
    pub run: String,
    /// Optimiser steps.
    pub steps: usize,
    /// How pictures must be prepared.
    pub preprocess: Preprocess,
}

/// Writes the weights to `path` and `preprocess.json` beside it, and returns the paths of both. Missing
/// folders are made. `parameters` are those of a [`ResNet`](crate::model::ResNet) or of a
/// [`Classifier`](crate::model::Classifier), which brings its `fc` along.
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
        "backbone": about.backbone.depth.name(),
        "width": about.backbone.width.to_string(),
        "stem": about.backbone.stem.name(),
        "preprocess": json!(about.preprocess).to_string(),
    });
    weights::export(parameters, format, about.steps, metadata, about, path)
}

/// What a user must know who loads the weights of this network into torchvision's or timm's; nothing for the
/// paper's network.
pub fn loading_note(backbone: &ResNetConfig) -> Option<String> {
    let mut notes = Vec::new();
    if backbone.stem == Stem::Cifar {
        notes.push("replace its `conv1` by a 3×3 convolution of stride 1 and padding 1, and its `maxpool` by `torch.nn.Identity()`".into());
    }
    if backbone.width != 1.0 {
        notes.push(format!(
            "its channels must be multiplied by {}, which its constructor does not offer",
            backbone.width
        ));
    }
    let name = backbone.depth.name();
    (!notes.is_empty()).then(|| format!("before {name} can load these weights: {}", notes.join("; ")))
}

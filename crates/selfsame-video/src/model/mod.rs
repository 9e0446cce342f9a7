//! Backbones for clips: `[batch, channels, frames, height, width]` to features, and their weights in and out.
//!
//! Inside, all maps have their channels last (`[batch, frames, height, width, channels]`), so that a pixel is one vector.

mod backbone;
mod c3d;
mod classifier;
mod config;
mod context_motion;
mod layers;
mod resnet;
mod s3d;
#[cfg(test)]
mod tests;
mod transformer;
mod weights;

pub use backbone::Backbone;
pub use c3d::C3d;
pub use classifier::Classifier;
pub use config::{Architecture, BackboneConfig};
pub use context_motion::{ContextMotion, ContextMotionConfig};
pub use resnet::VideoResNet;
pub use s3d::S3d;
pub use selfsame_core::weights::{Format, LoadReport};
pub use transformer::{Transformer, TransformerConfig};
pub use weights::{About, Preprocess, detect, export, load_backbone};

use resnet::{Kernels, Stem, VideoResNetConfig};

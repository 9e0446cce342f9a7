//! Backbones, and their weights in and out.

mod classifier;
mod resnet;
mod weights;

pub use classifier::Classifier;
pub use resnet::{Depth, ResNet, ResNetConfig, Stem};
pub use weights::{About, Format, LoadReport, Preprocess, detect, export, load_backbone, loading_note};

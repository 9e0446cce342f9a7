//! Weights of ResNets, in and out, under torchvision's names; see [`selfsame_core::weights`].

mod export;

pub use export::{About, Preprocess, export, loading_note};
pub use selfsame_core::weights::{Format, LoadReport};

use std::path::Path;

use selfsame_core::Result;
use selfsame_core::weights::{Family, Naming, WeightFile, load};

use super::{Depth, ResNet, ResNetConfig, Stem};

const RESNETS: Family = Family {
    name: "ResNet",
    first: "conv1.weight",
    modules: &[
        ("conv1", "0"),
        ("bn1", "1"),
        ("layer1", "4"),
        ("layer2", "5"),
        ("layer3", "6"),
        ("layer4", "7"),
    ],
    remedy: "give weights of a ResNet-18, 34, 50 or 101 under torchvision's or timm's names",
};

/// The network whose weights a file holds, read off its tensors' names and shapes.
///
/// # Errors
/// When the file cannot be read, or holds no ResNet that can be built here.
pub fn detect(path: &Path) -> Result<ResNetConfig> {
    let file = WeightFile::open(path)?;
    held(&file).ok_or_else(|| RESNETS.not_in(&file))
}

/// Loads the weights of a file into a backbone of the same architecture; see [`load`].
///
/// # Errors
/// When the file cannot be read, and as [`load`].
pub fn load_backbone(backbone: &mut ResNet, path: &Path) -> Result<LoadReport> {
    let file = WeightFile::open(path)?;
    load(backbone, &file, &RESNETS, || held(&file).map(|config| config.to_string()))
}

/// The network whose tensors a file holds.
fn held(file: &WeightFile) -> Option<ResNetConfig> {
    // Every ResNet has these; they tell where to look for the rest.
    let common = ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "layer4.1.conv2.weight"];
    let naming = Naming::find(file, &RESNETS, &common)?;
    let shape = |name: &str| file.get(&naming.in_file(name)).map(|tensor| tensor.shape.as_slice());
    let blocks = [1, 2, 3, 4].map(|layer| {
        (0..).take_while(|block| shape(&format!("layer{layer}.{block}.conv1.weight")).is_some()).count()
    });
    let expansion = if shape("layer1.0.conv3.weight").is_some() { 4 } else { 1 };
    let depth = Depth::ALL.into_iter().find(|d| d.blocks() == blocks && d.expansion() == expansion)?;
    let [channels, 3, side, _] = *shape("conv1.weight")? else { return None };
    let stem = match side {
        7 => Stem::ImageNet,
        3 => Stem::Cifar,
        _ => return None,
    };
    Some(ResNetConfig { depth, width: channels as f64 / 64.0, stem })
}

#[cfg(test)]
mod tests;

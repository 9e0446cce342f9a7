//! Weights of ResNets, in and out, under torchvision's names.
//!
//! In: safetensors files and PyTorch's `.pth` in all its formats. A pickle is only ever *read*: the reader
//! interprets the few calls that rebuild tensors and dictionaries, keeps any other as a name, and has no
//! Python to run it with. Out: safetensors files that torchvision, timm and selfsame load as they are.

mod export;
mod file;
mod names;

pub use export::{About, Format, Preprocess, export, loading_note};

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use selfsame_core::nn::Parameters;
use selfsame_core::{Error, Result};

use super::{ResNet, ResNetConfig};
use file::WeightFile;
use names::Naming;

/// How many names an error lists.
const LISTED: usize = 5;

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// Tensors that went into the network.
    pub loaded: usize,
    /// What stood before torchvision's names (`module.encoder_q.`), or nothing.
    pub prefix: String,
    /// Tensors of the file that are no part of a backbone (`fc.weight`, a projector, a queue), sorted.
    pub ignored: Vec<String>,
}

impl Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors loaded", self.loaded)?;
        if !self.prefix.is_empty() {
            write!(f, " from `{}*`", self.prefix)?;
        }
        match self.ignored.len() {
            0 => Ok(()),
            n => write!(f, ", {n} ignored ({})", first(&self.ignored)),
        }
    }
}

/// The network whose weights a file holds, read off its tensors' names and shapes.
///
/// # Errors
/// When the file cannot be read, or holds no ResNet that can be built here.
pub fn detect(path: &Path) -> Result<ResNetConfig> {
    let file = WeightFile::open(path)?;
    names::detect(&file).ok_or_else(|| no_resnet(path, &file))
}

/// Loads the weights of a file (safetensors, `.pth` or `.pt`) into a backbone of the same architecture.
/// Prefixes that training programs put before the names (`state_dict.`, `module.`, `backbone.`, `encoder_q.`
/// …) are found and taken off; the encoder that was trained is preferred to its momentum average; what is no
/// part of a backbone is ignored and reported.
///
/// # Errors
/// When the file cannot be read or is damaged, and when tensors are missing, are too many, or have another
/// shape: names are listed, and the network that the file does hold is named. The backbone is then as it was.
pub fn load_backbone(backbone: &mut ResNet, path: &Path) -> Result<LoadReport> {
    let file = WeightFile::open(path)?;
    let expected = backbone.parameters();
    let names: Vec<&str> = expected.iter().map(|parameter| parameter.name.as_str()).collect();
    let naming = Naming::find(&file, &names).ok_or_else(|| no_resnet(path, &file))?;

    let missing: Vec<_> =
        names.iter().map(|name| naming.in_file(name)).filter(|name| file.get(name).is_none()).collect();
    let unexpected = naming.unexpected(&file, &names);
    let mut reshaped = Vec::new();
    for parameter in &expected {
        let name = naming.in_file(&parameter.name);
        if let Some(stored) = file.get(&name).filter(|stored| stored.shape != parameter.shape) {
            reshaped.push(format!("{name} is {:?} instead of {:?}", stored.shape, parameter.shape));
        }
    }
    let problems = [("missing", &missing), ("too many", &unexpected), ("of another shape", &reshaped)];
    if problems.iter().any(|(_, names)| !names.is_empty()) {
        let said = problems.iter().filter(|(_, names)| !names.is_empty());
        let what =
            said.map(|(problem, names)| format!("{} tensors are {problem} ({})", names.len(), first(names)));
        let help = match names::detect(&file) {
            Some(found) => format!("the file holds {found}: choose that backbone"),
            None => "choose the backbone with which these weights were trained".into(),
        };
        let what = format!("the weights do not fit the backbone: {}", what.collect::<Vec<_>>().join("; "));
        return Err(Error::data(path, what, help));
    }

    let mut values = HashMap::new();
    for parameter in &expected {
        values.insert(parameter.name.clone(), file.read(&naming.in_file(&parameter.name))?);
    }
    let used: Vec<_> = names.iter().map(|name| naming.in_file(name)).collect();
    let report =
        LoadReport { loaded: expected.len(), prefix: naming.prefix.clone(), ignored: file.others(&used) };
    backbone.update(&mut |name, old| {
        let new = values.remove(name)?;
        let length = new.len();
        Some(Tensor::from_data(TensorData::new(new, [length]), &old.device()))
    });
    Ok(report)
}

fn no_resnet(path: &Path, file: &WeightFile) -> Error {
    let what = format!("no ResNet that selfsame knows; its tensors are {}", first(&file.names()));
    Error::data(path, what, "give weights of a ResNet-18, 34, 50 or 101 under torchvision's or timm's names")
}

fn first<T: Display>(names: &[T]) -> String {
    let mut listed: Vec<_> = names.iter().take(LISTED).map(T::to_string).collect();
    if names.len() > LISTED {
        listed.push("…".into());
    }
    if listed.is_empty() { "none".into() } else { listed.join(", ") }
}

#[cfg(test)]
mod tests;

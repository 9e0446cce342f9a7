//! Weights of networks, in and out, under the names that torchvision gives them.
//!
//! In: safetensors files and PyTorch's `.pth` in all its formats. A pickle is only ever *read*: the reader
//! interprets the few calls that rebuild tensors and dictionaries, keeps any other as a name, and has no
//! Python to run it with. Out: safetensors files that torchvision, timm and selfsame load as they are.

mod export;
mod file;
mod naming;

pub use export::{Format, export};
pub use file::{StoredTensor, WeightFile};
pub use naming::Naming;

use std::collections::HashMap;
use std::fmt::{self, Display};

use burn::tensor::{Tensor, TensorData};

use crate::nn::Parameters;
use crate::{Error, Result};

/// How many names an error lists.
const LISTED: usize = 5;

/// Networks that name their tensors alike.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What a message calls one of them: `ResNet`.
    pub name: &'static str,
    /// A tensor that they all have, the first of their first module; it tells where in a file the others are.
    pub first: &'static str,
    /// The modules that have parameters, and their numbers among the network's children.
    pub modules: &'static [(&'static str, &'static str)],
    /// What to give instead of a file that holds none of them.
    pub remedy: &'static str,
}

impl Family {
    /// With the number of its module instead of the name.
    fn numbered(&self, name: &str) -> String {
        let (module, rest) = name.split_once('.').unwrap_or((name, ""));
        let number =
            self.modules.iter().find(|(named, _)| *named == module).map_or(module, |(_, number)| number);
        format!("{number}.{rest}")
    }

    /// The error for a file that holds none of these networks.
    pub fn not_in(&self, file: &WeightFile) -> Error {
        let names = first(&file.names());
        let what = format!("no {} that selfsame knows; its tensors are {names}", self.name);
        Error::data(file.path(), what, self.remedy)
    }
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// Tensors that went into the network.
    pub loaded: usize,
    /// What stood before the names (`module.encoder_q.`), or nothing.
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

/// Loads the weights of a file (safetensors, `.pth` or `.pt`) into a network of the same architecture.
/// Prefixes that training programs put before the names (`state_dict.`, `module.`, `backbone.`, `encoder_q.`
/// …) are found and taken off; the encoder that was trained is preferred to its momentum average; what is no
/// part of the network is ignored and reported. `held` says what the file does hold when it is another network of the family.
///
/// # Errors
/// When the file is damaged, and when tensors are missing, are too many, or have another shape: names are listed, and the
/// network that the file does hold is named. The network is then as it was.
pub fn load(
    network: &mut dyn Parameters,
    file: &WeightFile,
    family: &Family,
    held: impl FnOnce() -> Option<String>,
) -> Result<LoadReport> {
    let expected = network.parameters();
    let names: Vec<&str> = expected.iter().map(|parameter| parameter.name.as_str()).collect();
    let naming = Naming::find(file, family, &names).ok_or_else(|| family.not_in(file))?;

    let missing: Vec<_> =
        names.iter().map(|name| naming.in_file(name)).filter(|name| file.get(name).is_none()).collect();
    let unexpected = naming.unexpected(file, &names);
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
        let help = match held() {
            Some(found) => format!("the file holds {found}: choose that backbone"),
            None => "choose the backbone with which these weights were trained".into(),
        };
        let what = format!("the weights do not fit the backbone: {}", what.collect::<Vec<_>>().join("; "));
        return Err(Error::data(file.path(), what, help));
    }

    let mut values = HashMap::new();
    for parameter in &expected {
        values.insert(parameter.name.clone(), file.read(&naming.in_file(&parameter.name))?);
    }
    let used: Vec<_> = names.iter().map(|name| naming.in_file(name)).collect();
    let report =
        LoadReport { loaded: expected.len(), prefix: naming.prefix.clone(), ignored: file.others(&used) };
    network.update(&mut |name, old| {
        let new = values.remove(name)?;
        let length = new.len();
        Some(Tensor::from_data(TensorData::new(new, [length]), &old.device()))
    });
    Ok(report)
}

fn first<T: Display>(names: &[T]) -> String {
    let mut listed: Vec<_> = names.iter().take(LISTED).map(T::to_string).collect();
    if names.len() > LISTED {
        listed.push("…".into());
    }
    if listed.is_empty() { "none".into() } else { listed.join(", ") }
}

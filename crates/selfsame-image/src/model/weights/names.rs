//! How a file names the tensors of a ResNet.

use super::file::WeightFile;
use crate::model::{Depth, ResNetConfig, Stem};

/// Where torchvision's names are in a file.
pub(super) struct Naming {
    /// What stands before every name.
    pub(super) prefix: String,
    /// Whether the modules are numbered, as in `nn.Sequential(*list(resnet.children())[:-1])`.
    sequential: bool,
}

impl Naming {
    /// The naming under which the most tensors of a backbone are in the file; nothing if that is less than
    /// half of them.
    pub(super) fn find(file: &WeightFile, names: &[&str]) -> Option<Self> {
        let mut candidates: Vec<_> = Self::candidates(file)
            .map(|naming| {
                let matches = names.iter().filter(|name| file.get(&naming.in_file(name)).is_some()).count();
                (matches, naming)
            })
            .filter(|(matches, _)| matches * 2 >= names.len())
            .collect();
        candidates.sort_by_key(|(matches, naming)| {
            (usize::MAX - matches, naming.is_momentum_average(), naming.prefix.len(), naming.prefix.clone())
        });
        candidates.into_iter().next().map(|(_, naming)| naming)
    }

    /// The name that a tensor of torchvision's has in the file.
    pub(super) fn in_file(&self, name: &str) -> String {
        format!("{}{}", self.prefix, if self.sequential { numbered(name) } else { name.to_owned() })
    }

    /// Tensors of the file that belong to a module of the backbone but are none of `names`: it is another
    /// network's file.
    pub(super) fn unexpected(&self, file: &WeightFile, names: &[&str]) -> Vec<String> {
        let expected: Vec<_> = names.iter().map(|name| self.in_file(name)).collect();
        let in_backbone = |name: &str| {
            let module = name.strip_prefix(&self.prefix)?.split('.').next()?;
            MODULES
                .iter()
                .any(|(named, number)| module == if self.sequential { *number } else { *named })
                .then_some(())
        };
        let others = file.others(&expected).into_iter();
        others.filter(|name| in_backbone(name).is_some()).collect()
    }

    fn candidates(file: &WeightFile) -> impl Iterator<Item = Self> {
        file.names().into_iter().flat_map(|name| {
            let ends = [(false, "conv1.weight"), (true, "0.weight")];
            ends.into_iter().filter_map(move |(sequential, first)| {
                let prefix = name.strip_suffix(first)?;
                (prefix.is_empty() || prefix.ends_with('.'))
                    .then(|| Self { prefix: prefix.to_owned(), sequential })
            })
        })
    }

    fn is_momentum_average(&self) -> bool {
        let words = ["k", "ema", "momentum", "target", "teacher"];
        self.prefix.split(['.', '_']).any(|word| words.contains(&word))
    }
}

/// The modules of a ResNet that have parameters, and their numbers among its children.
const MODULES: [(&str, &str); 6] =
    [("conv1", "0"), ("bn1", "1"), ("layer1", "4"), ("layer2", "5"), ("layer3", "6"), ("layer4", "7")];

fn numbered(name: &str) -> String {
    let (module, rest) = name.split_once('.').unwrap_or((name, ""));
    let number = MODULES.iter().find(|(named, _)| *named == module).map_or(module, |(_, number)| number);
    format!("{number}.{rest}")
}

/// The network whose tensors a file holds.
pub(super) fn detect(file: &WeightFile) -> Option<ResNetConfig> {
    // Every ResNet has these; they tell where to look for the rest.
    let common = ["conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "layer4.1.conv2.weight"];
    let naming = Naming::find(file, &common)?;
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

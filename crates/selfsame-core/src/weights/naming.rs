//! How a file names the tensors of a network.

use super::{Family, WeightFile};

/// Where a family's names are in a file.
#[derive(Clone, Debug)]
pub struct Naming {
    family: Family,
    /// What stands before every name.
    pub prefix: String,
    /// Whether the modules are numbered, as in `nn.Sequential(*list(network.children())[:-1])`.
    sequential: bool,
}

impl Naming {
    /// The naming under which the most of these tensors are in the file; nothing if that is less than half of them.
    pub fn find(file: &WeightFile, family: &Family, names: &[&str]) -> Option<Self> {
        let mut candidates: Vec<_> = Self::candidates(file, family)
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

    /// The name that a tensor of the family has in the file.
    pub fn in_file(&self, name: &str) -> String {
        let name = if self.sequential { self.family.numbered(name) } else { name.to_owned() };
        format!("{}{name}", self.prefix)
    }

    /// Tensors of the file that belong to a module of the family but are none of `names`: it is another network's file.
    pub fn unexpected(&self, file: &WeightFile, names: &[&str]) -> Vec<String> {
        let expected: Vec<_> = names.iter().map(|name| self.in_file(name)).collect();
        let is_in_family = |name: &String| {
            let module = name.strip_prefix(&self.prefix).and_then(|name| name.split('.').next());
            let of_family = |(named, number): &(&str, &str)| {
                module == Some(if self.sequential { *number } else { *named })
            };
            self.family.modules.iter().any(of_family)
        };
        file.others(&expected).into_iter().filter(is_in_family).collect()
    }

    fn candidates(file: &WeightFile, family: &Family) -> impl Iterator<Item = Self> {
        let ends = [(false, family.first.to_owned()), (true, family.numbered(family.first))];
        let naming = move |name: &str| -> Vec<Self> {
            let of = |(sequential, first): &(bool, String)| {
                let prefix = name.strip_suffix(first.as_str())?;
                let is_whole = prefix.is_empty() || prefix.ends_with('.');
                is_whole.then(|| Self { family: *family, prefix: prefix.to_owned(), sequential: *sequential })
            };
            ends.iter().filter_map(of).collect()
        };
        file.names().into_iter().flat_map(naming).collect::<Vec<_>>().into_iter()
    }

    fn is_momentum_average(&self) -> bool {
        let words = ["k", "ema", "momentum", "target", "teacher"];
        self.prefix.split(['.', '_']).any(|word| words.contains(&word))
    }
}

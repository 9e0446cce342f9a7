//! Classes, and which one each instance belongs to.

use std::collections::BTreeSet;

/// Marks instances without a class.
pub const NONE: u32 = u32::MAX;

/// The classes of a data set and its instances' numbers among them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// For each instance its class, or `u32::MAX` for none.
    pub of: Vec<u32>,
}

impl Labels {
    /// Labels from the name of each instance's class. Classes are sorted, as numbers when all of them are.
    pub fn new<'a>(names: impl Iterator<Item = Option<&'a str>> + Clone) -> Self {
        let distinct: BTreeSet<&str> = names.clone().flatten().collect();
        let mut classes: Vec<&str> = distinct.into_iter().collect();
        if classes.iter().all(|class| class.parse::<u64>().is_ok()) {
            classes.sort_by_key(|class| class.parse::<u64>().unwrap_or(0));
        }
        let numbers: std::collections::HashMap<&str, u32> = classes.iter().copied().zip(0..).collect();
        let of = names.map(|name| name.and_then(|name| numbers.get(name).copied()).unwrap_or(NONE)).collect();
        Self { classes: classes.into_iter().map(str::to_owned).collect(), of }
    }

    /// Labels from class folders: the first folder in each path, when most pictures lie in one. Pictures beside the
    /// folders have no class then; when they are the majority, the folders mean something else.
    pub fn from_folders<'a>(paths: impl ExactSizeIterator<Item = &'a str> + Clone) -> Self {
        let count = paths.len();
        let folder = |path: &'a str| path.split_once('/').map(|(folder, _)| folder);
        if 2 * paths.clone().filter(|path| folder(path).is_some()).count() <= count {
            return Self { classes: Vec::new(), of: vec![NONE; count] };
        }
        Self::new(paths.map(folder))
    }

    /// The class of an instance, if it has one.
    pub fn get(&self, index: usize) -> Option<usize> {
        self.of.get(index).filter(|&&label| label != NONE).map(|&label| label as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_folders(paths: &[&str]) -> Labels {
        Labels::from_folders(paths.iter().copied())
    }

    #[test]
    fn the_first_folder_is_the_class() {
        let labels = of_folders(&["dog/x/1.png", "cat/2.png", "3.png", "dog/4.png"]);
        assert_eq!(labels.classes, ["cat", "dog"]);
        assert_eq!((0..4).map(|i| labels.get(i)).collect::<Vec<_>>(), [Some(1), Some(0), None, Some(1)]);
        assert_eq!(labels.get(9), None);
    }

    #[test]
    fn a_flat_folder_has_no_classes() {
        assert!(of_folders(&["1.png", "2.png", "odd/3.png"]).classes.is_empty());
        assert!(of_folders(&[]).classes.is_empty());
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let labels = Labels::new(["10", "9", "10"].into_iter().map(Some));
        assert_eq!((labels.classes, labels.of), (vec!["9".into(), "10".into()], vec![1, 0, 1]));
    }
}

//! Data sets, as far as they are the same for all kinds of data.

use std::path::Path;

use crate::{Random, Result};

/// A data set whose instances have names and, some of them, classes.
pub trait Instances: Send + Sync + 'static {
    /// What an instance is called: `picture`.
    const NAME: &'static str;
    /// What instances are called in results: `images`.
    const FIELD: &'static str;
    /// How classes are told by folders.
    const EXAMPLE: &'static str;
    /// How a data set is opened.
    type Options;

    /// Opens the data set at `path`.
    ///
    /// # Errors
    /// When there is none.
    fn open(path: &Path, options: &Self::Options) -> Result<Self>
    where
        Self: Sized;

    /// Where it was opened.
    fn path(&self) -> &Path;

    /// The number of instances.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of an instance.
    fn name(&self, index: usize) -> String;

    /// The class of an instance, a number in [`classes`](Self::classes).
    fn label(&self, index: usize) -> Option<usize>;

    /// The names of the classes; empty when there are none.
    fn classes(&self) -> &[String];

    /// The order in which an epoch visits the instances: every one once. It depends on `random` (the run's root) and `epoch` alone.
    fn order(&self, epoch: u64, random: &Random) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        random.named("order").at(epoch).shuffle(&mut order);
        order
    }
}

//! What the ranks of a data-parallel run say to each other.
//!
//! A *rank* is one process (or thread, or device) with its own copy of the model and its own part of every batch.
//! The law that everything here serves: one rank with a batch of 2N and two ranks with batches of N have the same
//! loss and the same gradients, for every method. It holds because
//! * batch normalisation takes its statistics over all ranks ([`selfsame_kernels::batch_norm`]),
//! * objectives see the whole batch on every rank ([`gather_with_gradient`]),
//! * parameter gradients are summed over the ranks, by the training loop.

mod gather;
mod single;
#[cfg(test)]
mod tests;
mod threads;

pub use gather::{gather_with_gradient, mean_with_gradient};
pub use selfsame_kernels::{AllReduce, AllReduceError};
pub use single::Single;
pub use threads::Threads;

use crate::{Error, Result};

/// The ranks of a data-parallel run, seen from one of them.
///
/// Every operation is collective: all ranks must call the same operations in the same order with the same lengths. An
/// operation returns when all ranks have come. If one is gone, or the ranks ask for different things, it fails
/// instead, on every rank, and so do all later ones.
///
/// `Arc<dyn Collective>` coerces to the `Arc<dyn AllReduce>` that batch normalisation takes.
pub trait Collective: AllReduce {
    /// This rank's number, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// The ranks' values one after the other, in rank order. Every rank gives equally many.
    ///
    /// # Errors
    ///
    /// If a rank is gone or the ranks disagree.
    fn all_gather(&self, local: &[f32]) -> Result<Vec<f32>>;

    /// Replaces the values of every rank by those of the rank `root`. Every rank gives equally many.
    ///
    /// # Errors
    ///
    /// If a rank is gone, the ranks disagree, or there is no rank `root`.
    fn broadcast(&self, values: &mut [f32], root: usize) -> Result<()>;

    /// Returns when all ranks have come here.
    ///
    /// # Errors
    ///
    /// If a rank is gone or the ranks disagree.
    fn barrier(&self) -> Result<()>;

    /// Replaces every value by its mean over the ranks, as [`AllReduce::sum`] does with the sum.
    ///
    /// # Errors
    ///
    /// If a rank is gone or the ranks disagree.
    fn mean(&self, values: &mut [f32]) -> Result<()> {
        self.sum(values)?;
        let size = self.size() as f32;
        values.iter_mut().for_each(|value| *value /= size);
        Ok(())
    }
}

impl From<AllReduceError> for Error {
    fn from(error: AllReduceError) -> Self {
        Self::Internal(error.to_string())
    }
}

fn no_such_root(root: usize, size: usize) -> Error {
    Error::Internal(format!("cannot broadcast from rank {root}: there are {size} ranks, numbered from 0"))
}

//! Where views come from, as the loop sees it.

use crate::Result;

/// The views of one epoch, batch by batch.
pub type Epoch<'a, V> = Box<dyn Iterator<Item = Result<V>> + 'a>;

/// A source of batches of views. What a batch holds depends on its epoch and its place in it alone, never on how many threads prepare it
/// or on where an epoch was begun.
pub trait Batches<V> {
    /// Instances in a batch of this rank.
    fn size(&self) -> usize;

    /// The batches of `epoch`, from batch number `first` on; at least as many as the training's steps take.
    ///
    /// # Errors
    /// When the data cannot be read.
    fn epoch(&self, epoch: usize, first: usize) -> Result<Epoch<'_, V>>;

    /// Takes back views that are no longer needed, so that their memory can serve for others: what the allocator would
    /// hand back to the system is costly to get again.
    fn recycle(&self, _views: V) {}
}

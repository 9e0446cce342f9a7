//! Some instances, each once and in order: what representations are computed from.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::bad_files::BadFile;
use super::instances::Instances;
use super::prefetch::Prefetched;
use super::render::{Batch, Render, Renderer};
use crate::{Error, Random, Result};

/// Finished batches that may wait for their use.
const AHEAD: usize = 2;

/// The batches of one pass over a data set.
pub struct OrderedBatches<R: Render> {
    batches: Prefetched<R::Batch>,
    renderer: Arc<Renderer<R>>,
}

/// Batches of `batch_size` of these `instances`, in this order; the last one may be shorter. The randomness of each instance's views is at
/// `random.at(instance)`.
///
/// Files that cannot be used are left out and their batch is shorter: [`Batch::instances`] says what is in
/// it. The iterator ends with [`Error::Data`] when no file can be used.
///
/// # Errors
/// [`Error::Config`] when `batch_size` is 0; [`Error::Internal`] when the system has no thread left.
pub fn ordered_batches<R: Render>(
    render: R,
    instances: Vec<usize>,
    batch_size: usize,
    workers: usize,
    random: Random,
) -> Result<OrderedBatches<R>> {
    if batch_size == 0 {
        return Err(Error::config("the batch size is 0", "give at least 1 with --batch-size"));
    }
    let renderer = Arc::new(Renderer::new(render, workers)?);
    let making = renderer.clone();
    let (mut position, mut used) = (0, 0);
    let batches = Prefetched::start(AHEAD, move |stop| {
        while position < instances.len() && !stop.load(Ordering::Relaxed) {
            let batch = &instances[position..instances.len().min(position + batch_size)];
            position += batch.len();
            let views = making.batch(batch.len(), |place| {
                let wanted = !stop.load(Ordering::Relaxed);
                wanted.then(|| (batch[place], random.at(batch[place] as u64))).into_iter()
            });
            used += views.instances().len();
            if !views.instances().is_empty() {
                return Some(Ok(views));
            }
        }
        let failed = used == 0 && !instances.is_empty() && !stop.load(Ordering::Relaxed);
        failed.then(|| Err(nothing_usable(&making)))
    })?;
    Ok(OrderedBatches { batches, renderer })
}

impl<R: Render> OrderedBatches<R> {
    /// The files that were left out so far, and why.
    pub fn bad_files(&self) -> Vec<BadFile> {
        self.renderer.bad_files()
    }
}

impl<R: Render> Iterator for OrderedBatches<R> {
    type Item = Result<R::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

fn nothing_usable<R: Render>(renderer: &Renderer<R>) -> Error {
    let example = renderer.bad_files().into_iter().next();
    let example =
        example.map_or_else(String::new, |file| format!(", such as {} ({})", file.name, file.reason));
    Error::data(
        renderer.data().path(),
        format!("none of the files can be used{example}"),
        "`selfsame data check` lists what is wrong with each",
    )
}

//! Every instance once, in order and without chance: what representations are computed from.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use selfsame_core::{Error, Random, Result};

use super::bad_files::BadFile;
use super::prefetch::Prefetched;
use super::render::Renderer;
use super::source::Dataset;
use crate::view::{Pipeline, Views};

/// Finished batches that may wait for their use.
const AHEAD: usize = 2;

/// The batches of one pass over a data set.
pub struct EvaluationBatches {
    batches: Prefetched,
    renderer: Arc<Renderer>,
}

/// Batches of `batch_size` of these `instances`, in this order; the last one may be shorter. The pipeline's
/// recipe should be without randomness, such as [`EVALUATION`](crate::view::recipe::EVALUATION).
///
/// Files that cannot be used are left out and their batch is shorter: [`Views::instances`] says what is in
/// it. The iterator ends with [`Error::Data`] when no file can be used.
///
/// # Errors
/// [`Error::Config`] when `batch_size` is 0; [`Error::Internal`] when the system has no thread left.
pub fn evaluation_batches(
    dataset: Arc<Dataset>,
    instances: Vec<usize>,
    pipeline: Pipeline,
    batch_size: usize,
    workers: usize,
) -> Result<EvaluationBatches> {
    ordered_batches(dataset, instances, pipeline, batch_size, workers, Random::new(0))
}

/// As [`evaluation_batches`], with the randomness of each instance's view at `random.at(instance)`.
///
/// # Errors
/// As [`evaluation_batches`].
pub fn ordered_batches(
    dataset: Arc<Dataset>,
    instances: Vec<usize>,
    pipeline: Pipeline,
    batch_size: usize,
    workers: usize,
    random: Random,
) -> Result<EvaluationBatches> {
    if batch_size == 0 {
        return Err(Error::config("the batch size is 0", "give at least 1 with --batch-size"));
    }
    let renderer = Arc::new(Renderer::new(dataset, pipeline, workers)?);
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
            used += views.instances.len();
            if !views.instances.is_empty() {
                return Some(Ok(views));
            }
        }
        let failed = used == 0 && !instances.is_empty() && !stop.load(Ordering::Relaxed);
        failed.then(|| Err(nothing_usable(&making)))
    })?;
    Ok(EvaluationBatches { batches, renderer })
}

impl EvaluationBatches {
    /// The files that were left out so far, and why.
    pub fn bad_files(&self) -> Vec<BadFile> {
        self.renderer.bad_files()
    }
}

impl Iterator for EvaluationBatches {
    type Item = Result<Views>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next()
    }
}

fn nothing_usable(renderer: &Renderer) -> Error {
    let example = renderer.bad_files().into_iter().next();
    let example =
        example.map_or_else(String::new, |file| format!(", such as {} ({})", file.name, file.reason));
    Error::data(
        renderer.dataset.path(),
        format!("none of the files can be used{example}"),
        "`selfsame data check` lists what is wrong with each",
    )
}

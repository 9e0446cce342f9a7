//! Batches of views, made by a pool of threads.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::bad_files::{BadFile, BadFiles};
use super::instances::Instances;
use crate::{Error, Random, Result};

/// Batches that may wait to be used again: more are never out at once.
const SPARE: usize = 8;

/// The views of some instances.
pub trait Batch: Send + 'static {
    /// The number of each instance in its data set.
    fn instances(&self) -> &[usize];
}

/// Makes the views of an instance: reads, decodes and transforms.
pub trait Render: Send + Sync + 'static {
    /// Where instances come from.
    type Data: Instances;
    /// The views of some instances.
    type Batch: Batch;
    /// Where the views of an instance are written.
    type Row<'a>: Send;
    /// The buffers of a thread.
    type Worker: Default + Send;
    /// What is to be known of an instance beside its views.
    type Made: Send;

    /// Where instances come from.
    fn data(&self) -> &Arc<Self::Data>;

    /// Room for so many instances, in the memory of a batch that is no longer needed, if there is one.
    fn room(&self, places: usize, spare: Option<Self::Batch>) -> Self::Batch;

    /// Where the views of each instance are written.
    fn rows<'a>(&self, batch: &'a mut Self::Batch) -> Vec<Self::Row<'a>>;

    /// Makes the views of an instance, whose random stream is `random`.
    ///
    /// # Errors
    /// What is wrong with its file, in the words of a table of files.
    fn render(
        &self,
        worker: &mut Self::Worker,
        instance: usize,
        random: &Random,
        row: &mut Self::Row<'_>,
    ) -> Result<Self::Made, String>;

    /// The batch of the instances whose views were made, without the places that stayed empty.
    fn complete(&self, batch: Self::Batch, made: Vec<Option<(usize, Self::Made)>>) -> Self::Batch;
}

/// A pool of threads that renders instances into batches.
pub struct Renderer<R: Render> {
    render: R,
    pool: rayon::ThreadPool,
    /// One for each thread of the pool.
    workers: Vec<Mutex<R::Worker>>,
    spare: Mutex<Vec<R::Batch>>,
    bad: Mutex<BadFiles>,
}

impl<R: Render> Renderer<R> {
    /// With so many threads, at least one.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no thread left.
    pub fn new(render: R, workers: usize) -> Result<Self> {
        let workers = workers.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .thread_name(|number| format!("data-{number}"))
            .build()
            .map_err(|error| Error::Internal(format!("cannot start {workers} data workers: {error}")))?;
        let workers = (0..workers).map(|_| Mutex::default()).collect();
        Ok(Self { render, pool, workers, spare: Mutex::default(), bad: Mutex::default() })
    }

    /// Where instances come from.
    pub fn data(&self) -> &Arc<R::Data> {
        self.render.data()
    }

    /// A batch of `places` instances. For each place `choices` yields instances with their random streams until one
    /// can be used; a place where none can be used is left out of the batch.
    pub(super) fn batch<I>(&self, places: usize, choices: impl Fn(usize) -> I + Sync) -> R::Batch
    where
        I: Iterator<Item = (usize, Random)>,
    {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut batch = self.render.room(places, spare);
        let rows = self.render.rows(&mut batch);
        let made: Vec<Option<(usize, R::Made)>> = self.pool.install(|| {
            rows.into_par_iter()
                .enumerate()
                .map(|(place, mut row)| {
                    let number = rayon::current_thread_index().unwrap_or(0) % self.workers.len();
                    // A worker is nothing but buffers: after a panic they are as good as before.
                    let mut worker = self.workers[number].lock().unwrap_or_else(PoisonError::into_inner);
                    choices(place).find_map(|(instance, random)| {
                        Some((instance, self.try_render(&mut worker, instance, &random, &mut row)?))
                    })
                })
                .collect()
        });
        self.render.complete(batch, made)
    }

    /// Renders an instance; nothing, and a remembered reason, when its file cannot be used.
    fn try_render(
        &self,
        worker: &mut R::Worker,
        instance: usize,
        random: &Random,
        row: &mut R::Row<'_>,
    ) -> Option<R::Made> {
        match self.render.render(worker, instance, random, row) {
            Ok(made) => Some(made),
            Err(reason) => {
                let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
                bad.add(instance, self.data().name(instance), reason);
                None
            }
        }
    }

    /// Takes back a batch that is no longer needed.
    pub(super) fn recycle(&self, batch: R::Batch) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(batch);
        }
    }

    /// How many files could not be used so far.
    pub(super) fn bad_count(&self) -> usize {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The files that could not be used so far, and why.
    pub fn bad_files(&self) -> Vec<BadFile> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

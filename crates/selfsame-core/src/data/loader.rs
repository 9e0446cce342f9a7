//! The batches of a training, in an order that depends on the seed alone.
//!
//! What is in batch *b* of epoch *e* is a function of (data, recipe, seed, *e*, *b*): the same for any number of
//! threads, and after a resume. Of the global batch of *W* processes, process *r* makes rows *rN* to
//! (*r*+1)*N*.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bad_files::BadFile;
use super::instances::Instances;
use super::prefetch::Prefetched;
use super::render::{Batch, Render, Renderer};
use crate::train::{Batches, Epoch};
use crate::{Error, Random, Result};

/// How many instances are tried in place of one whose file is bad.
const SUBSTITUTES: u64 = 100;

/// How batches are made.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Instances in a batch of this process.
    pub batch_size: usize,
    /// Threads that read, decode and render.
    pub workers: usize,
    /// Finished batches that may wait for their use: bounds the memory.
    pub ahead: usize,
    /// Number of this process, from 0.
    pub rank: usize,
    /// Number of processes that share each global batch.
    pub world: usize,
    /// The share of the data set's files that may be bad before the training stops.
    pub max_bad_share: f64,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self { batch_size: 256, workers, ahead: 2, rank: 0, world: 1, max_bad_share: 0.05 }
    }
}

/// Threads that make views, at most: far more than any machine has cores, and few enough to be started.
const MOST_WORKERS: usize = 1024;

/// Makes the batches of a training.
pub struct Loader<R: Render> {
    renderer: Arc<Renderer<R>>,
    random: Random,
    options: LoaderOptions,
}

impl<R: Render> Loader<R> {
    /// A loader of what `render` makes; `random` is the root of the run's randomness.
    ///
    /// # Errors
    /// [`Error::Config`] when the batch is empty or larger than the data set, and for thousands of workers.
    pub fn new(render: R, random: Random, options: LoaderOptions) -> Result<Self> {
        if options.batch_size == 0 {
            return Err(Error::config("the batch size is 0", "give at least 2 with --batch-size"));
        }
        if options.workers > MOST_WORKERS {
            return Err(Error::config(
                format!("{} threads are to make views", options.workers),
                "more than there are cores make nothing faster; leave --workers out to have as many",
            ));
        }
        if options.rank >= options.world {
            let (rank, world) = (options.rank, options.world);
            return Err(Error::Internal(format!("there is no process {rank} among {world}")));
        }
        let data = render.data();
        let (count, global) = (data.len(), options.batch_size.saturating_mul(options.world));
        if global > count {
            let (name, s) = (R::Data::NAME, if count == 1 { "" } else { "s" });
            return Err(Error::config(
                format!(
                    "a batch of {global} is larger than the data set: {} has {count} {name}{s}",
                    data.path().display()
                ),
                format!("give a smaller --batch-size (at most {}) or more {name}s", count / options.world),
            ));
        }
        let renderer = Arc::new(Renderer::new(render, options.workers)?);
        Ok(Self { renderer, random, options })
    }

    /// Instances in a batch of this process.
    pub fn batch_size(&self) -> usize {
        self.options.batch_size
    }

    /// The number of whole batches in an epoch; what remains is left for other epochs.
    pub fn batches_per_epoch(&self) -> usize {
        self.renderer.data().len() / (self.options.batch_size * self.options.world)
    }

    /// The batches of an epoch from number `first` on, each with `batch_size` instances. They begin to be made at once.
    ///
    /// A file that cannot be used is replaced by another one, chosen by the seed. The iterator ends with
    /// [`Error::Data`] when more than the allowed share of files is bad.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system has no thread left.
    pub fn epoch(&self, epoch: u64, first: usize) -> Result<Prefetched<R::Batch>> {
        let (renderer, random, options) = (self.renderer.clone(), self.random.clone(), self.options.clone());
        let mut numbers = first..self.batches_per_epoch();
        let mut order = None;
        Prefetched::start(options.ahead, move |stop| {
            let number = numbers.next()?;
            let order = order.get_or_insert_with(|| renderer.data().order(epoch, &random));
            let first = (number * options.world + options.rank) * options.batch_size;
            let rows = order.get(first..first + options.batch_size)?;
            Some(training_batch(&renderer, &random, &options, epoch, first, rows, stop))
        })
    }

    /// Takes back a batch that is no longer needed, to reuse its memory.
    pub fn recycle(&self, batch: R::Batch) {
        self.renderer.recycle(batch);
    }

    /// The files that could not be used so far, and why.
    pub fn bad_files(&self) -> Vec<BadFile> {
        self.renderer.bad_files()
    }
}

impl<R: Render> Batches<R::Batch> for Loader<R> {
    fn size(&self) -> usize {
        self.batch_size()
    }

    fn epoch(&self, epoch: usize, first: usize) -> Result<Epoch<'_, R::Batch>> {
        Ok(Box::new(Loader::epoch(self, epoch as u64, first)?))
    }

    fn recycle(&self, batch: R::Batch) {
        Loader::recycle(self, batch);
    }
}

fn training_batch<R: Render>(
    renderer: &Renderer<R>,
    random: &Random,
    options: &LoaderOptions,
    epoch: u64,
    first: usize,
    rows: &[u32],
    stop: &AtomicBool,
) -> Result<R::Batch> {
    let count = renderer.data().len();
    let allowed = (options.max_bad_share * count as f64).floor() as usize;
    let too_many = || renderer.bad_count() > allowed;
    let views = random.named("views").at(epoch);
    let substitutes = random.named("substitutes").at(epoch);
    let batch = renderer.batch(rows.len(), |place| {
        let chosen = rows[place] as usize;
        // The substitute is seen as the missing one would have been, so that nothing is seen twice in the same way.
        let stream = views.at(chosen as u64);
        let replace = substitutes.at((first + place) as u64);
        let others = (0..SUBSTITUTES).map(move |attempt| replace.at(attempt).below(count));
        iter::once(chosen)
            .chain(others)
            .take_while(|_| !stop.load(Ordering::Relaxed) && !too_many())
            .map(move |instance| (instance, stream.clone()))
    });
    let complete = batch.instances().len() == rows.len();
    if too_many() || (!complete && !stop.load(Ordering::Relaxed)) {
        return Err(too_many_bad_files(renderer, options));
    }
    Ok(batch)
}

fn too_many_bad_files<R: Render>(renderer: &Renderer<R>, options: &LoaderOptions) -> Error {
    let bad = renderer.bad_files();
    let data = renderer.data();
    let first: Vec<String> =
        bad.iter().take(3).map(|file| format!("{} ({})", file.name, file.reason)).collect();
    let more = if bad.len() > first.len() { ", …" } else { "" };
    Error::data(
        data.path(),
        format!(
            "{} of {} files cannot be used, more than the allowed {} %: {}{more}",
            bad.len(),
            data.len(),
            options.max_bad_share * 100.0,
            first.join(", ")
        ),
        "`selfsame data check` lists them all; remove them, or allow more with `--set data.max_bad_share=`",
    )
}

//! A whole training on images: from settings to a finished run folder.

mod plan;
mod report;

pub use report::{Report, finished};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use selfsame_core::checkpoint::{self, Checkpoint};
use selfsame_core::collective::Single;
use selfsame_core::optimizer::{Optimizer, OptimizerConfig};
use selfsame_core::run::{DataRecord, EventWriter, Metrics, RunFolder, RunLog, RunRecord, Status};
use selfsame_core::schedule::{Schedule, ScheduleConfig};
use selfsame_core::settings::Resolved;
use selfsame_core::stop::StopSignal;
use selfsame_core::train::{
    Batches, Checkpoints, Epoch, Observer, Outcome, Plan, Progress, Recorder, Session, restore,
    steps_per_epoch, train,
};
use selfsame_core::{Error, Random, Result, device};

use crate::data::{BadFile, Dataset, Loader, LoaderOptions, OpenOptions, read_bad_files, write_bad_files};
use crate::eval::OnlineKnn;
use crate::method::{self, Entry, ImageMethod, Layer};
use crate::network::{build, initial_weights};
use crate::settings::{DataSettings, Facts, RunSettings, ViewSettings, absolute, resolve_auto, to_keep};
use crate::view::{Pipeline, Recipe, Views};
use report::{note_results, peak_memory};

/// A training that is ready to begin: data found, settings complete, nothing written yet.
pub struct Prepared {
    /// The method's entry in the table.
    pub entry: &'static Entry,
    /// All settings, without any `auto` that the result depends on.
    pub settings: Resolved,
    /// Why each `auto` became what it is.
    pub notes: Vec<String>,
    /// What is learned from.
    pub dataset: Arc<Dataset>,
    run: RunSettings,
    schedule: ScheduleConfig,
    optimizer: OptimizerConfig,
    loader: Loader,
    steps_per_epoch: usize,
    method: Box<dyn ImageMethod>,
    knn: Option<OnlineKnn>,
    started: Instant,
}

impl Prepared {
    /// Finds the data and builds the network.
    ///
    /// # Errors
    /// Settings that cannot be used (exit code 2), data that is not there (3), a device that is not (2 or 4).
    pub fn new(mut settings: Resolved) -> Result<Self> {
        let started = Instant::now();
        let data: DataSettings = settings.section("data")?;
        if data.path.is_empty() {
            return Err(Error::config(
                "there is no data to learn from",
                "name a folder of pictures with --data",
            ));
        }
        data.validate()?;
        let entry = method::by_name(settings.text("method.name"))?;
        let options = OpenOptions { shuffle_buffer: data.shuffle_buffer, ..OpenOptions::default() };
        let dataset = Arc::new(Dataset::open(&data.path, &options)?);
        if dataset.len() < 2 {
            return Err(Error::data(
                dataset.path(),
                "there is only one picture here",
                "pictures are told from each other: give a folder with at least a few hundred",
            ));
        }
        let facts = Facts {
            instances: dataset.len(),
            typical_side: dataset.typical_side(),
            cpu: device::is_cpu(settings.text("run.device")),
        };
        let notes = resolve_auto(&mut settings, &facts);

        let run: RunSettings = settings.section("run")?;
        let schedule: ScheduleConfig = settings.section("schedule")?;
        let optimizer: OptimizerConfig = settings.section("optimizer")?;
        run.validate()?;
        schedule.validate()?;
        optimizer.validate()?;
        let pipeline = pipeline(&settings, entry.views(&settings))?;
        let side = pipeline.side;
        let random = Random::new(run.seed);
        let workers = data.workers.or(std::thread::available_parallelism().map_or(1, usize::from));
        let options = LoaderOptions {
            batch_size: run.batch_size,
            workers,
            max_bad_share: data.max_bad_share,
            ..LoaderOptions::default()
        };
        let loader = Loader::new(dataset.clone(), pipeline, random.clone(), options)?;
        let steps_per_epoch = steps_per_epoch(loader.batches_per_epoch(), optimizer.accumulate)?;
        let device = device::by_name(&run.device)?;
        let initial = initial_weights(&settings)?;
        let method = build(entry, &settings, initial, &device.clone().autodiff())?;
        let knn = match run.measure_every {
            0 => None,
            _ => OnlineKnn::open(&data.eval, dataset.clone(), side, workers)?,
        };
        Ok(Self {
            entry,
            settings,
            notes,
            dataset,
            run,
            schedule,
            optimizer,
            loader,
            steps_per_epoch,
            method,
            knn,
            started,
        })
    }

    /// Begins the training in a new run folder.
    ///
    /// # Errors
    /// Everything that can go wrong in a training; the run folder says what.
    pub fn begin(
        self,
        out: impl Into<PathBuf>,
        overwrite: bool,
        observer: Box<dyn Observer>,
        stop: &StopSignal,
    ) -> Result<Report> {
        let folder = RunFolder::create(out.into(), overwrite)?;
        let data = DataRecord {
            path: absolute(self.dataset.path()).display().to_string(),
            instances: self.dataset.len() as u64,
            fingerprint: self.dataset.fingerprint(),
        };
        let record = RunRecord::begin(self.entry.name, self.run.seed, data);
        // The record makes the folder a run, so it comes first: whatever happens next, the folder can be overwritten.
        folder.write_record(&record)?;
        folder.write_config(&to_keep(&self.settings))?;
        let recorder = Recorder::new(
            Some(Metrics::append(folder.metrics())?),
            Some(EventWriter::create(folder.path())?),
            Some(RunLog::append(folder.log())?),
            observer,
        )
        .started(self.started);
        recorder.log(&format!("begun: {}", record.command.join(" ")))?;
        self.run(&folder, record, recorder, None, stop)
    }

    /// Goes on with a stopped training from its `last` checkpoint; from the start where it was killed before the first.
    ///
    /// # Errors
    /// As [`begin`](Self::begin); and data or checkpoints that are not those of the run.
    pub fn go_on(self, folder: &RunFolder, observer: Box<dyn Observer>, stop: &StopSignal) -> Result<Report> {
        let mut record = folder.record()?;
        if record.data.fingerprint != self.dataset.fingerprint() {
            return Err(Error::data(
                self.dataset.path(),
                format!(
                    "the data has changed since the run began: {} instances then, {} now, or other names",
                    record.data.instances,
                    self.dataset.len()
                ),
                "a resumed training must see the same data; restore it, or begin a new run",
            ));
        }
        record.resume();
        let checkpoint = self.last_checkpoint(folder)?;
        let progress = match &checkpoint {
            Some(checkpoint) => checkpoint.progress()?,
            None => Progress::default(),
        };
        let step = progress.step as u64;
        // Only now, when nothing speaks against going on, something is written.
        folder.write_record(&record)?;
        let recorder = Recorder::new(
            Some(Metrics::resume(folder.metrics(), step, progress.epoch)?),
            Some(EventWriter::resume(folder.path(), step)?),
            Some(RunLog::append(folder.log())?),
            observer,
        )
        .started(self.started);
        recorder.log(&format!("resumed after step {step}"))?;
        self.run(folder, record, recorder, checkpoint, stop)
    }

    /// The `last` checkpoint, or none where nothing was ever saved.
    fn last_checkpoint(&self, folder: &RunFolder) -> Result<Option<Checkpoint>> {
        let checkpoints = folder.checkpoints();
        if checkpoint::list(&checkpoints)?.is_empty() && !checkpoints.join("last").exists() {
            return Ok(None);
        }
        let checkpoint = checkpoint::load(&checkpoints, "last")?;
        checkpoint.check_method(self.entry.name)?;
        Ok(Some(checkpoint))
    }

    fn run(
        mut self,
        folder: &RunFolder,
        record: RunRecord,
        mut recorder: Recorder,
        checkpoint: Option<Checkpoint>,
        stop: &StopSignal,
    ) -> Result<Report> {
        for (what, value) in self.plan() {
            recorder.log(&format!("{what}: {value}"))?;
        }
        let mut progress = Progress::default();
        let result = self.train(folder, &mut recorder, checkpoint, &mut progress, stop);
        let ended = self.end(folder, record, &recorder, &result, &progress);
        // What ended the training comes first: a full disk, say, keeps its record from being written as well.
        let outcome = result?;
        let (record, bad_files) = ended?;
        Ok(Report { outcome, progress, bad_files, peak_memory_mb: peak_memory(&record) })
    }

    /// Writes down how the training ended. Returns the record, and all files that could not be used since the run began.
    fn end(
        &self,
        folder: &RunFolder,
        record: RunRecord,
        recorder: &Recorder,
        result: &Result<Outcome>,
        progress: &Progress,
    ) -> Result<(RunRecord, Vec<BadFile>)> {
        let mut bad_files = read_bad_files(&folder.bad_files())?;
        let met = self.loader.bad_files().into_iter();
        let new: Vec<BadFile> =
            met.filter(|file| bad_files.iter().all(|known| known.name != file.name)).collect();
        bad_files.extend(new);
        write_bad_files(&folder.bad_files(), &bad_files)?;
        let (status, reason) = match result {
            Ok(Outcome::Finished) => (Status::Finished, None),
            Ok(Outcome::Stopped(signal)) => (Status::Stopped, Some(signal.to_string())),
            Err(error) => (Status::Failed, Some(error.to_string())),
        };
        // Evaluations may have left their results in it meanwhile.
        let mut record = folder.record().unwrap_or(record);
        note_results(&mut record, progress, recorder);
        let message = reason.clone().map_or_else(String::new, |reason| format!(": {reason}"));
        recorder.log(&format!("{} after step {}{message}", status.name(), progress.step))?;
        record.end(status, reason);
        folder.write_record(&record)?;
        Ok((record, bad_files))
    }

    fn train(
        &mut self,
        folder: &RunFolder,
        recorder: &mut Recorder,
        checkpoint: Option<Checkpoint>,
        progress: &mut Progress,
        stop: &StopSignal,
    ) -> Result<Outcome> {
        let mut optimizer: Optimizer = self.optimizer.init();
        if let Some(mut checkpoint) = checkpoint {
            *progress = checkpoint.progress()?;
            restore(&mut checkpoint, &mut *self.method, Some(&mut optimizer))?;
            checkpoint.finish()?;
        }
        let effective_batch = self.run.batch_size * self.optimizer.accumulate;
        let lr = self.optimizer.scaled_lr(effective_batch);
        let schedule: Schedule = self.schedule.init(lr, self.steps_per_epoch)?;
        let plan = Plan {
            epochs: self.schedule.epochs,
            steps_per_epoch: self.steps_per_epoch,
            accumulate: self.optimizer.accumulate,
            clip: self.optimizer.clip,
            log_every: self.run.log_every,
            checkpoint_steps: self.run.checkpoint_steps,
            measure_every: self.run.measure_every,
            stop_on_collapse: self.run.stop_on_collapse,
            sync_batch_norm: self.run.sync_batch_norm,
            seed: self.run.seed,
        };
        let knn = self.knn.take();
        let device = device::by_name(&self.run.device)?;
        let checkpoints = Checkpoints::new(folder.checkpoints(), self.entry.name, self.run.checkpoint_every);
        train(Session {
            plan,
            method: &mut *self.method,
            batches: &self.loader,
            optimizer: &mut optimizer,
            schedule: &schedule,
            collective: Arc::new(Single),
            measure: &mut |method| {
                let represent = |images| method.represent(images, Layer::Backbone);
                knn.as_ref().map(|knn| knn.measure(&device, &represent)).transpose()
            },
            recorder,
            checkpoints: &checkpoints,
            stop,
            progress,
        })
    }
}

impl Batches<Views> for Loader {
    fn size(&self) -> usize {
        self.batch_size()
    }

    fn epoch(&self, epoch: usize, first: usize) -> Result<Epoch<'_, Views>> {
        Ok(Box::new(Loader::epoch(self, epoch as u64, first)?))
    }

    fn recycle(&self, views: Views) {
        Loader::recycle(self, views);
    }
}

/// The views of a training.
fn pipeline(settings: &Resolved, views: usize) -> Result<Pipeline> {
    let view: ViewSettings = settings.section("view")?;
    Pipeline::new(Recipe::by_name(&view.recipe)?.without(&view.without)?, view.image_size, views)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

//! A whole training, from settings to a finished run folder, whatever is learned from.
//!
//! A [`Modality`] says what a kind of data has: settings, methods, and how a training on it is [`Prepared`]. What is different from one kind of
//! data to the other is behind [`Learner`].

mod modality;
mod report;
mod settings;
mod stored;
mod training;

pub use modality::{About, Modality, method_by_name};
pub use report::{Report, finished};
pub use settings::{Common, KeptSettings, Preset, RunSettings, absolute, read_settings, to_keep};
pub use stored::{StoredRun, Weights};
pub use training::Training;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::checkpoint::{self, Checkpoint};
use crate::optimizer::OptimizerConfig;
use crate::run::{DataRecord, EventWriter, Metrics, RunFolder, RunLog, RunRecord, Status};
use crate::settings::Resolved;
use crate::stop::StopSignal;
use crate::train::{Checkpoints, Observer, Outcome, Progress, Recorder, steps_per_epoch};
use crate::{Error, Result};
use report::note_results;

/// The part of a training that knows its kind of data.
pub trait Learner {
    /// What is learned from, as the run's record keeps it.
    fn data(&self) -> DataRecord;

    /// Batches in an epoch.
    fn batches_per_epoch(&self) -> usize;

    /// Data and network for people, as names and values.
    fn describe(&self) -> Vec<(&'static str, String)>;

    /// How long and how fast to train, for people.
    fn pace(&self, common: &Common, steps_per_epoch: usize) -> Vec<(&'static str, String)> {
        let OptimizerConfig { lr, lr_scaling, .. } = &common.optimizer;
        let (epochs, batch) = (common.schedule.epochs, common.effective_batch());
        vec![
            ("epochs", format!("{epochs} of {steps_per_epoch} steps, batch {batch}")),
            ("learning rate", format!("{:.4} ({lr_scaling} from {lr})", common.lr())),
        ]
    }

    /// Why another environment or other data than a run began with cannot be gone on with; `began` is what it began with.
    fn changed(&self, began: &DataRecord) -> Error {
        let data = self.data();
        Error::data(
            Path::new(&data.path),
            format!(
                "the data has changed since the run began: {} instances then, {} now, or other names",
                began.instances, data.instances
            ),
            "a resumed training must see the same data; restore it, or begin a new run",
        )
    }

    /// Leaves in a new run what it needs besides.
    ///
    /// # Errors
    /// When it cannot be written.
    fn begun(&self, _folder: &RunFolder) -> Result<()> {
        Ok(())
    }

    /// Calls [`Training::run`] with the method and its data; or trains in a loop of its own, from [`Training::checkpoint`] on, which keeps
    /// [`Training::progress`].
    ///
    /// # Errors
    /// Those of [`crate::train::train`].
    fn train(&mut self, training: Training<'_>) -> Result<Outcome>;

    /// Leaves in the run what was noticed on the way, however the training has ended.
    ///
    /// # Errors
    /// When it cannot be written.
    fn ended(&self, _folder: &RunFolder) -> Result<()> {
        Ok(())
    }
}

/// A training that is ready to begin: data found, settings complete, nothing written yet.
pub struct Prepared {
    /// What is learned from.
    pub modality: &'static Modality,
    /// By which method.
    pub method: About,
    /// All settings, without any `auto` that the result depends on.
    pub settings: Resolved,
    /// What should be known of them: why each `auto` became what it is.
    pub notes: Vec<String>,
    common: Common,
    steps_per_epoch: usize,
    learner: Box<dyn Learner>,
    started: Instant,
}

impl Prepared {
    /// Puts together what a [`Modality`] has made ready since `started`.
    ///
    /// # Errors
    /// When an epoch would have no step.
    pub fn new(
        modality: &'static Modality,
        method: About,
        (settings, notes): (Resolved, Vec<String>),
        common: Common,
        learner: Box<dyn Learner>,
        started: Instant,
    ) -> Result<Self> {
        let steps_per_epoch = steps_per_epoch(learner.batches_per_epoch(), common.optimizer.accumulate)?;
        Ok(Self { modality, method, settings, notes, common, steps_per_epoch, learner, started })
    }

    /// What is about to be done, as names and values.
    pub fn plan(&self) -> Vec<(&'static str, String)> {
        let mut plan = vec![("method", format!("{} ({})", self.method.title, self.method.paper))];
        plan.extend(self.learner.describe());
        plan.extend(self.learner.pace(&self.common, self.steps_per_epoch));
        plan.push(("device", self.common.run.device.clone()));
        plan
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
        let record = RunRecord::begin(self.method.name, self.common.run.seed, self.learner.data());
        // The record makes the folder a run, so it comes first: whatever happens next, the folder can be overwritten.
        folder.write_record(&record)?;
        folder.write_config(&to_keep(&self.settings, self.modality))?;
        self.learner.begun(&folder)?;
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

    /// Goes on with a stopped training from a checkpoint, usually `last`; from the start where it was killed before the first. What was recorded after
    /// the checkpoint is gone then.
    ///
    /// # Errors
    /// As [`begin`](Self::begin); and data or checkpoints that are not those of the run.
    pub fn go_on(
        self,
        folder: &RunFolder,
        checkpoint: &str,
        observer: Box<dyn Observer>,
        stop: &StopSignal,
    ) -> Result<Report> {
        let mut record = folder.record()?;
        let data = self.learner.data();
        if record.data.fingerprint != data.fingerprint {
            return Err(self.learner.changed(&record.data));
        }
        record.resume();
        let checkpoint = self.checkpoint(checkpoint, folder)?;
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

    /// The checkpoint of this name, or none where nothing was ever saved.
    fn checkpoint(&self, name: &str, folder: &RunFolder) -> Result<Option<Checkpoint>> {
        let checkpoints = folder.checkpoints();
        if checkpoint::list(&checkpoints)?.is_empty() && !checkpoints.join("last").exists() {
            return Ok(None);
        }
        let checkpoint = checkpoint::load(&checkpoints, name)?;
        checkpoint.check_method(self.method.name)?;
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
        let result = self.learner.train(Training {
            modality: self.modality,
            common: &self.common,
            steps_per_epoch: self.steps_per_epoch,
            checkpoints: Checkpoints::new(
                folder.checkpoints(),
                self.method.name,
                self.common.run.checkpoint_every,
            ),
            checkpoint,
            recorder: &mut recorder,
            progress: &mut progress,
            stop,
        });
        let ended = self.end(folder, record, &recorder, &result, &progress);
        // What ended the training comes first: a full disk, say, keeps its record from being written as well.
        let outcome = result?;
        Report::of(folder, &ended?, outcome, progress)
    }

    /// Writes down how the training ended.
    fn end(
        &self,
        folder: &RunFolder,
        record: RunRecord,
        recorder: &Recorder,
        result: &Result<Outcome>,
        progress: &Progress,
    ) -> Result<RunRecord> {
        self.learner.ended(folder)?;
        let (status, reason) = match result {
            Ok(Outcome::Finished) => (Status::Finished, None),
            Ok(Outcome::Stopped(signal)) => (Status::Stopped, Some(signal.to_string())),
            Err(error) => (Status::Failed, Some(error.to_string())),
        };
        let message = reason.clone().map_or_else(String::new, |reason| format!(": {reason}"));
        recorder.log(&format!("{} after step {}{message}", status.name(), progress.step))?;
        let end = |record: &mut RunRecord| {
            note_results(record, self.modality.yardstick, progress, recorder);
            record.end(status, reason.clone());
        };
        // Evaluations may have left their results in it meanwhile.
        folder.change_record(end).or_else(|_| {
            let mut record = record;
            end(&mut record);
            folder.write_record(&record).map(|()| record)
        })
    }
}

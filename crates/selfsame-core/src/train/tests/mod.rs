//! The loop on toys whose every number can be worked out by hand.

mod endings;
mod records;
mod resume;
mod steps;
mod toys;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::*;
use crate::checkpoint::{self, Checkpoint};
use crate::collective::Single;
use crate::optimizer::OptimizerConfig;
use crate::run::{Metrics, Record};
use crate::schedule::{ScheduleConfig, ScheduleKind};

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// What is done at every step that an observer is told of, given the number of steps done.
pub type AtStep = Box<dyn FnMut(usize)>;

/// Notes what an observer is told.
struct Watcher {
    log: Log,
    at_step: AtStep,
}

impl Observer for Watcher {
    fn step(&mut self, live: &Live) {
        self.log.note(format!("step {}/{} of epoch {}/{}", live.step, live.steps, live.epoch, live.epochs));
        (self.at_step)(live.steps_done());
    }

    fn epoch(&mut self, live: &Live) {
        self.log.note(format!("epoch {}", live.epoch));
    }

    fn warn(&mut self, message: &str) {
        self.log.note(format!("warning: {message}"));
    }
}

/// What [`Training::measure`] holds: from the calls so far to a measurement.
pub type MeasureAt = Box<dyn FnMut(usize) -> Option<f64>>;

/// A training of a toy in a folder of its own.
pub struct Training<M> {
    pub method: M,
    pub plan: Plan,
    pub optimizer: OptimizerConfig,
    pub schedule: ScheduleConfig,
    pub batches: toys::Rows,
    pub progress: Progress,
    pub measure: MeasureAt,
    pub at_step: AtStep,
    pub stop: StopSignal,
    pub keep_every: usize,
    pub log: Log,
    pub folder: tempfile::TempDir,
}

impl<M: Method<Views = toys::Batch>> Training<M> {
    /// Two epochs of four batches, plain gradient descent at a constant rate.
    pub fn new(method: M, log: &Log) -> Self {
        Self {
            method,
            plan: Plan {
                epochs: 2,
                steps_per_epoch: 4,
                accumulate: 1,
                clip: 0.0,
                log_every: 1,
                checkpoint_steps: 0,
                measure_every: 1,
                patience: 0,
                yardstick: Yardstick::KNN,
                instances: "images",
                stop_on_collapse: false,
                sync_batch_norm: true,
                seed: 7,
            },
            optimizer: OptimizerConfig {
                lr: 0.1,
                momentum: 0.0,
                weight_decay: 0.0,
                ..OptimizerConfig::default()
            },
            schedule: ScheduleConfig { kind: ScheduleKind::Constant, epochs: 2, ..ScheduleConfig::default() },
            batches: toys::Rows { given: 4, log: log.clone() },
            progress: Progress::default(),
            measure: Box::new(|_| None),
            at_step: Box::new(|_| {}),
            stop: StopSignal::manual(),
            keep_every: 0,
            log: log.clone(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Steps of several batches, of which an epoch has fewer then.
    pub fn accumulate(&mut self, batches: usize) {
        self.plan.accumulate = batches;
        self.plan.steps_per_epoch = steps_per_epoch(self.batches.given, batches).unwrap();
    }

    pub fn schedule(&self) -> Schedule {
        self.schedule.init(self.optimizer.lr, self.plan.steps_per_epoch).unwrap()
    }

    /// From the beginning.
    pub fn run(&mut self) -> Result<Outcome> {
        let metrics = Metrics::append(self.metrics()).unwrap();
        self.train(metrics, self.optimizer.init())
    }

    /// From a checkpoint, as a new process would.
    pub fn resume(&mut self, mut from: Checkpoint) -> Result<Outcome> {
        self.progress = from.progress()?;
        let mut optimizer = self.optimizer.init();
        restore(&mut from, &mut self.method, Some(&mut optimizer))?;
        from.finish()?;
        let metrics = Metrics::resume(self.metrics(), self.progress.step as u64, self.progress.epoch)?;
        self.train(metrics, optimizer)
    }

    fn train(&mut self, metrics: Metrics, mut optimizer: Optimizer) -> Result<Outcome> {
        let schedule = self.schedule();
        let at_step = std::mem::replace(&mut self.at_step, Box::new(|_| {}));
        let watcher = Watcher { log: self.log.clone(), at_step };
        let mut recorder = Recorder::new(Some(metrics), None, None, Box::new(watcher));
        let checkpoints = Checkpoints::new(self.checkpoints(), "toy", self.keep_every);
        let mut calls = 0;
        train(Session {
            plan: self.plan.clone(),
            method: &mut self.method,
            batches: &self.batches,
            optimizer: &mut optimizer,
            schedule: &schedule,
            collective: Arc::new(Single),
            measure: &mut |_| {
                calls += 1;
                self.log.note("measure");
                Ok((self.measure)(calls - 1))
            },
            recorder: &mut recorder,
            checkpoints: &checkpoints,
            stop: &self.stop,
            progress: &mut self.progress,
        })
    }

    pub fn metrics(&self) -> PathBuf {
        self.folder.path().join("metrics.jsonl")
    }

    pub fn checkpoints(&self) -> PathBuf {
        self.folder.path().join("checkpoints")
    }

    pub fn records(&self) -> Vec<Record> {
        crate::run::metrics::read(self.metrics()).unwrap()
    }

    pub fn checkpoint(&self, name: &str) -> Checkpoint {
        checkpoint::load(&self.checkpoints(), name).unwrap()
    }

    pub fn progress_of(&self, name: &str) -> Progress {
        self.checkpoint(name).progress().unwrap()
    }
}

/// Copies a checkpoint's folder under another name.
pub fn copy_checkpoint(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

//! The bridge from settings to the loop.

use std::sync::Arc;

use super::{Common, Modality};
use crate::Result;
use crate::checkpoint::Checkpoint;
use crate::collective::Single;
use crate::method::Method;
use crate::stop::StopSignal;
use crate::train::{
    Batches, Checkpoints, Measure, Outcome, Plan, Progress, Recorder, Session, restore, train,
};

/// All of a training but its method and its data.
pub struct Training<'a> {
    /// What is learned from.
    pub modality: &'static Modality,
    /// The settings that all trainings have.
    pub common: &'a Common,
    /// Steps in an epoch.
    pub steps_per_epoch: usize,
    /// Where the state is saved.
    pub checkpoints: Checkpoints,
    /// Where to go on from; none for a training that begins.
    pub checkpoint: Option<Checkpoint>,
    /// Who is told.
    pub recorder: &'a mut Recorder,
    /// Where the training stands; with a checkpoint, where that stood once its progress is put here.
    pub progress: &'a mut Progress,
    /// Ctrl-C and SIGTERM.
    pub stop: &'a StopSignal,
}

impl Training<'_> {
    /// Trains, from the checkpoint if there is one.
    ///
    /// # Errors
    /// Those of [`train`]; and a checkpoint that does not fit the method.
    pub fn run<M: Method + ?Sized>(
        self,
        method: &mut M,
        batches: &dyn Batches<M::Views>,
        measure: &mut Measure<'_, M>,
    ) -> Result<Outcome> {
        let Common { run, schedule, optimizer: config } = self.common;
        let mut optimizer = config.init();
        if let Some(mut checkpoint) = self.checkpoint {
            *self.progress = checkpoint.progress()?;
            restore(&mut checkpoint, method, Some(&mut optimizer))?;
            checkpoint.finish()?;
        }
        let lr_schedule = schedule.init(self.common.lr(), self.steps_per_epoch)?;
        let plan = Plan {
            epochs: schedule.epochs,
            steps_per_epoch: self.steps_per_epoch,
            accumulate: config.accumulate,
            clip: config.clip,
            log_every: run.log_every,
            checkpoint_steps: run.checkpoint_steps,
            measure_every: run.measure_every,
            patience: run.patience,
            yardstick: self.modality.yardstick,
            instances: self.modality.instances,
            stop_on_collapse: run.stop_on_collapse,
            sync_batch_norm: run.sync_batch_norm,
            seed: run.seed,
        };
        train(Session {
            plan,
            method,
            batches,
            optimizer: &mut optimizer,
            schedule: &lr_schedule,
            collective: Arc::new(Single),
            measure,
            recorder: self.recorder,
            checkpoints: &self.checkpoints,
            stop: self.stop,
            progress: self.progress,
        })
    }
}

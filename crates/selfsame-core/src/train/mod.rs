//! The training loop, shared by all methods.

mod batches;
mod gradients;
mod observer;
mod progress;

pub use batches::Batches;
pub use observer::{EpochRecord, Observer, StepRecord};
pub use progress::Progress;

use std::sync::Arc;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::collective::Collective;
use crate::method::{Method, Step};
use crate::monitor::{CollapseAlarm, Monitors};
use crate::nn::Parameters;
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;
use crate::stop::{Stop, StopSignal};
use crate::{Error, Random, Result};

/// How long and with what care to train; the `run` section holds the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Passes over the data.
    pub epochs: usize,
    /// Batches whose gradients are averaged into one optimiser step.
    pub accumulate: usize,
    /// Largest norm of the whole gradient; 0 for no limit.
    pub clip: f64,
    /// Optimiser steps between two records.
    pub log_every: usize,
    /// Optimiser steps between two `last` checkpoints within an epoch; 0 for epoch ends only.
    pub checkpoint_steps: usize,
    /// Whether a collapsed representation ends the training.
    pub stop_on_collapse: bool,
    /// Whether batch norm takes its statistics over all ranks.
    pub sync_batch_norm: bool,
    /// The seed of every random choice.
    pub seed: u64,
}

/// Everything a training consists of.
pub struct Session<'a, V> {
    /// How long, how often.
    pub plan: Plan,
    /// The paper.
    pub method: &'a mut dyn Method<Views = V>,
    /// Where the views come from.
    pub batches: &'a mut dyn Batches<V>,
    /// What moves the parameters.
    pub optimizer: &'a mut Optimizer,
    /// How fast.
    pub schedule: &'a Schedule,
    /// With whom.
    pub collective: Arc<dyn Collective>,
    /// Who is told, and who saves.
    pub observer: &'a mut dyn Observer<V>,
    /// Ctrl-C and SIGTERM.
    pub stop: &'a StopSignal,
    /// Where to begin: the start, or where a checkpoint was taken.
    pub progress: Progress,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// A signal came; a checkpoint was saved.
    Stopped(Stop),
}

/// Trains until the last epoch or a signal. See the module's notes on what makes a resumed training exact: every random choice is addressed by
/// its place in the training, and everything else is in the checkpoint.
///
/// # Errors
/// Diverging and collapsing (exit code 5), data that cannot be read, checkpoints that cannot be written.
pub fn train<V>(session: Session<'_, V>) -> Result<Outcome> {
    let Session { plan, method, batches, optimizer, schedule, collective, observer, stop, mut progress } = session;
    let steps_per_epoch = batches.per_epoch() / plan.accumulate;
    let total = steps_per_epoch * plan.epochs;
    let mut alarm = CollapseAlarm::default();

    while progress.epoch < plan.epochs {
        let mut epoch = batches.epoch(progress.epoch, progress.step_in_epoch * plan.accumulate)?;
        while progress.step_in_epoch < steps_per_epoch {
            let step = Step {
                index: progress.step,
                total,
                epoch: progress.epoch,
                random: Random::new(plan.seed).named("step").at(progress.step as u64),
                collective: collective.clone(),
                sync_batch_norm: plan.sync_batch_norm,
            };
            let lr = schedule.lr(progress.step);
            let mut gradients = gradients::Accumulated::default();
            let mut last = None;
            for _ in 0..plan.accumulate {
                let views = epoch.next().ok_or_else(|| Error::Internal("the epoch ended early".into()))??;
                let objective = method.objective(&views, &step)?;
                let loss = finite(&objective.loss, &step)?;
                gradients.add(method.trained().gradients(&mut objective.loss.backward()), loss);
                last = Some(objective);
            }
            let (gradients, loss) = gradients.finish(&*collective, plan.clip)?;
            update(method.trained(), optimizer, gradients, lr);
            method.after_step(&step)?;
            progress.advance(loss);

            if progress.step % plan.log_every == 0 || progress.step == total {
                let monitors = last.map(|objective| Monitors::of(objective.representations, objective.embeddings));
                observer.step(&StepRecord { progress: &progress, lr, loss, monitors: monitors.as_ref(), .. })?;
            }
            if let Some(signal) = stop.requested() {
                observer.checkpoint(method, optimizer, &progress)?;
                return Ok(Outcome::Stopped(signal));
            }
        }
        progress.finish_epoch();
        observer.epoch(method, optimizer, &mut progress)?;
    }
    Ok(Outcome::Finished)
}

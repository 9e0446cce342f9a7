//! The training loop, shared by all methods.
//!
//! A resumed training ends with the very weights of one that was never stopped: every random choice is addressed by its
//! place in the training ([`crate::Random`]), and all else that a step depends on is in the checkpoint ([`Checkpoints`]).

mod batches;
mod gradients;
mod progress;
mod recorder;
mod state;
mod yardstick;

pub use batches::{Batches, Epoch};
pub use progress::{Best, Progress};
pub use recorder::{Live, Observer, Recorder, Shape, Silent};
pub use state::{Checkpoints, restore, restore_part, tensors_of};
pub use yardstick::Yardstick;

use std::collections::HashSet;
use std::sync::Arc;

use crate::collective::Collective;
use crate::method::{Method, Step};
use crate::monitor::{CollapseAlarm, Measures, measure as monitor};
use crate::nn::{Parameter, is_adapted};
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;
use crate::stop::{Stop, StopSignal};
use crate::{Error, Random, Result};
use gradients::Gradients;

/// How long and with what care to train.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Passes over the data.
    pub epochs: usize,
    /// Optimiser steps in an epoch, see [`steps_per_epoch`].
    pub steps_per_epoch: usize,
    /// Batches whose gradients are averaged into one optimiser step.
    pub accumulate: usize,
    /// Largest norm of the whole gradient; 0 for no limit.
    pub clip: f64,
    /// Optimiser steps between two records.
    pub log_every: usize,
    /// Optimiser steps between two `last` checkpoints within an epoch; 0 for epoch ends only.
    pub checkpoint_steps: usize,
    /// Epochs between two measurements; 0 for none.
    pub measure_every: usize,
    /// Measurements without a rise after which the training ends; 0 for never.
    pub patience: usize,
    /// What is measured.
    pub yardstick: Yardstick,
    /// What instances are called: `images`.
    pub instances: &'static str,
    /// Whether a collapsed representation ends the training.
    pub stop_on_collapse: bool,
    /// Whether batch norm takes its statistics over all ranks.
    pub sync_batch_norm: bool,
    /// The seed of every random choice.
    pub seed: u64,
}

/// Measures what the representation is worth so far, a share in `0..=1`, on the method as it stands.
pub type Measure<'a, M> = dyn FnMut(&mut M) -> Result<Option<f64>> + 'a;

/// Everything a training consists of.
pub struct Session<'a, M: Method + ?Sized> {
    /// How long, with what care.
    pub plan: Plan,
    /// The paper.
    pub method: &'a mut M,
    /// Where the views come from.
    pub batches: &'a dyn Batches<M::Views>,
    /// What moves the parameters.
    pub optimizer: &'a mut Optimizer,
    /// How fast.
    pub schedule: &'a Schedule,
    /// With whom.
    pub collective: Arc<dyn Collective>,
    /// What the representation is worth, epoch by epoch.
    pub measure: &'a mut Measure<'a, M>,
    /// Who is told.
    pub recorder: &'a mut Recorder,
    /// Where the state is saved.
    pub checkpoints: &'a Checkpoints,
    /// Ctrl-C and SIGTERM.
    pub stop: &'a StopSignal,
    /// Where to begin: at the start, or where a checkpoint was taken.
    pub progress: &'a mut Progress,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done, or nothing has risen for as long as [`Plan::patience`] waits.
    Finished,
    /// A signal came; a checkpoint was saved.
    Stopped(Stop),
}

/// Trains until the last epoch or a signal.
///
/// # Errors
/// A loss that is not finite and, if asked for, a collapsed representation (exit code 5); data that cannot be read; checkpoints that
/// cannot be written. The last good checkpoint stays as it was.
pub fn train<M: Method + ?Sized>(session: Session<'_, M>) -> Result<Outcome> {
    let Session { plan, method, batches, optimizer, schedule, collective, .. } = session;
    let Session { measure, recorder, checkpoints, stop, progress, .. } = session;
    let total = plan.steps_per_epoch * plan.epochs;
    let trained = method.trained().parameters();
    // Weight decay and LARS adaptation are for these only.
    let adapted = names(&trained, |parameter| is_adapted(&parameter.shape));
    let constant = names(&trained, |parameter| !method.follows_schedule(&parameter.name));
    let mut alarm = CollapseAlarm::default();
    alarm.resume(progress.collapsed_in_a_row);

    if progress.step == 0 {
        progress.measured_before =
            if plan.measure_every > 0 { recorder.measuring(|| measure(method))? } else { None };
        checkpoints.save("last", method, optimizer, progress)?;
    }
    let shape = Shape {
        epochs: plan.epochs,
        steps: plan.steps_per_epoch,
        instances: batches.size() * plan.accumulate * collective.size(),
        called: plan.instances,
        yardstick: plan.yardstick,
    };
    recorder.begin(progress, shape);
    while progress.epoch < plan.epochs && !progress.is_exhausted(plan.patience) {
        let mut views = batches.epoch(progress.epoch, progress.step_in_epoch * plan.accumulate)?;
        while progress.step_in_epoch < plan.steps_per_epoch {
            let step = Step {
                index: progress.step,
                total,
                epoch: progress.epoch,
                random: Random::new(plan.seed).named("step").at(progress.step as u64),
                collective: collective.clone(),
                sync_batch_norm: plan.sync_batch_norm,
            };
            let mut gradients = Gradients::default();
            let mut representations = None;
            for _ in 0..plan.accumulate {
                let batch = recorder.waiting(|| views.next());
                let batch = batch.ok_or_else(|| Error::Internal("an epoch ended early".into()))??;
                let computed = method.objective(&batch, &step)?;
                gradients.add(&computed, method.trained());
                representations = Some(computed.representations);
                batches.recycle(batch);
            }
            let gradients = gradients.reduce(plan.accumulate, &*collective, plan.clip)?;
            let loss = finite(gradients.loss, progress)?;

            let scheduled = schedule.lr(progress.step);
            method.trained().update(&mut |name, value| {
                let gradient = gradients.by_name.get(name)?.clone();
                let lr = if constant.contains(name) { schedule.base_lr() } else { scheduled };
                Some(optimizer.update(name, value, gradient, lr, adapted.contains(name)))
            });
            method.after_step(&step)?;
            progress.advance(loss);

            recorder.tell(progress, loss, scheduled)?;
            if progress.step.is_multiple_of(plan.log_every) || progress.step_in_epoch == plan.steps_per_epoch
            {
                let monitors = representations.map(|views| monitor(views, &*collective)).transpose()?;
                let seen = monitors.as_ref().map(Measures::values).unwrap_or_default();
                recorder.step(progress, [loss, scheduled], &gradients.values()?, &seen)?;
                if let Some(sight) = monitors.as_ref().and_then(|seen| alarm.observe(seen)) {
                    let what = format!("the representation has collapsed at step {}: {sight}", progress.step);
                    if plan.stop_on_collapse {
                        return Err(collapsed(&what));
                    }
                    // Once, when it is first seen.
                    if alarm.in_a_row() == alarm.patience {
                        recorder.warn(&what)?;
                    }
                }
                progress.collapsed_in_a_row = alarm.in_a_row();
            }
            let due = plan.checkpoint_steps > 0 && progress.step.is_multiple_of(plan.checkpoint_steps);
            // Asked once: a signal that comes while this is saved is for the next step.
            let stopped = stop.requested();
            if due || stopped.is_some() {
                recorder.sync()?;
                checkpoints.save("last", method, optimizer, progress)?;
            }
            if let Some(signal) = stopped {
                return Ok(Outcome::Stopped(signal));
            }
        }
        drop(views);
        let mean_loss = progress.finish_epoch();
        let live = recorder.finish_epoch(progress, mean_loss);
        let due = plan.measure_every > 0
            && (progress.epoch.is_multiple_of(plan.measure_every) || progress.epoch == plan.epochs);
        let measured = if due { measure(method)? } else { None };
        let best = progress.measured(measured, mean_loss);
        recorder.epoch(progress, live, measured)?;
        recorder.sync()?;
        checkpoints.save_epoch(method, optimizer, progress, best)?;
    }
    if progress.epoch < plan.epochs {
        recorder.warn(&format!(
            "{} has not risen for {} measurements: the training ends",
            plan.yardstick.title, progress.without_rise
        ))?;
    }
    Ok(Outcome::Finished)
}

/// Optimiser steps in an epoch of `batches`, of which `accumulate` make a step; batches that do not fill one are left out.
///
/// # Errors
/// When there would be none.
pub fn steps_per_epoch(batches: usize, accumulate: usize) -> Result<usize> {
    match batches.checked_div(accumulate) {
        None | Some(0) => Err(Error::config(
            format!(
                "optimizer.accumulate is {accumulate}, but an epoch has {batches} batches: no step could be taken"
            ),
            "lower optimizer.accumulate or run.batch_size",
        )),
        Some(steps) => Ok(steps),
    }
}

/// The names of those parameters that fit.
fn names(parameters: &[Parameter], fits: impl Fn(&Parameter) -> bool) -> HashSet<String> {
    parameters.iter().filter(|parameter| fits(parameter)).map(|parameter| parameter.name.clone()).collect()
}

fn finite(loss: f64, progress: &Progress) -> Result<f64> {
    if loss.is_finite() {
        return Ok(loss);
    }
    Err(Error::diverged(
        format!("the loss is {loss} at step {} (epoch {})", progress.step + 1, progress.epoch + 1),
        "the last good checkpoint is kept; train anew with a lower optimizer.lr, a longer schedule.warmup_epochs \
         or optimizer.clip = 1.0",
    ))
}

fn collapsed(what: &str) -> Error {
    Error::diverged(
        what,
        "the last checkpoint is kept; lower optimizer.lr or see the book's chapter on collapse",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

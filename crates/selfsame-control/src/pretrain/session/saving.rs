//! What a training saves, when, and how it goes on from there.

use std::path::Path;

use selfsame_core::checkpoint::{ATTACHED, Checkpoint};
use selfsame_core::stop::Stop;
use selfsame_core::tensor::TensorData;
use selfsame_core::train::tensors_of;
use selfsame_core::{Error, Result};

use super::{Seen, Session};
use crate::pretrain::observation::Observation;
use crate::pretrain::standing::Standing;
use crate::state;

/// The checkpoint to go on from.
pub(super) const LAST: &str = "last";
/// The tensor of what the agent sees.
const OBSERVATION: &str = "loop.observation";
/// The tensor of an environment's state.
fn state_of(environment: usize) -> String {
    format!("loop.environment.{environment}")
}

impl Session<'_> {
    /// Saves what there is when the environment has failed, so that nothing is lost, and gives the error back.
    pub(super) fn save_before<T>(&mut self, error: Error) -> Result<T> {
        self.training.recorder.sync()?;
        self.save(LAST)?;
        Err(error)
    }

    /// The same where a step of the environments has failed. Others may have taken theirs, of which nothing is stored: their episodes cannot go on.
    pub(super) fn save_before_step<T>(&mut self, error: Error) -> Result<T> {
        if let several @ [_, _, ..] = &mut self.seen[..] {
            several.iter_mut().for_each(|seen| seen.begun = false);
        }
        self.save_before(error)
    }

    /// Sums up an epoch that is over, and saves what is due; the signal that came, if any.
    pub(super) fn save_where_due(&mut self) -> Result<Option<Stop>> {
        let step = self.training.progress.step;
        let is_over =
            self.training.progress.step_in_epoch == self.training.steps_per_epoch || step == self.steps;
        let best = is_over && self.end_epoch()?;
        let every = self.training.common.run.checkpoint_steps;
        let due = step == self.steps || self.is_due(every);
        let stop = self.training.stop.requested().filter(|_| step < self.steps);
        let kept = is_over.then(|| self.training.checkpoints.kept(self.training.progress.epoch)).flatten();
        if best || due || kept.is_some() || stop.is_some() {
            self.training.recorder.sync()?;
        }
        if best {
            self.save("best")?;
        }
        if let Some(name) = kept {
            self.save(&name)?;
        }
        if due || stop.is_some() {
            self.save(LAST)?;
        }
        Ok(stop)
    }

    /// Saves the agent; as `last`, with all that going on needs.
    pub(super) fn save(&mut self, name: &str) -> Result<()> {
        let progress = self.training.progress.clone();
        let mut tensors = tensors_of(self.agent.state(), progress.step)?;
        for (part, optimizer) in self.agent.optimizers() {
            let state = optimizer.state().into_iter();
            tensors.extend(state.map(|(name, value)| (format!("{part}.{name}"), value.into_data())));
        }
        if name == LAST {
            let bytes = |bytes: Vec<u8>| {
                let length = bytes.len();
                TensorData::new(bytes, [length])
            };
            tensors.insert(OBSERVATION.into(), bytes(self.observations()));
            for environment in (0..self.seen.len()).filter(|&environment| self.seen[environment].begun) {
                if let Some(state) = self.environment.state(environment)? {
                    tensors.insert(state_of(environment), bytes(state));
                }
            }
        }
        let standing = Standing { progress, control: self.control.clone() };
        let replay = &*self.replay;
        self.training.checkpoints.write(name, &standing, tensors, &mut |path: &Path| match name {
            LAST => replay.save(path),
            _ => Ok(()),
        })
    }

    pub(super) fn restore(&mut self, mut checkpoint: Checkpoint) -> Result<()> {
        let Standing { progress, control } = checkpoint.progress()?;
        state::check_environment(&checkpoint, &control, &self.control.environment)?;
        state::restore_agent(&mut checkpoint, self.agent)?;
        state::restore_optimizers(&mut checkpoint, self.agent)?;
        self.replay.restore(&checkpoint.source().join(ATTACHED))?;
        let frame = self.replay.settings().pixels.bytes();
        let environments = self.seen.len();
        let seen = checkpoint.take(OBSERVATION, &[environments * frame * self.plan.stack])?.bytes().to_vec();
        let going_on: Vec<Option<Vec<u8>>> = (0..environments)
            .map(|environment| checkpoint.tensors.remove(&state_of(environment)))
            .map(|state| state.map(|state| state.bytes().to_vec()))
            .collect();
        checkpoint.finish()?;
        (*self.training.progress, self.control) = (progress, control);
        let seen = seen.chunks_exact((frame * self.plan.stack).max(1));
        for (environment, (seen, state)) in seen.zip(going_on).enumerate() {
            match state {
                Some(state) => {
                    self.environment.restore(environment, &state)?;
                    self.seen[environment] =
                        Seen { observation: Observation::of(seen.to_vec(), frame), begun: true };
                }
                // The environment cannot go on where it was: the episode is lost, what was seen of it is not.
                None => {
                    if self.control.episodes[environment].length > 0 {
                        self.replay.interrupt(environment);
                        self.control.next_episode(environment);
                    }
                    self.begin_episode(environment)?;
                }
            }
        }
        Ok(())
    }
}

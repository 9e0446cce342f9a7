//! The training of an agent, as the program begins, tells and resumes every training.

use std::path::Path;

use selfsame_core::pretrain::{Common, Learner, Training};
use selfsame_core::run::{DataRecord, megabytes};
use selfsame_core::train::Outcome;
use selfsame_core::{Error, Result};

use super::session::Session;
use crate::data::replay::Replay;
use crate::data::{Actions, Pixels, VectorEnvironment};
use crate::method::{Agent, Plan};

/// The training of an agent.
pub(super) struct ControlLearner {
    pub name: String,
    pub pixels: Pixels,
    pub actions: Actions,
    pub fingerprint: String,
    pub agent: Box<dyn Agent>,
    pub parameters: usize,
    pub replay: Replay,
    pub environment: VectorEnvironment,
    pub plan: Plan,
    pub steps: usize,
    pub epoch_steps: usize,
}

impl Learner for ControlLearner {
    fn data(&self) -> DataRecord {
        DataRecord {
            path: self.name.clone(),
            instances: self.steps as u64,
            fingerprint: self.fingerprint.clone(),
        }
    }

    fn batches_per_epoch(&self) -> usize {
        self.epoch_steps
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let Pixels { channels, height, width } = self.pixels;
        let actions = match self.actions {
            Actions::Discrete(count) => format!("{count} actions"),
            Actions::Continuous(numbers) => format!("actions of {numbers} numbers"),
        };
        let replay = self.replay.settings();
        let together = match self.environment.len() {
            1 => String::new(),
            several => format!("; {several} step at the same time"),
        };
        vec![
            (
                "environment",
                format!("{}: frames of {channels}×{height}×{width}, {actions}{together}", self.name),
            ),
            ("networks", format!("{:.2} M parameters", self.parameters as f64 / 1e6)),
            (
                "replay",
                format!(
                    "{} transitions, {:.1} MB when full; returns of {} steps, discount {}",
                    replay.capacity,
                    megabytes(replay.bytes()),
                    replay.steps,
                    replay.discount
                ),
            ),
        ]
    }

    fn pace(&self, common: &Common, steps_per_epoch: usize) -> Vec<(&'static str, String)> {
        let Plan { batch_size, first_update, update_every, random_steps, .. } = self.plan;
        let every = match update_every {
            1 => "an update each".to_owned(),
            steps => format!("an update every {steps}"),
        };
        let (steps, epochs) = (self.steps, common.schedule.epochs);
        let at_random = match random_steps {
            0 => String::new(),
            steps => format!(", the first {steps} at random"),
        };
        vec![
            ("steps", format!("{steps} of the agent{at_random}; {epochs} epochs of {steps_per_epoch}")),
            ("updates", format!("{every} from step {first_update} on, batch {batch_size}")),
            ("learning rate", common.optimizer.lr.to_string()),
        ]
    }

    fn changed(&self, began: &DataRecord) -> Error {
        Error::data(
            Path::new(&self.name),
            format!(
                "this is not the environment that the run began in ({}), or its settings, frames or actions have changed",
                began.path
            ),
            "a resumed agent must find the same environment; restore config.toml and its packages, or begin a new run",
        )
    }

    fn train(&mut self, training: Training<'_>) -> Result<Outcome> {
        let Self { agent, replay, environment, steps, .. } = self;
        Session::new(training, &mut **agent, replay, environment, *steps)?.run()
    }
}

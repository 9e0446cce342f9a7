//! The loop: act, update, store.

mod saving;

use saving::LAST;
use selfsame_core::pretrain::Training;
use selfsame_core::run::{Kind, Record};
use selfsame_core::train::{Outcome, Shape};
use selfsame_core::{Error, Random, Result, host};

use super::observation::Observation;
use super::standing::Control;
use crate::data::replay::{Replay, Segmentation, Transition};
use crate::data::{Action, Outcome as StepOutcome, VectorEnvironment};
use crate::method::{Acting, Agent, Plan, SegmentReward, Update};

/// The share of a mean episode's reward that a segment gathers where nobody says how much.
const SEGMENT_SHARE: f64 = 0.1;

/// A training while it goes on.
pub struct Session<'a> {
    training: Training<'a>,
    agent: &'a mut dyn Agent,
    replay: &'a mut Replay,
    environment: &'a mut VectorEnvironment,
    plan: Plan,
    steps: usize,
    random: Random,
    control: Control,
    /// What is seen in each environment.
    seen: Vec<Seen>,
    /// Updates when the last record was written.
    recorded_updates: usize,
}

/// What is seen in one environment.
struct Seen {
    observation: Observation,
    /// Whether its episode has begun, which it has not where the environment fails at that.
    begun: bool,
}

impl<'a> Session<'a> {
    /// Begins in a new episode, or where the checkpoint stood.
    ///
    /// # Errors
    /// An environment that fails, and a checkpoint that does not fit.
    pub fn new(
        mut training: Training<'a>,
        agent: &'a mut dyn Agent,
        replay: &'a mut Replay,
        environment: &'a mut VectorEnvironment,
        steps: usize,
    ) -> Result<Self> {
        let (plan, checkpoint) = (agent.plan(), training.checkpoint.take());
        let environments = environment.len();
        let nothing = || Seen { observation: Observation::of(Vec::new(), 0), begun: false };
        let mut session = Self {
            random: Random::new(training.common.run.seed),
            control: Control::new(environment.name().to_owned(), environments),
            seen: std::iter::repeat_with(nothing).take(environments).collect(),
            recorded_updates: 0,
            training,
            agent,
            replay,
            environment,
            plan,
            steps,
        };
        match checkpoint {
            Some(checkpoint) => session.restore(checkpoint)?,
            None => (0..environments).try_for_each(|environment| session.begin_episode(environment))?,
        }
        Ok(session)
    }

    /// Trains until the last step or a signal.
    ///
    /// # Errors
    /// An environment that fails, a loss that is not finite, and files that cannot be written.
    pub fn run(mut self) -> Result<Outcome> {
        let shape = Shape {
            epochs: self.training.common.schedule.epochs,
            steps: self.training.steps_per_epoch,
            instances: 1,
            called: self.training.modality.instances,
            yardstick: self.training.modality.yardstick,
        };
        self.training.recorder.begin(self.training.progress, shape);
        self.recorded_updates = self.control.updates;
        if self.training.progress.step == 0 {
            // `best` may come before the first `last` is due: whoever is killed then goes on from here.
            self.save(LAST)?;
        }

        while self.training.progress.step < self.steps {
            let step = self.training.progress.step;
            // Act: the environments step by themselves until their outcomes are waited for.
            let actions = self.act(step)?;
            self.environment.begin_step(actions.clone())?;
            // Update, once a step, on what was stored before these steps: the same, whoever is faster.
            let mut terms = Vec::new();
            for step in step..step + actions.len() {
                let told = self.update(step)?;
                terms = if told.is_empty() { terms } else { told };
            }
            // Store.
            let outcomes = self.training.recorder.waiting(|| self.environment.finish_step());
            let outcomes = outcomes.or_else(|error| self.save_before_step(error))?;
            for (environment, (action, outcome)) in actions.iter().zip(&outcomes).enumerate() {
                self.store(environment, action, outcome)?;
                self.training.progress.advance(0.0);
            }

            self.tell(&terms)?;
            let ended: Vec<usize> = (0..outcomes.len())
                .filter(|&environment| outcomes[environment].terminated || outcomes[environment].truncated)
                .collect();
            let begun = self.end_episodes(&ended);
            let stop = self.save_where_due()?;
            begun.or_else(|error| self.save_before(error))?;
            if let Some(stop) = stop {
                return Ok(Outcome::Stopped(stop));
            }
        }
        Ok(Outcome::Finished)
    }

    /// An action for each environment.
    fn act(&mut self, step: usize) -> Result<Vec<Action>> {
        let acting = if step < self.plan.random_steps { Acting::Random } else { Acting::Explore };
        let random = self.random.named("act").at(step as u64);
        let observations = self.observations();
        let actions = self.agent.act(&observations, acting, &random)?;
        match actions.len() == self.seen.len() {
            true => Ok(actions),
            false => Err(Error::Internal(format!("{} actions of the agent", actions.len()))),
        }
    }

    /// What is seen in all environments, one after the other.
    fn observations(&self) -> Vec<u8> {
        self.seen.iter().flat_map(|seen| seen.observation.bytes()).copied().collect()
    }

    /// The terms of the update, where this step has one.
    fn update(&mut self, step: usize) -> Result<Vec<(&'static str, f64)>> {
        if step < self.plan.first_update || !step.is_multiple_of(self.plan.update_every) {
            return Ok(Vec::new());
        }
        // Episodes that were lost when a run was resumed may have left fewer than there were to be.
        if self.replay.len() < self.plan.batch_size {
            return Ok(Vec::new());
        }
        self.choose_segments();
        let index = self.control.updates;
        let random = self.random.named("update").at(index as u64);
        let progress = step as f64 / self.steps as f64;
        let terms = self.agent.learn(self.replay, &Update { index, progress, random })?;
        self.control.updates += 1;
        self.control.updates_in_epoch += 1;
        let loss = terms.iter().find(|(name, _)| *name == "loss");
        let loss = loss.map_or(Ok(f64::NAN), |(_, loss)| host::scalar(loss.clone()))?;
        if !loss.is_finite() {
            return Err(Error::diverged(
                format!("the loss is {loss} after step {step} (update {})", index + 1),
                "the last good checkpoint is kept; train anew with a lower optimizer.lr",
            ));
        }
        self.control.loss = Some(loss);
        self.training.progress.loss_sum += loss;
        // Reading all of them would make every update wait for the device.
        if !(step + 1).is_multiple_of(self.training.common.run.log_every) {
            return Ok(Vec::new());
        }
        let others = terms.into_iter().filter(|(name, _)| *name != "loss");
        others.map(|(name, term)| Ok((name, host::scalar(term)?))).collect()
    }

    /// Chooses how much reward ends a segment, once there is an episode to choose by; and again at the beginning of an epoch, if an
    /// episode brings twice as much by then, or half as much: an agent that has learned would else end a segment with every step.
    fn choose_segments(&mut self) {
        let chosen = self.control.segment_reward;
        let is_settled = chosen.is_some() && self.training.progress.step_in_epoch > 0;
        if self.plan.segments != Some(SegmentReward::Auto) || is_settled {
            return;
        }
        let Some(reward) = self.replay.mean_episode_reward().map(f64::abs).filter(|reward| *reward > 0.0)
        else {
            return;
        };
        let gathered = SEGMENT_SHARE * reward;
        if chosen.is_some_and(|chosen| (0.5..=2.0).contains(&(gathered / chosen))) {
            return;
        }
        self.replay.set_segmentation(Segmentation::Gathered(gathered));
        self.control.segment_reward = Some(gathered);
    }

    fn store(&mut self, environment: usize, action: &Action, outcome: &StepOutcome) -> Result<()> {
        let observation = &mut self.seen[environment].observation;
        let frame = observation.newest();
        self.replay.push(environment, Transition { frame, action, outcome })?;
        observation.push(&outcome.frame);
        let episode = &mut self.control.episodes[environment];
        episode.total += f64::from(outcome.reward);
        episode.length += 1;
        Ok(())
    }

    /// Begins an environment's episode, whose number decides on its seed.
    fn begin_episode(&mut self, environment: usize) -> Result<()> {
        let number = self.control.episodes[environment].number;
        let seed = self.random.named("episode").at(number as u64).bits();
        let frame = self.environment.reset(environment, seed)?;
        self.seen[environment] =
            Seen { observation: Observation::begin(&frame, self.plan.stack), begun: true };
        Ok(())
    }

    /// Ends the episodes of these environments and begins the next ones.
    fn end_episodes(&mut self, environments: &[usize]) -> Result<()> {
        for &environment in environments {
            self.end_episode(environment)?;
        }
        environments.iter().try_for_each(|&environment| self.begin_episode(environment))
    }

    fn end_episode(&mut self, environment: usize) -> Result<()> {
        self.seen[environment].begun = false;
        let (episode, progress) = (&self.control.episodes[environment], &*self.training.progress);
        self.control.ended_in_epoch += 1;
        self.control.returns_in_epoch += episode.total;
        // The step that ended it is counted already.
        let epoch = 1 + (progress.step - 1) / self.training.steps_per_epoch;
        let record = Record::new(Kind::Episode, epoch, progress.step as u64).with_all(&[
            ("episode", (episode.number + 1) as f64),
            ("return", episode.total),
            ("length", episode.length as f64),
        ]);
        self.control.next_episode(environment);
        self.training.recorder.write(&record)
    }

    /// Whether something that happens every so many steps is due after the last ones.
    fn is_due(&self, every: usize) -> bool {
        let step = self.training.progress.step;
        every > 0 && step / every > step.saturating_sub(self.seen.len()) / every
    }

    /// Tells who watches, and writes a record where one is due.
    fn tell(&mut self, terms: &[(&str, f64)]) -> Result<()> {
        let due = self.is_due(self.training.common.run.log_every);
        let Training { recorder, progress, common, .. } = &mut self.training;
        let loss = self.control.loss.unwrap_or(f64::NAN);
        recorder.tell(progress, loss, common.optimizer.lr)?;
        if !due {
            return Ok(());
        }
        let updates = self.control.updates - self.recorded_updates;
        let seconds = recorder.since_record().as_secs_f64().max(1e-9);
        let mut more = vec![
            ("updates", self.control.updates as f64),
            ("updates_per_second", (100.0 * updates as f64 / seconds).round() / 100.0),
            ("episodes", (self.control.begun - self.seen.len()) as f64),
            ("replay", self.replay.len() as f64),
        ];
        more.extend(self.control.segment_reward.map(|reward| ("segment_reward", reward)));
        self.recorded_updates = self.control.updates;
        recorder.step(progress, [loss, common.optimizer.lr], terms, &more)
    }

    /// Whether the epoch that is over is the best so far: by the mean return of the episodes that ended in it.
    fn end_epoch(&mut self) -> Result<bool> {
        let control = &mut self.control;
        let Training { recorder, progress, .. } = &mut self.training;
        let measured =
            (control.ended_in_epoch > 0).then(|| control.returns_in_epoch / control.ended_in_epoch as f64);
        let loss = progress.loss_sum / control.updates_in_epoch as f64;
        progress.finish_epoch();
        let live = recorder.finish_epoch(progress, loss);
        let best = measured.is_some() && progress.measured(measured, loss);
        recorder.epoch(progress, live, measured)?;
        (control.ended_in_epoch, control.returns_in_epoch, control.updates_in_epoch) = (0, 0.0, 0);
        Ok(best)
    }
}

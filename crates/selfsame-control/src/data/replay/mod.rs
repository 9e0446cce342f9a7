//! Replay: what an agent has seen and done, each frame stored once, and the batches that it learns from.
//!
//! Transitions lie in a ring, a stretch of it for each environment. A transition can be drawn once its n-step return is known and as long as
//! all frames of its stack are there. After a truncated episode one place of the ring holds the frame that came last, which nobody acted on:
//! its value is what the return is completed with.

mod file;
mod frames;
mod ring;
mod sample;
mod segments;
mod settings;
mod sum_tree;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use frames::Frames;
use ring::{End, Lane, Slot, Taken};
use segments::Segments;
use selfsame_core::{Error, Result};
use sum_tree::SumTree;

pub use sample::{Batch, Pairs};
pub use segments::Segmentation;
pub use settings::ReplaySettings;

use super::{Action, Actions, Outcome};

/// One step of an environment.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// The frame that was acted on, `[channels, height, width]`: the newest of the observation.
    pub frame: &'a [u8],
    /// What was done.
    pub action: &'a Action,
    /// What it led to. A lost life ends the return, as the end of the task does, but not the episode.
    pub outcome: &'a Outcome,
}

/// The memory of an agent.
#[derive(Debug)]
pub struct Replay {
    settings: ReplaySettings,
    frames: Frames,
    taken: Taken,
    slots: Vec<Slot>,
    lanes: Vec<Lane>,
    segments: Segments,
    /// priority^ω of transitions that can be drawn, 0 of others.
    weights: SumTree,
    /// The largest priority so far: what new transitions get.
    largest_priority: f64,
}

impl Replay {
    /// An empty replay.
    ///
    /// # Errors
    /// `Error::Config` when it is too small to draw from, `Error::Device` when it would not fit the memory that is available, `Error::Data` when
    /// the folder for its frames cannot be written to or has no room for them.
    pub fn new(settings: ReplaySettings) -> Result<Self> {
        settings.check()?;
        let capacity = settings.lane_capacity() * settings.environments;
        let taken = match settings.actions {
            Actions::Discrete(_) => Taken::Discrete(vec![0; capacity]),
            Actions::Continuous(numbers) => Taken::Continuous(numbers, vec![0.0; capacity * numbers]),
        };
        Ok(Self {
            frames: Frames::new(&settings)?,
            taken,
            slots: vec![Slot::default(); capacity],
            lanes: vec![Lane::default(); settings.environments],
            segments: Segments::default(),
            weights: SumTree::new(capacity),
            largest_priority: 1.0,
            settings,
        })
    }

    /// What it was made with.
    pub fn settings(&self) -> &ReplaySettings {
        &self.settings
    }

    /// How many transitions can be drawn.
    pub fn len(&self) -> usize {
        self.weights.positive()
    }

    /// Whether none can be drawn yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stores what environment number `environment` has just done.
    ///
    /// # Errors
    /// `Error::Internal` when frame or action are not of the replay's environments.
    ///
    /// # Panics
    /// When there is no such environment.
    pub fn push(&mut self, environment: usize, transition: Transition<'_>) -> Result<()> {
        let Transition { frame, action, outcome } = transition;
        let at = self.lanes[environment].written;
        let slot = self.write(environment, frame)?;
        self.write_action(slot, action)?;
        self.slots[slot].reward = outcome.reward;
        self.slots[slot].end = match outcome {
            Outcome { terminated: true, .. } => End::Terminated,
            Outcome { truncated: true, life_lost: false, .. } => End::Truncated,
            Outcome { life_lost: true, .. } => End::Life,
            _ => End::None,
        };
        self.assign_segment(environment, at);
        match self.slots[slot].end {
            End::None => self.release(environment, (at + 1).saturating_sub(self.settings.steps as u64)),
            End::Truncated => {
                let last = self.write(environment, &outcome.frame)?;
                self.slots[last].end = End::Last;
                self.lanes[environment].last_frames += 1;
                self.release(environment, at + 1);
            }
            _ => self.release(environment, at + 1),
        }
        let lane = &mut self.lanes[environment];
        if outcome.terminated || outcome.truncated {
            lane.age = 0;
            lane.pending = lane.written;
        }
        Ok(())
    }

    /// Says that the next transition of an environment does not follow the last one, because the environment was begun anew in the midst of
    /// an episode. Transitions whose return is not known then are never drawn.
    ///
    /// # Panics
    /// When there is no such environment.
    pub fn interrupt(&mut self, environment: usize) {
        let lane = &mut self.lanes[environment];
        *lane = Lane { age: 0, segment: None, pending: lane.written, ..*lane };
    }

    /// Gives transitions the priorities that learning from them suggests: what the next draws are in proportion to.
    ///
    /// # Errors
    /// `Error::Diverged` when one is not a number, infinite or below 0.
    ///
    /// # Panics
    /// When an index is none of this replay's, or the numbers of indices and priorities differ.
    pub fn set_priorities(&mut self, indices: &[usize], priorities: &[f32]) -> Result<()> {
        assert_eq!(indices.len(), priorities.len(), "a priority for each transition");
        for (&index, &priority) in indices.iter().zip(priorities) {
            if !(priority.is_finite() && priority >= 0.0) {
                return Err(Error::diverged(
                    format!("the loss of a transition is {priority}"),
                    "lower the learning rate",
                ));
            }
            let priority = f64::from(priority);
            self.largest_priority = self.largest_priority.max(priority);
            // One that was overwritten since it was drawn may wait for its return again.
            if self.weights.get(index) > 0.0 {
                self.weights.set(index, weight(priority, self.settings.priority_exponent));
            }
        }
        Ok(())
    }

    /// Lets transitions before `end` be drawn, with the largest priority.
    fn release(&mut self, environment: usize, end: u64) {
        let weight = weight(self.largest_priority, self.settings.priority_exponent);
        for at in self.lanes[environment].pending..end {
            self.weights.set(self.slot(environment, at), weight);
        }
        let lane = &mut self.lanes[environment];
        lane.pending = lane.pending.max(end);
    }
}

/// What a priority weighs in the draws. Never nothing, so that what was learned once is still visited (Schaul et al. 2016, section 3.3).
fn weight(priority: f64, exponent: f64) -> f64 {
    priority.max(1e-6).powf(exponent)
}

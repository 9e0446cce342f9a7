//! Replay: what an agent has seen and done, each frame stored once, and the batches that it learns from.
//!
//! Transitions lie in a ring, a stretch of it for each environment. A transition can be drawn once its n-step return is known and as long as
//! all frames of its stack are there. After a truncated episode one place of the ring holds the frame that came last, which nobody acted on:
//! its value is what the return is completed with.

mod file;
mod sample;
mod segments;
mod sum_tree;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use selfsame_core::run::memory;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

pub use sample::{Batch, Pairs};
pub use segments::Segmentation;
use segments::{Extent, Segments};
use sum_tree::SumTree;

use super::{Action, Actions, Outcome, Pixels};

/// What a replay holds and how it is drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplaySettings {
    /// Transitions, those of all environments together.
    pub capacity: usize,
    /// Environments that feed it.
    pub environments: usize,
    /// The size of one frame.
    pub pixels: Pixels,
    /// What can be done.
    pub actions: Actions,
    /// Frames of an observation.
    pub stack: usize,
    /// n: rewards of a return before it is completed with a value.
    pub steps: usize,
    /// γ.
    pub discount: f64,
    /// Rewards in returns are kept to `-clip..=clip`; segments and [`Replay::mean_episode_reward`] see them as they are.
    pub reward_clip: Option<f32>,
    /// ω: transitions are drawn in proportion to priority^ω; 0 draws uniformly.
    pub priority_exponent: f64,
    /// Where segments end.
    pub segmentation: Segmentation,
}

impl ReplaySettings {
    /// The bytes that the replay takes when it is full.
    pub fn bytes(&self) -> u64 {
        let action = match self.actions {
            Actions::Discrete(_) => size_of::<u32>(),
            Actions::Continuous(numbers) => numbers * size_of::<f32>(),
        };
        let slot = self.pixels.bytes() + action + size_of::<Slot>() + size_of::<Extent>();
        self.capacity as u64 * slot as u64 + SumTree::bytes(self.capacity) as u64
    }

    /// Places of the ring for one environment.
    fn lane_capacity(&self) -> usize {
        self.capacity / self.environments.max(1)
    }

    fn check(&self) -> Result<()> {
        let needed = self.steps + self.stack + 1;
        if self.environments == 0 || self.stack == 0 || self.steps == 0 {
            return Err(Error::config(
                "a replay without environments, frames in an observation, or rewards in a return",
                "give at least one of each",
            ));
        }
        if self.lane_capacity() < needed {
            return Err(Error::config(
                format!(
                    "a replay of {} transitions for {} environments is too small: returns of {} steps and observations of {} frames need {needed} for each",
                    self.capacity, self.environments, self.steps, self.stack
                ),
                format!("give it {} transitions or more", needed * self.environments),
            ));
        }
        let bytes = self.bytes();
        match memory::available() {
            Some(available) if bytes > available => Err(self.too_large(available)),
            _ => Ok(()),
        }
    }

    fn too_large(&self, available: u64) -> Error {
        let bytes = self.bytes();
        let fitting = (self.capacity as f64 * 0.9 * available as f64 / bytes as f64) as u64;
        Error::device(
            format!(
                "the replay of {} transitions needs {:.1} MB of memory, {:.1} MB are available",
                self.capacity,
                memory::megabytes(bytes),
                memory::megabytes(available)
            ),
            format!("make it smaller ({fitting} transitions would fit), or free some memory"),
        )
    }
}

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

/// What is known of the frame in one place of the ring, besides pixels and action.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Slot {
    /// The segment of the transition.
    segment: u64,
    /// The reward as the environment gave it.
    reward: f32,
    /// Steps since the episode began.
    age: u32,
    end: End,
}

/// How the returns through a transition go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum End {
    /// With the next transition.
    #[default]
    None,
    /// Not at all, though the episode does.
    Life,
    /// Not at all.
    Terminated,
    /// With the value of the frame that lies in the next place.
    Truncated,
    /// This is that frame, nobody acted on it.
    Last,
}

impl End {
    /// Whether no value follows.
    fn is_terminal(self) -> bool {
        matches!(self, Self::Life | Self::Terminated)
    }
}

/// Actions one after the other.
#[derive(Clone, Debug, PartialEq)]
enum Taken {
    Discrete(Vec<u32>),
    Continuous(usize, Vec<f32>),
}

/// The stretch of the ring that one environment writes to. Its frames are counted from the first ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Lane {
    /// Frames written so far.
    written: u64,
    /// The first transition whose return is not yet known.
    pending: u64,
    /// Steps since the episode began.
    age: u32,
    /// The segment that goes on.
    segment: Option<u64>,
    /// The rewards that it has gathered.
    #[serde(with = "file::bits")]
    gathered: f64,
    /// Last frames among those stored.
    last_frames: u64,
}

/// The memory of an agent.
#[derive(Debug)]
pub struct Replay {
    settings: ReplaySettings,
    frames: Vec<u8>,
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
    /// `Error::Config` when it is too small to draw from, `Error::Device` when it would not fit the memory that is available.
    pub fn new(settings: ReplaySettings) -> Result<Self> {
        settings.check()?;
        let capacity = settings.lane_capacity() * settings.environments;
        // Given back before it is asked for again: two of them at once might not fit.
        if Vec::<u8>::new().try_reserve_exact(capacity * settings.pixels.bytes()).is_err() {
            return Err(settings.too_large(memory::available().unwrap_or(0)));
        }
        // Zeroed memory is not touched before frames are written to it.
        let frames = vec![0; capacity * settings.pixels.bytes()];
        let taken = match settings.actions {
            Actions::Discrete(_) => Taken::Discrete(vec![0; capacity]),
            Actions::Continuous(numbers) => Taken::Continuous(numbers, vec![0.0; capacity * numbers]),
        };
        Ok(Self {
            frames,
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

    /// Cuts everything stored, and all that comes, into segments by another rule.
    pub fn set_segmentation(&mut self, segmentation: Segmentation) {
        self.settings.segmentation = segmentation;
        self.segments.clear();
        for environment in 0..self.lanes.len() {
            self.lanes[environment].segment = None;
            for at in self.oldest(environment)..self.lanes[environment].written {
                let Slot { age, end, .. } = self.slots[self.slot(environment, at)];
                if age == 0 {
                    self.lanes[environment].segment = None;
                }
                if end != End::Last {
                    self.assign_segment(environment, at);
                }
            }
        }
    }

    /// The mean of the sums of rewards of the episodes that are stored from beginning to end; none when there is none.
    pub fn mean_episode_reward(&self) -> Option<f64> {
        let (mut episodes, mut total) = (0u64, 0.0);
        for environment in 0..self.lanes.len() {
            let mut sum = None;
            for at in self.oldest(environment)..self.lanes[environment].written {
                let Slot { age, reward, end, .. } = self.slots[self.slot(environment, at)];
                if age == 0 {
                    sum = Some(0.0);
                }
                sum = sum.map(|sum| sum + f64::from(reward));
                if matches!(end, End::Terminated | End::Truncated) {
                    episodes += u64::from(sum.is_some());
                    total += sum.take().unwrap_or(0.0);
                }
            }
        }
        (episodes > 0).then(|| total / episodes as f64)
    }

    /// Writes the next frame of an environment over its oldest, and gives its place.
    fn write(&mut self, environment: usize, frame: &[u8]) -> Result<usize> {
        let bytes = self.settings.pixels.bytes();
        if frame.len() != bytes {
            let what = format!("a frame of {} bytes does not fit a replay of frames of {bytes}", frame.len());
            return Err(Error::Internal(what));
        }
        let at = self.lanes[environment].written;
        let slot = self.slot(environment, at);
        let lane = &mut self.lanes[environment];
        if at >= self.settings.lane_capacity() as u64 && self.slots[slot].end == End::Last {
            lane.last_frames -= 1;
        }
        self.slots[slot] = Slot { age: lane.age, ..Slot::default() };
        lane.age = lane.age.saturating_add(1);
        lane.written += 1;
        self.frames[slot * bytes..][..bytes].copy_from_slice(frame);
        self.weights.set(slot, 0.0);
        // Those that have lost a frame of their stack.
        let oldest = self.oldest(environment);
        for at in oldest..self.first_whole(environment) {
            self.weights.set(self.slot(environment, at), 0.0);
        }
        let oldest: Vec<u64> = (0..self.lanes.len()).map(|lane| self.oldest(lane)).collect();
        self.segments.forget(|extent| extent.end <= oldest[extent.lane] && extent.end > extent.first);
        Ok(slot)
    }

    fn write_action(&mut self, slot: usize, action: &Action) -> Result<()> {
        match (&mut self.taken, action) {
            (Taken::Discrete(taken), Action::Discrete(number)) => {
                taken[slot] = u32::try_from(*number).unwrap_or(u32::MAX);
            }
            (Taken::Continuous(numbers, taken), Action::Continuous(values)) if values.len() == *numbers => {
                taken[slot * *numbers..][..*numbers].copy_from_slice(values);
            }
            _ => {
                let what = format!("{action:?} is none of the replay's actions, {:?}", self.settings.actions);
                return Err(Error::Internal(what));
            }
        }
        Ok(())
    }

    /// Puts a stored transition, the next after those that have one, into its segment.
    fn assign_segment(&mut self, environment: usize, at: u64) {
        let Lane { segment, gathered, .. } = self.lanes[environment];
        let (segment, gathered) = match segment {
            Some(open) => (open, gathered),
            None => (self.segments.begin(environment, at), 0.0),
        };
        self.segments.extend(segment);
        let slot = self.slot(environment, at);
        let Slot { reward, end, .. } = self.slots[slot];
        self.slots[slot].segment = segment;
        let gathered = gathered + f64::from(reward);
        let closed = end != End::None || self.settings.segmentation.ends(reward, gathered);
        self.lanes[environment].segment = (!closed).then_some(segment);
        self.lanes[environment].gathered = gathered;
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

    /// The place of a frame in the ring.
    fn slot(&self, environment: usize, at: u64) -> usize {
        let capacity = self.settings.lane_capacity();
        environment * capacity + (at % capacity as u64) as usize
    }

    /// The environment of a place, and the number of the frame that lies there.
    fn locate(&self, slot: usize) -> (usize, u64) {
        let capacity = self.settings.lane_capacity();
        let (environment, position) = (slot / capacity, (slot % capacity) as u64);
        let oldest = self.oldest(environment);
        let after = (position + capacity as u64 - oldest % capacity as u64) % capacity as u64;
        (environment, oldest + after)
    }

    /// The oldest frame of an environment that is stored.
    fn oldest(&self, environment: usize) -> u64 {
        self.lanes[environment].written.saturating_sub(self.settings.lane_capacity() as u64)
    }

    /// The first frame of an environment whose stack is stored as a whole, as are all stacks after it.
    fn first_whole(&self, environment: usize) -> u64 {
        let (oldest, written) = (self.oldest(environment), self.lanes[environment].written);
        let history = self.settings.stack as u64 - 1;
        (oldest..written)
            .find(|&at| {
                let age = u64::from(self.slots[self.slot(environment, at)].age);
                age.min(history) <= at - oldest
            })
            .unwrap_or(written)
    }
}

/// What a priority weighs in the draws. Never nothing, so that what was learned once is still visited (Schaul et al. 2016, section 3.3).
fn weight(priority: f64, exponent: f64) -> f64 {
    priority.max(1e-6).powf(exponent)
}

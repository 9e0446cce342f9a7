//! The ring: where frames lie, with what is known of each, and how the oldest give way.

use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Replay;
use crate::data::Action;

/// What is known of the frame in one place of the ring, besides pixels and action.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Slot {
    /// The segment of the transition.
    pub segment: u64,
    /// The reward as the environment gave it.
    pub reward: f32,
    /// Steps since the episode began.
    pub age: u32,
    pub end: End,
}

/// How the returns through a transition go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum End {
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
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Life | Self::Terminated)
    }
}

/// Actions one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Taken {
    Discrete(Vec<u32>),
    Continuous(usize, Vec<f32>),
}

/// The stretch of the ring that one environment writes to. Its frames are counted from the first ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lane {
    /// Frames written so far.
    pub written: u64,
    /// The first transition whose return is not yet known.
    pub pending: u64,
    /// Steps since the episode began.
    pub age: u32,
    /// The segment that goes on.
    pub segment: Option<u64>,
    /// The rewards that it has gathered.
    #[serde(with = "super::file::bits")]
    pub gathered: f64,
    /// Last frames among those stored.
    pub last_frames: u64,
}

impl Replay {
    /// Writes the next frame of an environment over its oldest, and gives its place.
    pub(super) fn write(&mut self, environment: usize, frame: &[u8]) -> Result<usize> {
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

    pub(super) fn write_action(&mut self, slot: usize, action: &Action) -> Result<()> {
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

    /// The place of a frame in the ring.
    pub(super) fn slot(&self, environment: usize, at: u64) -> usize {
        let capacity = self.settings.lane_capacity();
        environment * capacity + (at % capacity as u64) as usize
    }

    /// The environment of a place, and the number of the frame that lies there.
    pub(super) fn locate(&self, slot: usize) -> (usize, u64) {
        let capacity = self.settings.lane_capacity();
        let (environment, position) = (slot / capacity, (slot % capacity) as u64);
        let oldest = self.oldest(environment);
        let after = (position + capacity as u64 - oldest % capacity as u64) % capacity as u64;
        (environment, oldest + after)
    }

    /// The oldest frame of an environment that is stored.
    pub(super) fn oldest(&self, environment: usize) -> u64 {
        self.lanes[environment].written.saturating_sub(self.settings.lane_capacity() as u64)
    }

    /// The first frame of an environment whose stack is stored as a whole, as are all stacks after it.
    pub(super) fn first_whole(&self, environment: usize) -> u64 {
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

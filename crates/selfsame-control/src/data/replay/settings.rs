//! What a replay holds, and whether there is room for it.

use std::path::PathBuf;

use selfsame_core::run::memory;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Segmentation;
use super::ring::Slot;
use super::segments::Extent;
use super::sum_tree::SumTree;
use crate::data::{Actions, Pixels};

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
    /// Rewards in returns are kept to `-clip..=clip`; segments and [`Replay::mean_episode_reward`](super::Replay::mean_episode_reward) see them as they are.
    pub reward_clip: Option<f32>,
    /// ω: transitions are drawn in proportion to priority^ω; 0 draws uniformly.
    pub priority_exponent: f64,
    /// Where segments end.
    pub segmentation: Segmentation,
    /// A folder on whose disk the frames lie, used like memory; none for memory itself. A saved replay may be gone on with elsewhere.
    #[serde(skip)]
    pub folder: Option<PathBuf>,
}

impl ReplaySettings {
    /// The bytes of memory that the replay takes when it is full.
    pub fn bytes(&self) -> u64 {
        let action = match self.actions {
            Actions::Discrete(_) => size_of::<u32>(),
            Actions::Continuous(numbers) => numbers * size_of::<f32>(),
        };
        let frame = if self.folder.is_some() { 0 } else { self.pixels.bytes() };
        let slot = frame + action + size_of::<Slot>() + size_of::<Extent>();
        self.capacity as u64 * slot as u64 + SumTree::bytes(self.capacity) as u64
    }

    /// Places of the ring for one environment.
    pub(super) fn lane_capacity(&self) -> usize {
        self.capacity / self.environments.max(1)
    }

    pub(super) fn check(&self) -> Result<()> {
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

    pub(super) fn too_large(&self, available: u64) -> Error {
        let bytes = self.bytes();
        let fitting = (self.capacity as f64 * 0.9 * available as f64 / bytes as f64) as u64;
        Error::device(
            format!(
                "the replay of {} transitions needs {:.1} MB of memory, {:.1} MB are available",
                self.capacity,
                memory::megabytes(bytes),
                memory::megabytes(available)
            ),
            format!(
                "make it smaller ({fitting} transitions would fit), free some memory, or keep its frames on a disk with data.replay_folder"
            ),
        )
    }
}

//! Segments of experience (Liu et al. 2021, section 4.1): the stretches between two rewards, whose pairs of state and action have the same
//! return to go.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Replay;
use super::ring::{End, Lane, Slot};

/// When a segment ends; it also ends with the episode, and with a lost life, which ends the return that an agent learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segmentation {
    /// With the first reward that is not 0, which belongs to it: for sparse rewards.
    Reward,
    /// When the rewards gathered in it exceed this amount in size: for dense rewards, also for costs, which are below 0.
    Gathered(#[serde(with = "super::file::bits")] f64),
}

impl Segmentation {
    /// Whether a segment that has gathered so much ends with this reward, which is counted in.
    pub fn ends(self, reward: f32, gathered: f64) -> bool {
        match self {
            Self::Reward => reward != 0.0,
            Self::Gathered(threshold) => gathered.abs() > threshold,
        }
    }
}

/// Where a segment lies: a stretch of the transitions of one environment, counted from its first ever.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Extent {
    pub lane: usize,
    pub first: u64,
    /// One after its last.
    pub end: u64,
}

/// Where all segments lie that have stored transitions. Segments are numbered from 0 in the order in which they begin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Segments {
    oldest: u64,
    extents: VecDeque<Extent>,
}

impl Segments {
    /// Begins a segment and gives its number.
    pub fn begin(&mut self, lane: usize, first: u64) -> u64 {
        self.extents.push_back(Extent { lane, first, end: first });
        self.oldest + self.extents.len() as u64 - 1
    }

    /// Adds the transition that follows its last.
    pub fn extend(&mut self, segment: u64) {
        if let Some(extent) = self.extents.get_mut((segment - self.oldest) as usize) {
            extent.end += 1;
        }
    }

    /// Where a segment of a stored transition lies.
    pub fn extent(&self, segment: u64) -> Extent {
        self.extents[(segment - self.oldest) as usize]
    }

    /// Forgets the oldest ones as long as `gone` says so.
    pub fn forget(&mut self, gone: impl Fn(&Extent) -> bool) {
        while self.extents.front().is_some_and(&gone) {
            self.extents.pop_front();
            self.oldest += 1;
        }
    }

    /// The bytes that all take.
    #[cfg(test)]
    pub fn allocated(&self) -> usize {
        self.extents.capacity() * size_of::<Extent>()
    }

    /// Forgets them all; the next begins with a new number.
    pub fn clear(&mut self) {
        self.oldest += self.extents.len() as u64;
        self.extents.clear();
    }
}

impl Replay {
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

    /// Puts a stored transition, the next after those that have one, into its segment.
    pub(super) fn assign_segment(&mut self, environment: usize, at: u64) {
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
}

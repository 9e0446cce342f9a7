//! Batches of transitions, and pairs of them for return-based contrast.

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result};

use super::{Action, End, Replay, Slot, Taken};

/// Bytes from which on copying is shared among threads: waking them takes as long as copying about so many.
const WORTH_THREADS: usize = 1 << 20;

/// Transitions to learn from, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Which ones: what priorities are given to, and anchors are named by.
    pub indices: Vec<usize>,
    /// What was seen, `[batch, stack · channels, height, width]`, the oldest frame first. The first frame of an episode stands for those
    /// before it.
    pub observations: Vec<u8>,
    /// What was done.
    pub actions: Vec<Action>,
    /// Discounted sums of up to n rewards, up to the end if one comes before.
    pub returns: Vec<f32>,
    /// What was seen after these rewards, as `observations`; after the end of the task, what was seen last.
    pub next_observations: Vec<u8>,
    /// What the value of the next observation counts: γ^k after k rewards, 0 after the end of the task or a lost life.
    pub discounts: Vec<f32>,
    /// Importance of each transition: (1 / (N · its probability))^β, divided by the batch's largest.
    pub weights: Vec<f32>,
    /// The segment of each transition.
    pub segments: Vec<u64>,
}

/// Partners of anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    /// For each anchor another transition of its segment, all equally likely; the anchor itself where it is alone there.
    pub positive: Vec<usize>,
    /// For each anchor a transition of another segment, all equally likely; none as long as there is only one segment.
    pub negative: Option<Vec<usize>>,
}

/// The return of a transition and what it is completed with.
struct Return {
    sum: f64,
    discount: f64,
    /// The frame that it is completed with.
    next: u64,
}

impl Replay {
    /// Draws a batch, with replacement, in proportion to priority^ω: one from each of `batch` equal parts of the sum of them. `beta` is β, how far the
    /// batch's weights make up for that.
    ///
    /// # Errors
    /// `Error::Config` when fewer transitions than `batch` can be drawn.
    pub fn sample(&self, batch: usize, beta: f64, random: &Random) -> Result<Batch> {
        if batch == 0 || batch > self.len() {
            return Err(Error::config(
                format!("a batch of {batch} transitions, but the replay has {} to draw from", self.len()),
                "make the batch smaller, or act longer before learning (a transition counts once its return is known)",
            ));
        }
        let part = self.weights.total() / batch as f64;
        let draw = |number: usize| {
            let unit = (random.at(number as u64).bits() >> 11) as f64 / (1u64 << 53) as f64;
            self.weights.find((number as f64 + unit) * part)
        };
        let indices: Vec<usize> = (0..batch).map(draw).collect();
        let returns: Vec<Return> = indices.iter().map(|&index| self.return_of(index)).collect();
        let next =
            indices.iter().zip(&returns).map(|(&index, found)| self.slot(self.locate(index).0, found.next));
        let next: Vec<usize> = next.collect();
        let (observations, next_observations) = rayon::join(|| self.stacks(&indices), || self.stacks(&next));
        Ok(Batch {
            observations,
            actions: indices.iter().map(|&index| self.action(index)).collect(),
            next_observations,
            returns: returns.iter().map(|found| found.sum as f32).collect(),
            discounts: returns.iter().map(|found| found.discount as f32).collect(),
            weights: self.importance(&indices, beta),
            segments: indices.iter().map(|&index| self.slots[index].segment).collect(),
            indices,
        })
    }

    /// What was seen and done: observations `[indices, stack · channels, height, width]` and actions.
    ///
    /// # Panics
    /// When an index is none of this replay's.
    pub fn observations(&self, indices: &[usize]) -> (Vec<u8>, Vec<Action>) {
        (self.stacks(indices), indices.iter().map(|&index| self.action(index)).collect())
    }

    /// The segment of each transition.
    ///
    /// # Panics
    /// When an index is none of this replay's.
    pub fn segments_of(&self, indices: &[usize]) -> Vec<u64> {
        indices.iter().map(|&index| self.slots[index].segment).collect()
    }

    /// Draws partners for anchors, which are transitions that were just drawn, in O(1) each.
    ///
    /// # Panics
    /// When an anchor is none of this replay's.
    pub fn pairs(&self, anchors: &[usize], random: &Random) -> Pairs {
        let (same, other) = (random.named("positive"), random.named("negative"));
        let each = || anchors.iter().zip(0..);
        let positive = each().map(|(&anchor, number)| self.positive(anchor, same.at(number))).collect();
        let negative = each().map(|(&anchor, number)| self.negative(anchor, other.at(number))).collect();
        Pairs { positive, negative }
    }

    fn positive(&self, anchor: usize, mut random: Random) -> usize {
        let (environment, at) = self.locate(anchor);
        let (first, end) = self.stored_extent(anchor);
        if end - first < 2 {
            return anchor;
        }
        let chosen = first + random.below((end - first - 1) as usize) as u64;
        self.slot(environment, chosen + u64::from(chosen >= at))
    }

    fn negative(&self, anchor: usize, mut random: Random) -> Option<usize> {
        let own = self.locate(anchor).0;
        let (first, end) = self.stored_extent(anchor);
        let stretches: Vec<(u64, u64)> =
            (0..self.lanes.len()).map(|lane| (self.first_whole(lane), self.lanes[lane].written)).collect();
        let stored: u64 = stretches.iter().map(|(first, end)| end - first).sum();
        let last_frames: u64 = (0..self.lanes.len()).map(|lane| self.whole_last_frames(lane)).sum();
        let outside = stored - (end - first);
        if outside == last_frames {
            return None;
        }
        // A last frame follows each truncated episode, so what is met first is a transition almost always, and every second time at worst.
        loop {
            let mut chosen = random.below(outside as usize) as u64;
            for (lane, &(whole, written)) in stretches.iter().enumerate() {
                let here = written - whole - if lane == own { end - first } else { 0 };
                if chosen < here {
                    let mut at = whole + chosen;
                    if lane == own && at >= first {
                        at += end - first;
                    }
                    let slot = self.slot(lane, at);
                    if self.slots[slot].end == End::Last {
                        break;
                    }
                    return Some(slot);
                }
                chosen -= here;
            }
        }
    }

    /// The transitions of the anchor's segment whose observations are stored: the first, and one after the last.
    fn stored_extent(&self, anchor: usize) -> (u64, u64) {
        let extent = self.segments.extent(self.slots[anchor].segment);
        let first = extent.first.max(self.first_whole(extent.lane));
        (first, extent.end.max(first))
    }

    /// Last frames whose stacks are stored as a whole.
    fn whole_last_frames(&self, lane: usize) -> u64 {
        let cut = (self.oldest(lane)..self.first_whole(lane))
            .filter(|&at| self.slots[self.slot(lane, at)].end == End::Last);
        self.lanes[lane].last_frames - cut.count() as u64
    }

    fn return_of(&self, index: usize) -> Return {
        let (environment, at) = self.locate(index);
        let (mut sum, mut discount) = (0.0, 1.0);
        for step in 0..self.settings.steps as u64 {
            let Slot { reward, end, .. } = self.slots[self.slot(environment, at + step)];
            let clipped = self.settings.reward_clip.map_or(reward, |clip| reward.clamp(-clip, clip));
            sum += discount * f64::from(clipped);
            discount *= self.settings.discount;
            if end.is_terminal() {
                return Return { sum, discount: 0.0, next: at + step };
            }
            if end == End::Truncated {
                return Return { sum, discount, next: at + step + 1 };
            }
        }
        Return { sum, discount, next: at + self.settings.steps as u64 }
    }

    fn importance(&self, indices: &[usize], beta: f64) -> Vec<f32> {
        let mean = self.weights.total() / self.len() as f64;
        let raw: Vec<f64> =
            indices.iter().map(|&index| (mean / self.weights.get(index)).powf(beta)).collect();
        let largest = raw.iter().copied().fold(0.0, f64::max);
        raw.iter().map(|weight| (weight / largest) as f32).collect()
    }

    fn stacks(&self, indices: &[usize]) -> Vec<u8> {
        let bytes = self.settings.stack * self.settings.pixels.bytes();
        let length = indices.len() * bytes;
        if length < WORTH_THREADS {
            // Not zeros first, which would be another pass over memory.
            let mut stacks = Vec::with_capacity(length);
            indices
                .iter()
                .flat_map(|&index| self.stack(index))
                .for_each(|frame| stacks.extend_from_slice(frame));
            return stacks;
        }
        let mut stacks = vec![0; length];
        stacks.par_chunks_exact_mut(bytes).zip(indices).for_each(|(observation, &index)| {
            let frames = observation.chunks_exact_mut(self.settings.pixels.bytes());
            frames.zip(self.stack(index)).for_each(|(to, frame)| to.copy_from_slice(frame));
        });
        stacks
    }

    /// The frames that were seen at `index`, the first frame of the episode in place of those before it.
    fn stack(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let (bytes, stack) = (self.settings.pixels.bytes(), self.settings.stack);
        let (environment, at) = self.locate(index);
        let age = u64::from(self.slots[index].age);
        (0..stack as u64).rev().map(move |back| {
            let slot = self.slot(environment, at - back.min(age));
            &self.frames[slot * bytes..][..bytes]
        })
    }

    fn action(&self, index: usize) -> Action {
        match &self.taken {
            Taken::Discrete(taken) => Action::Discrete(taken[index] as usize),
            Taken::Continuous(numbers, taken) => {
                Action::Continuous(taken[index * numbers..][..*numbers].to_vec())
            }
        }
    }
}

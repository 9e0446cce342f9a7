//! Batches of a user, an item of theirs, and an item that is not, for pairwise losses (BPR, Rendle et al. 2009).

use std::sync::Arc;

use selfsame_core::Random;
use serde::{Deserialize, Serialize};

use super::interactions::Interactions;

/// What one epoch visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visits {
    /// Each interaction once, in random order (SGL's code).
    #[default]
    #[serde(rename = "epoch")]
    Interactions,
    /// As many users as there are interactions, drawn uniformly, with one of their items each (LightGCN's code).
    #[serde(rename = "uniform")]
    Users,
}

/// Users with a positive and a negative item each; the three have the same length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairBatch {
    /// Numbers of users.
    pub users: Vec<u32>,
    /// An item of each user.
    pub positives: Vec<u32>,
    /// For each user an item that is not among theirs, uniformly drawn.
    pub negatives: Vec<u32>,
}

/// Makes the batches of each epoch. What a batch holds depends on the seed, the epoch and its place only.
#[derive(Clone, Debug)]
pub struct PairSampler {
    interactions: Arc<Interactions>,
    user_of_each: Vec<u32>,
    /// Users with items, but not all.
    usable: Vec<u32>,
    visits: Visits,
    root: Random,
    full_users: usize,
    skipped: usize,
}

impl PairSampler {
    /// Of these training interactions; `seed` is the run's.
    pub fn new(interactions: Arc<Interactions>, visits: Visits, seed: u64) -> Self {
        let degrees = interactions.user_degrees();
        let full = |&degree: &u32| degree as usize == interactions.items() && degree > 0;
        let full_users = degrees.iter().filter(|degree| full(degree)).count();
        let usable = (0_u32..)
            .zip(&degrees)
            .filter(|(_, degree)| **degree > 0 && !full(degree))
            .map(|(user, _)| user)
            .collect();
        Self {
            user_of_each: interactions.user_of_each(),
            usable,
            visits,
            root: Random::new(seed).named("pairs"),
            full_users,
            skipped: full_users * interactions.items(),
            interactions,
        }
    }

    /// Users who have every item: there is no negative for them, so they are left out.
    pub fn full_users(&self) -> usize {
        self.full_users
    }

    /// The interactions of those users.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Pairs in an epoch.
    pub fn len(&self) -> usize {
        self.interactions.len() - self.skipped
    }

    /// Whether there is nothing to visit.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The order of one epoch.
    pub fn epoch(&self, epoch: u64) -> PairEpoch<'_> {
        let order = match self.visits {
            Visits::Users => Vec::new(),
            Visits::Interactions => {
                let full = |user: u32| self.interactions.of(user as usize).len() == self.interactions.items();
                let mut order: Vec<u32> = (0_u32..)
                    .zip(&self.user_of_each)
                    .filter(|&(_, &user)| self.full_users == 0 || !full(user))
                    .map(|(interaction, _)| interaction)
                    .collect();
                self.root.named("order").at(epoch).shuffle(&mut order);
                order
            }
        };
        PairEpoch { sampler: self, order, root: self.root.named("draws").at(epoch) }
    }
}

/// One epoch of a [`PairSampler`].
#[derive(Clone, Debug)]
pub struct PairEpoch<'a> {
    sampler: &'a PairSampler,
    order: Vec<u32>,
    root: Random,
}

impl PairEpoch<'_> {
    /// The number of batches of `size` pairs; the last one may be smaller.
    pub fn batches(&self, size: usize) -> usize {
        self.sampler.len().div_ceil(size.max(1))
    }

    /// The batch with this number, from 0; empty past the last.
    pub fn batch(&self, number: usize, size: usize) -> PairBatch {
        let start = number.saturating_mul(size).min(self.sampler.len());
        let end = start.saturating_add(size).min(self.sampler.len());
        let mut batch = PairBatch::default();
        for place in start..end {
            let mut random = self.root.at(place as u64);
            let Some((user, positive)) = self.positive(place, &mut random) else { continue };
            let interactions = &self.sampler.interactions;
            let absent = interactions.items() - interactions.of(user as usize).len();
            let Some(negative) = interactions.absent(user as usize, random.below(absent)) else { continue };
            batch.users.push(user);
            batch.positives.push(positive);
            batch.negatives.push(negative);
        }
        batch
    }

    fn positive(&self, place: usize, random: &mut Random) -> Option<(u32, u32)> {
        let sampler = self.sampler;
        match sampler.visits {
            Visits::Interactions => {
                let interaction = *self.order.get(place)? as usize;
                let item = sampler.interactions.item_of_each()[interaction];
                Some((sampler.user_of_each[interaction], item))
            }
            Visits::Users => {
                let user = *sampler.usable.get(random.below(sampler.usable.len()))?;
                let items = sampler.interactions.of(user as usize);
                Some((user, *items.get(random.below(items.len()))?))
            }
        }
    }
}

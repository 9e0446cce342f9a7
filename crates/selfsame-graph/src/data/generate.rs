//! Interactions made up: the popularity of items and the activity of users follow power laws, and tastes exist.

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result};

use super::interactions::Interactions;

/// What to make up.
#[derive(Clone, Debug, PartialEq)]
pub struct PowerLaw {
    /// Users; each has at least one item.
    pub users: usize,
    /// Items.
    pub items: usize,
    /// Interactions that are aimed at; rounding each user's share and the limit of half of the items make a difference.
    pub interactions: usize,
    /// How fast popularity falls with an item's rank, as rank^−exponent.
    pub item_exponent: f64,
    /// How fast activity falls with a user's rank.
    pub user_exponent: f64,
    /// Groups of items that users have a taste for; 1 means no tastes.
    pub tastes: usize,
    /// The share of a user's interactions that follows their taste.
    pub affinity: f32,
}

impl Default for PowerLaw {
    fn default() -> Self {
        Self {
            users: 1000,
            items: 500,
            interactions: 20_000,
            item_exponent: 0.8,
            user_exponent: 0.5,
            tastes: 10,
            affinity: 0.7,
        }
    }
}

/// Draws that wait for an item which the user lacks before the next free one is taken.
const PATIENCE: usize = 32;

/// Makes interactions up; the same `seed` gives the same ones, whatever the number of threads.
///
/// # Errors
/// No users or items, more of them than 32 bits hold, or exponents that are negative or no numbers.
pub fn power_law(law: &PowerLaw, seed: u64) -> Result<Interactions> {
    let sizes = 1..u32::MAX as usize;
    if !sizes.contains(&law.users) || !sizes.contains(&law.items) || law.tastes == 0 {
        let what =
            format!("{} users, {} items and {} tastes cannot be made up", law.users, law.items, law.tastes);
        return Err(Error::config(what, "each must be at least 1"));
    }
    if [law.item_exponent, law.user_exponent].iter().any(|exponent| !exponent.is_finite() || *exponent < 0.0)
    {
        return Err(Error::config(
            "exponents of a power law must be 0 or more",
            "try 0.8 for items, 0.5 for users",
        ));
    }
    let root = Random::new(seed).named("power law");
    let activity = cumulative(law.users, law.user_exponent);
    let popularity = cumulative(law.items, law.item_exponent);
    // Ranks are spread over the numbers, so that a number says nothing about popularity.
    let user_of_rank = root.named("users").permutation(law.users);
    let item_of_rank = root.named("items").permutation(law.items);
    let pairs: Vec<(u32, u32)> = (0..law.users)
        .into_par_iter()
        .flat_map_iter(|rank| {
            let weight = activity[rank] - rank.checked_sub(1).map_or(0.0, |before| activity[before]);
            let share = (weight / activity[law.users - 1] * law.interactions as f64).round() as usize;
            let count = share.clamp(1, (law.items / 2).max(1));
            let ranks = items_of(law, &popularity, count, &root.named("draws").at(rank as u64));
            let (user, item_of_rank) = (user_of_rank[rank] as u32, &item_of_rank);
            ranks.into_iter().map(move |item| (user, item_of_rank[item as usize] as u32))
        })
        .collect();
    Ok(Interactions::from_pairs(law.users, law.items, pairs.iter().copied()).0)
}

/// `count` different ranks of items.
fn items_of(law: &PowerLaw, popularity: &[f64], count: usize, root: &Random) -> Vec<u32> {
    let mut random = root.clone();
    let taste = random.below(law.tastes);
    let mut chosen = std::collections::HashSet::with_capacity(count);
    let mut ranks = Vec::with_capacity(count);
    let total = popularity[law.items - 1];
    while ranks.len() < count {
        let mut rank = 0;
        for _ in 0..PATIENCE {
            let at = (random.bits() >> 11) as f64 / (1_u64 << 53) as f64 * total;
            rank = popularity.partition_point(|&below| below <= at).min(law.items - 1);
            if random.chance(law.affinity) {
                let own = rank / law.tastes * law.tastes + taste;
                rank = if own < law.items { own } else { rank };
            }
            if !chosen.contains(&(rank as u32)) {
                break;
            }
        }
        while !chosen.insert(rank as u32) {
            rank = (rank + 1) % law.items;
        }
        ranks.push(rank as u32);
    }
    ranks
}

/// Sums of rank^−exponent, from rank 1.
fn cumulative(count: usize, exponent: f64) -> Vec<f64> {
    let mut sum = 0.0;
    (1..=count)
        .map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        })
        .collect()
}

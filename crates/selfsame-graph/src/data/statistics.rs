//! What a set of interactions looks like.

use serde::{Deserialize, Serialize};

use super::interactions::Interactions;

/// Degrees at some places of their sorted list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The least.
    pub min: u32,
    /// A quarter is not above.
    pub lower_quartile: u32,
    /// Half is not above.
    pub median: u32,
    /// Three quarters are not above.
    pub upper_quartile: u32,
    /// 90 % are not above.
    pub p90: u32,
    /// 99 % are not above.
    pub p99: u32,
    /// The largest.
    pub max: u32,
    /// The mean.
    pub mean: f64,
}

/// How much of all interactions the most popular items have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopularityPoint {
    /// The share of items, the most popular first.
    pub items: f64,
    /// Their share of interactions.
    pub interactions: f64,
}

/// What a set of interactions looks like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Users, with interactions or without.
    pub users: usize,
    /// Items, with interactions or without.
    pub items: usize,
    /// Different pairs of a user and an item.
    pub interactions: usize,
    /// The share of all pairs that are interactions.
    pub density: f64,
    /// Users without an interaction.
    pub users_without: usize,
    /// Items without an interaction.
    pub items_without: usize,
    /// Interactions a user, those without included.
    pub user_degrees: Quantiles,
    /// Interactions an item, those without included.
    pub item_degrees: Quantiles,
    /// The popularity curve at 0, 1, 2, 5, 10, 20 … 100 % of the items.
    pub popularity: Vec<PopularityPoint>,
}

/// Shares of items at which the popularity curve is given, in percent.
const CURVE: [usize; 14] = [0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/// Describes these interactions.
pub fn statistics(interactions: &Interactions) -> Statistics {
    let (users, items) = (interactions.users(), interactions.items());
    let mut user_degrees = interactions.user_degrees();
    let mut item_degrees = interactions.item_degrees();
    user_degrees.sort_unstable();
    item_degrees.sort_unstable();
    let pairs = users as f64 * items as f64;
    let total = interactions.len().max(1) as f64;
    let popularity = CURVE
        .iter()
        .filter(|_| items > 0)
        .map(|percent| {
            let count = (items * percent).div_ceil(100);
            let sum: u64 = item_degrees.iter().rev().take(count).map(|&degree| u64::from(degree)).sum();
            PopularityPoint { items: count as f64 / items as f64, interactions: sum as f64 / total }
        })
        .collect();
    Statistics {
        users,
        items,
        interactions: interactions.len(),
        density: if pairs > 0.0 { interactions.len() as f64 / pairs } else { 0.0 },
        users_without: user_degrees.iter().take_while(|degree| **degree == 0).count(),
        items_without: item_degrees.iter().take_while(|degree| **degree == 0).count(),
        user_degrees: quantiles(&user_degrees),
        item_degrees: quantiles(&item_degrees),
        popularity,
    }
}

fn quantiles(sorted: &[u32]) -> Quantiles {
    let at = |percent: usize| {
        let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(place).copied().unwrap_or_default()
    };
    let sum: u64 = sorted.iter().map(|&degree| u64::from(degree)).sum();
    Quantiles {
        min: at(0),
        lower_quartile: at(25),
        median: at(50),
        upper_quartile: at(75),
        p90: at(90),
        p99: at(99),
        max: at(100),
        mean: sum as f64 / sorted.len().max(1) as f64,
    }
}

/// For each item its group, from 0 (the least popular) below `groups`: the groups have about equally many interactions (SGL,
/// section 4.3.1). Items of the same degree are in the order of their numbers.
pub fn popularity_groups(interactions: &Interactions, groups: usize) -> Vec<usize> {
    let degrees = interactions.item_degrees();
    let mut order: Vec<usize> = (0..degrees.len()).collect();
    order.sort_by_key(|&item| degrees[item]);
    let total = interactions.len().max(1);
    let mut group_of = vec![0; degrees.len()];
    let mut before = 0;
    for item in order {
        group_of[item] = (before * groups / total).min(groups.saturating_sub(1));
        before += degrees[item] as usize;
    }
    group_of
}

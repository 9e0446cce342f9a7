//! Node dropout, edge dropout and random walk, with exact counts.

use std::fmt;

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use crate::data::Interactions;

/// How a graph is thinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augmentation {
    /// ⌊ρU⌋ users and ⌊ρI⌋ items lose all their edges (ND, equation 5).
    Node,
    /// ⌊(1−ρ)E⌋ edges are kept (ED, equation 6).
    #[default]
    Edge,
    /// Edge dropout, drawn anew for each layer (RW, equation 7).
    Walk,
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Edge => "edge",
            Self::Walk => "walk",
        })
    }
}

/// One view: what each layer of propagation sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The interactions that are kept, as numbers in ascending order: one list for all layers, or one for each (random walk).
    pub layers: Vec<Vec<u32>>,
}

/// Whether there can be views of this dropout ratio and number of layers.
///
/// # Errors
/// A ratio below 0, of 1 or more, or that is no number; no layers.
pub fn check_view(ratio: f64, layers: usize) -> Result<()> {
    if !(0.0..1.0).contains(&ratio) {
        let what = format!("a share of {ratio} of the graph cannot be dropped");
        return Err(Error::config(what, "set a dropout ratio of at least 0 and below 1, such as 0.1"));
    }
    if layers == 0 {
        return Err(Error::config(
            "a graph view of 0 layers has nothing to propagate",
            "set at least 1 layer",
        ));
    }
    Ok(())
}

/// A view of the graph. `ratio` is the share ρ that is dropped, `layers` the number of layers, and `random` the address of the
/// view: (seed, epoch, view).
///
/// Shares are taken as the decimal numbers that they are written as: 0.29 of 100 users are 29.
///
/// # Errors
/// Those of [`check_view`].
pub fn view(
    interactions: &Interactions,
    augmentation: Augmentation,
    ratio: f64,
    layers: usize,
    random: &Random,
) -> Result<View> {
    check_view(ratio, layers)?;
    let edge = |random: &Random| {
        let kept = share(interactions.len(), 1.0 - ratio);
        members(&chosen(interactions.len(), kept, random))
    };
    let layers = match augmentation {
        Augmentation::Edge => vec![edge(random)],
        Augmentation::Walk => {
            (0..layers as u64).into_par_iter().map(|layer| edge(&random.at(layer))).collect()
        }
        Augmentation::Node => {
            let drop = |count, name| chosen(count, share(count, ratio), &random.named(name));
            let dropped_users = drop(interactions.users(), "users");
            let dropped_items = drop(interactions.items(), "items");
            let kept = (0_u32..)
                .zip(interactions.pairs())
                .filter(|&(_, (user, item))| !dropped_users[user as usize] && !dropped_items[item as usize])
                .map(|(edge, _)| edge)
                .collect();
            vec![kept]
        }
    };
    Ok(View { layers })
}

/// ⌊share × count⌋, forgiving the rounding of the share.
fn share(count: usize, share: f64) -> usize {
    ((count as f64 * share * (1.0 + 4.0 * f64::EPSILON)).floor() as usize).min(count)
}

/// Exactly `count` of `total`, every choice equally likely.
fn chosen(total: usize, count: usize, random: &Random) -> Vec<bool> {
    // The fewer of the chosen and the others are drawn, one after the other: less than two tries each.
    let inverted = count > total / 2;
    let mut marked = vec![inverted; total];
    let mut left = if inverted { total - count } else { count };
    let mut random = random.clone();
    while left > 0 {
        let place = random.below(total);
        if marked[place] == inverted {
            marked[place] = !inverted;
            left -= 1;
        }
    }
    marked
}

fn members(chosen: &[bool]) -> Vec<u32> {
    (0_u32..).zip(chosen).filter(|(_, chosen)| **chosen).map(|(number, _)| number).collect()
}

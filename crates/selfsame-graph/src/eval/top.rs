//! The best items of many users, block by block.

use rayon::prelude::*;
use selfsame_core::{Error, Result};

use super::best::{Best, NotFinite};
use super::scores::Scores;
use crate::data::Interactions;

/// Users of a block.
const USERS: usize = 128;

/// Items of a block: its scores stay in the cache.
const ITEMS: usize = 512;

/// An item and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommended {
    /// The item's number.
    pub item: u32,
    /// Its score.
    pub score: f32,
}

/// The `count` best items of each of these users, the best first, without those in `masked`; of equal scores the item with the lower
/// number is better. Fewer where not as many items are left.
///
/// # Errors
/// A user who is not there, sizes that do not fit together, and scores that are not finite numbers.
pub fn top_items(
    scores: &impl Scores,
    users: &[u32],
    masked: &Interactions,
    count: usize,
) -> Result<Vec<Vec<Recommended>>> {
    if masked.items() != scores.items() || masked.users() != scores.users() {
        return Err(Error::Internal(format!(
            "scores of {} users and {} items for a graph of {} and {}",
            scores.users(),
            scores.items(),
            masked.users(),
            masked.items()
        )));
    }
    if let Some(user) = users.iter().find(|user| **user as usize >= scores.users()) {
        let help = format!("users are numbered from 0 below {}", scores.users());
        return Err(Error::config(format!("there is no user {user}"), help));
    }
    let blocks: Vec<_> = users
        .par_chunks(USERS)
        .map_init(
            || vec![0.0; USERS * ITEMS],
            |buffer, block| top_of_block(scores, block, masked, count, buffer),
        )
        .collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

fn top_of_block(
    scores: &impl Scores,
    users: &[u32],
    masked: &Interactions,
    count: usize,
    buffer: &mut [f32],
) -> Result<Vec<Vec<Recommended>>> {
    let mut best: Vec<Best> = users.iter().map(|_| Best::new(count)).collect();
    // What is masked of each user from the block's first item on.
    let mut masked: Vec<&[u32]> = users.iter().map(|&user| masked.of(user as usize)).collect();
    for first in (0..scores.items()).step_by(ITEMS) {
        let width = ITEMS.min(scores.items() - first);
        let out = &mut buffer[..users.len() * width];
        scores.write(users, first, out);
        for (at, row) in out.chunks_exact_mut(width).enumerate() {
            let inside = masked[at].partition_point(|&item| (item as usize) < first + width);
            let (here, after) = masked[at].split_at(inside);
            masked[at] = after;
            for &item in here {
                row[item as usize - first] = f32::NEG_INFINITY;
            }
            best[at].scan(row, first).map_err(|NotFinite(item)| {
                let what = format!("the score of user {} for item {item} is not a finite number", users[at]);
                Error::diverged(what, "the training diverged: use a lower learning rate")
            })?;
        }
    }
    Ok(best.into_iter().map(Best::finish).collect())
}

//! The best items of many users, block by block.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use selfsame_core::{Error, Result};

use crate::data::Interactions;

/// Users of a block.
const USERS: usize = 64;

/// Items of a block: its scores stay in the cache.
const ITEMS: usize = 1024;

/// Scores of users for items.
pub trait Scores: Sync {
    /// How many users there are.
    fn users(&self) -> usize;

    /// How many items there are.
    fn items(&self) -> usize;

    /// Writes the scores of these users for `first` and the items after it: `[users, items]`, row by row; `out` has the room of
    /// whole rows.
    fn write(&self, users: &[u32], first: usize, out: &mut [f32]);
}

/// Scores that are products of embeddings.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings<'a> {
    users: &'a [f32],
    items: &'a [f32],
    dimension: usize,
}

impl<'a> Embeddings<'a> {
    /// Of users, `[users, dimension]`, and items, `[items, dimension]`.
    ///
    /// # Errors
    /// Slices that are no whole rows.
    pub fn new(users: &'a [f32], items: &'a [f32], dimension: usize) -> Result<Self> {
        if dimension == 0 || !users.len().is_multiple_of(dimension) || !items.len().is_multiple_of(dimension)
        {
            return Err(Error::Internal(format!(
                "{} and {} numbers are no embeddings of dimension {dimension}",
                users.len(),
                items.len()
            )));
        }
        Ok(Self { users, items, dimension })
    }
}

impl Scores for Embeddings<'_> {
    fn users(&self) -> usize {
        self.users.len() / self.dimension
    }

    fn items(&self) -> usize {
        self.items.len() / self.dimension
    }

    fn write(&self, users: &[u32], first: usize, out: &mut [f32]) {
        let dimension = self.dimension;
        let width = out.len() / users.len().max(1);
        let rows: Vec<f32> = users
            .iter()
            .flat_map(|&user| &self.users[user as usize * dimension..(user as usize + 1) * dimension])
            .copied()
            .collect();
        let items = &self.items[first * dimension..(first + width) * dimension];
        matmul(
            MatMut::from_row_major_slice_mut(out, users.len(), width),
            Accum::Replace,
            MatRef::from_row_major_slice(&rows, users.len(), dimension),
            MatRef::from_row_major_slice(items, width, dimension).transpose(),
            1.0,
            Par::Seq,
        );
    }
}

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
/// A user who is not there, sizes that do not fit together, and scores that are not numbers.
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
            |buffer, block| block_top(scores, block, masked, count, buffer),
        )
        .collect::<Result<_>>()?;
    Ok(blocks.into_iter().flatten().collect())
}

fn block_top(
    scores: &impl Scores,
    users: &[u32],
    masked: &Interactions,
    count: usize,
    buffer: &mut [f32],
) -> Result<Vec<Vec<Recommended>>> {
    let mut best: Vec<Best> = users.iter().map(|_| Best::new(count)).collect();
    let mut rest: Vec<&[u32]> = users.iter().map(|&user| masked.of(user as usize)).collect();
    for first in (0..scores.items()).step_by(ITEMS) {
        let width = ITEMS.min(scores.items() - first);
        let out = &mut buffer[..users.len() * width];
        scores.write(users, first, out);
        for (user, row) in out.chunks_exact_mut(width).enumerate() {
            if row.iter().any(|score| score.is_nan()) {
                let what = format!("a score of user {} is not a number", users[user]);
                return Err(Error::diverged(what, "the training diverged: use a lower learning rate"));
            }
            let inside = rest[user].partition_point(|&item| (item as usize) < first + width);
            let (here, after) = rest[user].split_at(inside);
            rest[user] = after;
            best[user].scan(row, first, here);
        }
    }
    Ok(best.into_iter().map(Best::finish).collect())
}

/// A running selection of the largest keys. A key orders by score, then by item downwards.
struct Best {
    count: usize,
    keys: Vec<u64>,
    /// Keys must be above this one.
    least: u64,
}

impl Best {
    fn new(count: usize) -> Self {
        Self { count, keys: Vec::with_capacity(4 * count + 1), least: 0 }
    }

    /// Looks at the scores of the items from `first` on; `masked` are items to leave out, ascending.
    fn scan(&mut self, row: &[f32], first: usize, masked: &[u32]) {
        let mut from = 0;
        for end in masked.iter().map(|&item| item as usize - first).chain([row.len()]) {
            for (at, &score) in row[from..end].iter().enumerate() {
                let key = key(score, (first + from + at) as u32);
                if key > self.least {
                    self.keys.push(key);
                    if self.keys.len() > 4 * self.count {
                        self.shrink();
                    }
                }
            }
            from = end + 1;
        }
    }

    /// Leaves the `count` largest.
    fn shrink(&mut self) {
        if self.count > 0 && self.keys.len() > self.count {
            let (_, last, _) = self.keys.select_nth_unstable_by(self.count - 1, |a, b| b.cmp(a));
            self.least = *last;
        }
        self.keys.truncate(self.count);
    }

    fn finish(mut self) -> Vec<Recommended> {
        self.shrink();
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.keys.into_iter().map(unkey).collect()
    }
}

/// Orders as (score, then the lower item); above 0 for every score that is a number.
fn key(score: f32, item: u32) -> u64 {
    // Both zeros are equal.
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(!item)
}

fn unkey(key: u64) -> Recommended {
    let ordered = (key >> 32) as u32;
    let bits = if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered };
    Recommended { item: !(key as u32), score: f32::from_bits(bits) }
}

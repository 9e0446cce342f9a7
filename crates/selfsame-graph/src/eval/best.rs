//! A running selection of the best of many scores.

use super::top::Recommended;

/// Scores that are compared with the least of the best at once. Nearly always none of them is above it, so that one branch is enough for all.
const CHUNK: usize = 32;

/// The best items of one user among those seen so far.
///
/// A key orders by score, then by item downwards. Keys are collected until there are several times as many as wanted, then the best of them
/// are kept: selecting is linear, so that a key costs about the same whatever is wanted.
pub(super) struct Best {
    count: usize,
    keys: Vec<u64>,
    /// Of the last selection, the score of the worst item. Items come in ascending order, so that an equal score is too low.
    least: f32,
}

/// The place of a score that is not a finite number.
pub(super) struct NotFinite(pub usize);

impl Best {
    pub fn new(count: usize) -> Self {
        Self { count, keys: Vec::with_capacity(4 * count + 1), least: f32::NEG_INFINITY }
    }

    /// Looks at the scores of the items from `first` on, which must be above all seen before. −∞ is passed over.
    pub fn scan(&mut self, row: &[f32], first: usize) -> Result<(), NotFinite> {
        let (chunks, rest) = row.as_chunks::<CHUNK>();
        for (number, chunk) in chunks.iter().enumerate() {
            let below: u32 = chunk.iter().map(|&score| u32::from(score <= self.least)).sum();
            if below < CHUNK as u32 {
                self.collect(chunk, first + number * CHUNK)?;
            }
        }
        self.collect(rest, first + row.len() - rest.len())
    }

    fn collect(&mut self, scores: &[f32], first: usize) -> Result<(), NotFinite> {
        for (item, &score) in (first..).zip(scores) {
            if score <= self.least {
                continue;
            }
            if !score.is_finite() {
                return Err(NotFinite(item));
            }
            self.keys.push(key(score, item as u32));
            if self.keys.len() > 4 * self.count {
                self.select();
            }
        }
        Ok(())
    }

    /// Leaves the best ones only.
    fn select(&mut self) {
        if self.count > 0 && self.keys.len() > self.count {
            let (_, last, _) = self.keys.select_nth_unstable_by(self.count - 1, |a, b| b.cmp(a));
            self.least = unkey(*last).score;
        }
        self.keys.truncate(self.count);
    }

    /// The best items, the best one first.
    pub fn finish(mut self) -> Vec<Recommended> {
        self.select();
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.keys.into_iter().map(unkey).collect()
    }
}

/// Orders as (score, then the lower item).
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

//! Which interactions are held out, and which rows of a file are used at all.

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use super::table::Row;

/// What is held out of a set of interactions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Holdout {
    /// This share of each user's interactions, drawn at random and rounded; one always stays.
    Ratio(f64),
    /// The latest interaction of each user with several: by time, or the last one in the file where there are no times.
    Last,
    /// This share of all interactions: the latest.
    Latest(f64),
}

impl Holdout {
    /// # Errors
    /// A share that is not above 0 and below 1, and times that are needed but missing.
    pub(super) fn check(self, timed: bool) -> Result<()> {
        if let Self::Ratio(share) | Self::Latest(share) = self
            && !(share > 0.0 && share < 1.0)
        {
            let what = format!("a share of {share} of the interactions cannot be held out");
            return Err(Error::config(what, "set a number above 0 and below 1, such as 0.2"));
        }
        if matches!(self, Self::Latest(_)) && !timed {
            let help = "give a file with a column `timestamp`, or hold out a random ratio";
            return Err(Error::config("a split by time needs times, and the file has none", help));
        }
        Ok(())
    }

    /// What stays and what is held out, both in the order of the rows.
    pub(super) fn split(self, rows: &[Row], users: usize, random: &Random) -> (Vec<Row>, Vec<Row>) {
        let mut held = vec![false; rows.len()];
        match self {
            Self::Latest(share) => {
                let mut order = by_time(rows);
                let count = (rows.len() as f64 * share).round() as usize;
                for at in order.drain(rows.len() - count..) {
                    held[at as usize] = true;
                }
            }
            Self::Ratio(share) => {
                let mut rows_of = vec![Vec::new(); users];
                for (at, row) in (0_u32..).zip(rows) {
                    rows_of[row.user as usize].push(at);
                }
                rows_of.par_iter_mut().enumerate().for_each(|(user, own)| {
                    // By item, so that the order of the file does not matter.
                    own.sort_unstable_by_key(|&at| rows[at as usize].item);
                    random.at(user as u64).shuffle(own);
                    let count = (own.len() as f64 * share).round() as usize;
                    own.truncate(count.min(own.len().saturating_sub(1)));
                });
                for at in rows_of.into_iter().flatten() {
                    held[at as usize] = true;
                }
            }
            Self::Last => {
                let mut last: Vec<Option<u32>> = vec![None; users];
                let mut count = vec![0_u32; users];
                for at in by_time(rows) {
                    let user = rows[at as usize].user as usize;
                    last[user] = Some(at);
                    count[user] += 1;
                }
                for (at, _) in last.iter().zip(&count).filter(|(_, count)| **count > 1) {
                    if let Some(at) = at {
                        held[*at as usize] = true;
                    }
                }
            }
        }
        let part =
            |out| rows.iter().zip(&held).filter(|(_, held)| **held == out).map(|(row, _)| *row).collect();
        (part(false), part(true))
    }
}

/// Numbers of rows by time; rows of the same time (or without one) in their order.
fn by_time(rows: &[Row]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    order.par_sort_by(|&a, &b| rows[a as usize].time.total_cmp(&rows[b as usize].time));
    order
}

/// Leaves the first of several rows with the same user and item; returns how many were removed.
pub(super) fn remove_duplicates(rows: &mut Vec<Row>) -> usize {
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    let key = |at: u32| (rows[at as usize].user, rows[at as usize].item);
    order.par_sort_unstable_by_key(|&at| (key(at), at));
    let mut keep = vec![true; rows.len()];
    for pair in order.windows(2).filter(|pair| key(pair[0]) == key(pair[1])) {
        keep[pair[1] as usize] = false;
    }
    let before = rows.len();
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        keep[at - 1]
    });
    before - rows.len()
}

/// Removes users and items with fewer than `k` interactions, again and again until none is left.
pub(super) fn core_filter(rows: &mut Vec<Row>, users: usize, items: usize, k: usize) {
    loop {
        let (mut of_user, mut of_item) = (vec![0_usize; users], vec![0_usize; items]);
        for row in rows.iter() {
            of_user[row.user as usize] += 1;
            of_item[row.item as usize] += 1;
        }
        let before = rows.len();
        rows.retain(|row| of_user[row.user as usize] >= k && of_item[row.item as usize] >= k);
        if rows.len() == before {
            return;
        }
    }
}

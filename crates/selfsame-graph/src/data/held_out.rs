//! Interactions from elsewhere for users and items that have their numbers already.

use std::path::Path;

use selfsame_core::{Error, Result};

use super::format::ReadOptions;
use super::ids::Ids;
use super::interactions::Interactions;
use super::locate::locate_test;
use super::report::{Overlap, overlap};
use super::table::read_table;

/// Reads test interactions of known users and items: from a file, or from the test file of a folder.
///
/// What has an unknown user or item cannot be ranked: it is left out of the interactions, and counted in the overlap together with users
/// and items that have a number but no training interaction.
///
/// # Errors
/// Files that are missing, empty or broken, and files in which nobody and nothing is known.
pub fn read_held_out(
    path: &Path,
    options: &ReadOptions,
    [users, items]: [&Ids; 2],
    train: &Interactions,
) -> Result<(Interactions, Overlap)> {
    let file = locate_test(path)?;
    let table = read_table(&file, options)?;
    let numbers =
        |ids: &Ids, known: &Ids| -> Vec<Option<u32>> { ids.names().map(|name| known.number(name)).collect() };
    let (user_of, item_of) = (numbers(&table.users, users), numbers(&table.items, items));
    let known =
        table.rows.iter().filter_map(|row| Some((user_of[row.user as usize]?, item_of[row.item as usize]?)));
    let (held, _) = Interactions::from_pairs(users.len(), items.len(), known);
    if held.is_empty() {
        let what = "no interaction has a user and an item of the run";
        return Err(Error::data(file, what, "give interactions with the ids that the run was trained with"));
    }
    let mut overlap = overlap(train, &held);
    let strangers = |numbers: &[Option<u32>]| numbers.iter().filter(|number| number.is_none()).count();
    let mut unknown = table
        .rows
        .iter()
        .filter(|row| user_of[row.user as usize].is_none() || item_of[row.item as usize].is_none())
        .map(|row| (row.user, row.item))
        .collect::<Vec<_>>();
    unknown.sort_unstable();
    unknown.dedup();
    overlap.unknown_users += strangers(&user_of);
    overlap.unknown_items += strangers(&item_of);
    overlap.with_unknown += unknown.len();
    overlap.interactions += unknown.len();
    Ok((held, overlap))
}

//! What was found on opening interactions.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::format::Format;
use super::interactions::Interactions;

/// How held-out interactions relate to those of training. Nothing is removed because of it: users and items that are unknown get
/// numbers too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlap {
    /// Held-out interactions.
    pub interactions: usize,
    /// Users among them who have none in training.
    pub unknown_users: usize,
    /// Items among them that have none in training.
    pub unknown_items: usize,
    /// Interactions with an unknown user or item.
    pub with_unknown: usize,
    /// Interactions that are also in training; ranking masks these items, so they cannot be found.
    pub in_training: usize,
}

/// What was found on opening.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenReport {
    /// The files, with how each was read.
    pub files: Vec<(PathBuf, Format)>,
    /// Interactions in the files, repetitions included.
    pub read: usize,
    /// Repetitions within a file, removed.
    pub duplicates: usize,
    /// Users on a line without an item.
    pub users_without_items: usize,
    /// Interactions left out because of their rating.
    pub below_rating: usize,
    /// Interactions that the core filter removed.
    pub outside_core: usize,
    /// Users that the core filter removed.
    pub users_outside_core: usize,
    /// Items that the core filter removed.
    pub items_outside_core: usize,
    /// The test beside training.
    pub test: Overlap,
    /// Validation beside training.
    pub validation: Overlap,
}

impl OpenReport {
    /// What was odd, in words.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut say = |count: usize, what: &str| {
            if count > 0 {
                warnings.push(format!("{count} {what}"));
            }
        };
        say(self.duplicates, "repeated interactions were removed");
        say(self.users_without_items, "users have a line without an item");
        for (part, overlap) in [("test", &self.test), ("validation", &self.validation)] {
            say(overlap.unknown_users, &format!("users of the {part} are not in training"));
            say(overlap.unknown_items, &format!("items of the {part} are not in training"));
            say(overlap.with_unknown, &format!("{part} interactions have an unknown user or item (kept)"));
            say(
                overlap.in_training,
                &format!("{part} interactions are also in training and cannot be found"),
            );
        }
        warnings
    }
}

/// How these held-out interactions relate to those of training.
pub(super) fn overlap(train: &Interactions, held: &Interactions) -> Overlap {
    let item_degrees = train.item_degrees();
    let unknown_user = |user: u32| train.of(user as usize).is_empty();
    let unknown_item = |item: u32| item_degrees[item as usize] == 0;
    let users =
        (0..held.users() as u32).filter(|&user| !held.of(user as usize).is_empty() && unknown_user(user));
    let held_degrees = held.item_degrees();
    let items = (0_u32..).zip(&held_degrees).filter(|&(item, &degree)| degree > 0 && unknown_item(item));
    Overlap {
        interactions: held.len(),
        unknown_users: users.count(),
        unknown_items: items.count(),
        with_unknown: held.pairs().filter(|&(user, item)| unknown_user(user) || unknown_item(item)).count(),
        in_training: held.pairs().filter(|&(user, item)| train.contains(user as usize, item)).count(),
    }
}

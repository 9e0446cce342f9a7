//! The items of each user, in compressed rows.

use rayon::prelude::*;

/// Which users have interacted with which items: the sorted items of each user. Interactions are numbered in the order of users, and
/// of items within a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interactions {
    offsets: Vec<usize>,
    items: Vec<u32>,
    item_count: usize,
}

impl Interactions {
    /// Of pairs of numbers below `user_count` and `item_count`, and how many of them were repetitions. Pairs outside are not
    /// there; [`InteractionData`](super::InteractionData) has none.
    pub fn from_pairs(
        user_count: usize,
        item_count: usize,
        pairs: impl Iterator<Item = (u32, u32)> + Clone,
    ) -> (Self, usize) {
        let inside =
            pairs.filter(|&(user, item)| (user as usize) < user_count && (item as usize) < item_count);
        let mut ends = vec![0_usize; user_count + 1];
        for (user, _) in inside.clone() {
            ends[user as usize + 1] += 1;
        }
        for user in 0..user_count {
            ends[user + 1] += ends[user];
        }
        let mut next = ends.clone();
        let mut items = vec![0_u32; ends[user_count]];
        for (user, item) in inside {
            items[next[user as usize]] = item;
            next[user as usize] += 1;
        }
        rows_mut(&ends, &mut items).into_par_iter().for_each(<[u32]>::sort_unstable);

        let mut offsets = Vec::with_capacity(user_count + 1);
        offsets.push(0);
        let mut kept = 0;
        for user in 0..user_count {
            let start = kept;
            for at in ends[user]..ends[user + 1] {
                let item = items[at];
                if kept == start || items[kept - 1] != item {
                    items[kept] = item;
                    kept += 1;
                }
            }
            offsets.push(kept);
        }
        let duplicates = items.len() - kept;
        items.truncate(kept);
        (Self { offsets, items, item_count }, duplicates)
    }

    /// The number of users.
    pub fn users(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of items, interacted with or not.
    pub fn items(&self) -> usize {
        self.item_count
    }

    /// The number of interactions.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no interactions.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Where the interactions of each user begin: `users() + 1` numbers, the last one is `len()`.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The item of each interaction.
    pub fn item_of_each(&self) -> &[u32] {
        &self.items
    }

    /// The user of each interaction.
    pub fn user_of_each(&self) -> Vec<u32> {
        let mut users = vec![0; self.items.len()];
        for (user, row) in rows_mut(&self.offsets, &mut users).into_iter().enumerate() {
            row.fill(user as u32);
        }
        users
    }

    /// The items of one user, ascending; none for a user who is not there.
    pub fn of(&self, user: usize) -> &[u32] {
        match (self.offsets.get(user), self.offsets.get(user + 1)) {
            (Some(&start), Some(&end)) => &self.items[start..end],
            _ => &[],
        }
    }

    /// Whether this user has interacted with this item.
    pub fn contains(&self, user: usize, item: u32) -> bool {
        self.of(user).binary_search(&item).is_ok()
    }

    /// All interactions in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> + Clone {
        (0..self.users()).flat_map(|user| self.of(user).iter().map(move |&item| (user as u32, item)))
    }

    /// How many items each user has.
    pub fn user_degrees(&self) -> Vec<u32> {
        self.offsets.windows(2).map(|ends| (ends[1] - ends[0]) as u32).collect()
    }

    /// How many users each item has.
    pub fn item_degrees(&self) -> Vec<u32> {
        let mut degrees = vec![0; self.item_count];
        for &item in &self.items {
            degrees[item as usize] += 1;
        }
        degrees
    }

    /// The users of each item: the same with users and items exchanged.
    pub fn transposed(&self) -> Self {
        Self::from_pairs(self.item_count, self.users(), self.pairs().map(|(user, item)| (item, user))).0
    }

    /// The item that stands at `rank`, from 0, among those that the user has *not* interacted with; `None` past the last.
    pub fn absent(&self, user: usize, rank: usize) -> Option<u32> {
        let present = self.of(user);
        if rank >= self.item_count - present.len() {
            return None;
        }
        // Before the item at `place` stand `item - place` absent ones: a number that never falls.
        let (mut low, mut high) = (0, present.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if present[middle] as usize - middle > rank {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some((rank + low) as u32)
    }
}

/// The rows between offsets, each by itself.
fn rows_mut<'a, T>(offsets: &[usize], mut rest: &'a mut [T]) -> Vec<&'a mut [T]> {
    let mut rows = Vec::with_capacity(offsets.len().saturating_sub(1));
    for ends in offsets.windows(2) {
        let (row, after) = std::mem::take(&mut rest).split_at_mut(ends[1] - ends[0]);
        rows.push(row);
        rest = after;
    }
    rows
}

//! Interactions of users and items, read or made up.

use std::collections::HashSet;
use std::error::Error;

/// Which users had which items.
pub struct Graph {
    pub users: usize,
    pub items: usize,
    /// In order.
    pub edges: Vec<(u32, u32)>,
}

impl Graph {
    /// Out of a file with a user and their items a line, or made up for `USERS,ITEMS,INTERACTIONS`.
    pub fn of(source: &str) -> Result<Self, Box<dyn Error>> {
        let sizes: Result<Vec<usize>, _> = source.split(',').map(str::parse).collect();
        if let Ok(&[users, items, interactions]) = sizes.as_deref() {
            let edges = power_law(users, items, interactions, &mut Random(1))?;
            return Ok(Self { users, items, edges });
        }
        let mut edges = Vec::new();
        for line in std::fs::read_to_string(source)?.lines() {
            let numbers: Result<Vec<u32>, _> = line.split_whitespace().map(str::parse).collect();
            if let Some((user, items)) = numbers?.split_first() {
                edges.extend(items.iter().map(|item| (*user, *item)));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let most =
            |of: fn(&(u32, u32)) -> u32| edges.iter().map(of).max().map_or(0, |most| most as usize + 1);
        Ok(Self { users: most(|edge| edge.0), items: most(|edge| edge.1), edges })
    }
}

/// So many different edges, in order; the chance of a node falls with its rank, which is not its number.
fn power_law(
    users: usize,
    items: usize,
    count: usize,
    random: &mut Random,
) -> Result<Vec<(u32, u32)>, Box<dyn Error>> {
    if users == 0 || items == 0 || count > users.saturating_mul(items) / 2 {
        return Err(
            "there must be users and items, and at most half as many interactions as pairs of these".into()
        );
    }
    let shuffled = |size: usize, random: &mut Random| {
        let mut numbers: Vec<u32> = (0..size as u32).collect();
        for at in (1..size).rev() {
            numbers.swap(at, random.below(at + 1));
        }
        numbers
    };
    let (user_of, item_of) = (shuffled(users, random), shuffled(items, random));
    let mut edges = HashSet::with_capacity(count);
    let mut tries = 0_usize;
    while edges.len() < count {
        // The more tries fail, because pairs of popular nodes are used up, the flatter the law becomes.
        let exponent = 2.0 / (1.0 + tries as f64 / (10 * count) as f64);
        let mut ranked =
            |size: usize| ((random.unit().powf(exponent.max(1.0)) * size as f64) as usize).min(size - 1);
        edges.insert((user_of[ranked(users)], item_of[ranked(items)]));
        tries += 1;
    }
    let mut edges: Vec<(u32, u32)> = edges.into_iter().collect();
    edges.sort_unstable();
    Ok(edges)
}

/// A counter whose bits are mixed (SplitMix64).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to `count`, without it.
    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }
}

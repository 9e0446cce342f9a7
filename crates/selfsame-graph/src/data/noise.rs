//! False interactions, to see how a method bears them.

use std::collections::HashSet;

use selfsame_core::{Error, Random, Result};

use super::files::InteractionData;
use super::interactions::Interactions;

/// The training interactions with this share of false ones among them: ⌊share × interactions⌉ pairs, uniformly drawn from those that are in no
/// part of the data, so that no test or validation interaction is given away.
///
/// # Errors
/// A share that is negative or no number, and more false interactions than there are pairs for them.
pub fn with_noise(data: &InteractionData, share: f64, random: &Random) -> Result<Interactions> {
    let train = &data.train;
    if !(share >= 0.0 && share.is_finite()) {
        return Err(Error::config(
            format!("a noise of {share} is not a share of the training interactions"),
            "set a number from 0 on, such as 0.05 for 5 % false interactions",
        ));
    }
    let count = (train.len() as f64 * share).round() as usize;
    let (users, items) = (train.users(), train.items());
    let taken = train.len() + data.validation.len() + data.test.len();
    // At most half of what is free, so that a draw hits something free soon.
    let free = users.saturating_mul(items).saturating_sub(taken);
    if count > free / 2 {
        return Err(Error::config(
            format!(
                "a noise of {share} needs {count} false interactions, but only {free} pairs are none yet"
            ),
            "set a smaller share",
        ));
    }
    let mut random = random.clone();
    let mut drawn = HashSet::with_capacity(count);
    while drawn.len() < count {
        let pair = (random.below(users) as u32, random.below(items) as u32);
        let known = |part: &Interactions| part.contains(pair.0 as usize, pair.1);
        if ![train, &data.validation, &data.test].into_iter().any(known) {
            drawn.insert(pair);
        }
    }
    let drawn: Vec<_> = drawn.into_iter().collect();
    Ok(Interactions::from_pairs(users, items, train.pairs().chain(drawn.iter().copied())).0)
}

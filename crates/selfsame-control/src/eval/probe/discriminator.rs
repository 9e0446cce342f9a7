//! How well the discriminator tells pairs of state and action apart.

use selfsame_core::nn::gather_rows;
use selfsame_core::tensor::Tensor;
use selfsame_core::{Random, Result, host};

use crate::method::{Agent, difference};

/// Pairs that go through the discriminator at once.
const BATCH: usize = 256;

/// A held-out step. Those of a segment lie side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Episode and segment.
    pub segment: (u64, usize),
    /// The segment's return.
    pub value: f64,
}

/// What a discriminator makes of held-out pairs, of one segment and of segments whose returns differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    /// How often it is right, the mean of the shares of both kinds.
    pub accuracy: f64,
    /// The chance that it finds a pair with different returns more different than a pair of one segment: the area under its receiver operating characteristic.
    pub area: f64,
}

/// What the agent's discriminator makes of so many pairs of each kind. `phi` are the φ of all rows. None without a discriminator, and where there are no
/// such pairs.
pub(super) fn told(
    agent: &dyn Agent,
    phi: Vec<Tensor<2>>,
    rows: &[Row],
    pairs: usize,
    random: &Random,
) -> Result<Option<Told>> {
    if phi.is_empty() || rows.is_empty() {
        return Ok(None);
    }
    let phi = Tensor::cat(phi, 0);
    let partners = Partners::of(rows);
    let drawn = (0..pairs as u64).map(|number| random.at(number));
    let drawn = drawn.map(|random| (random.named("anchor").below(rows.len()), random));
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for (anchor, random) in drawn {
        same.extend(partners.same(anchor, random.named("positive")).map(|partner| [anchor, partner]));
        other.extend(partners.other(anchor, random.named("negative")).map(|partner| [anchor, partner]));
    }
    Ok(match [differences(agent, &phi, &same)?, differences(agent, &phi, &other)?] {
        [Some(same), Some(other)] => Told::of(same, other),
        _ => None,
    })
}

/// How different the discriminator finds these pairs of rows; none without one.
fn differences(agent: &dyn Agent, phi: &Tensor<2>, pairs: &[[usize; 2]]) -> Result<Option<Vec<f32>>> {
    let mut told = Vec::with_capacity(pairs.len());
    for batch in pairs.chunks(BATCH) {
        let rows = |side: usize| {
            let numbers: Vec<u32> = batch.iter().map(|pair| pair[side] as u32).collect();
            gather_rows(phi.clone(), &numbers)
        };
        let Some(found) = difference(agent, rows(0), rows(1)) else { return Ok(None) };
        told.extend(host::values(found)?);
    }
    Ok(Some(told))
}

impl Told {
    /// Of the differences that were found in pairs of one segment and in others. None where there are none of a kind.
    fn of(mut same: Vec<f32>, other: Vec<f32>) -> Option<Self> {
        if same.is_empty() || other.is_empty() {
            return None;
        }
        let share = |all: &[f32], differ: bool| {
            all.iter().filter(|told| (**told > 0.5) == differ).count() as f64 / all.len() as f64
        };
        let accuracy = 0.5 * (share(&same, false) + share(&other, true));
        same.sort_by(f32::total_cmp);
        // Of each pair with different returns: how many of one segment it exceeds, equal ones by half.
        let exceeded = |told: &f32| {
            let below = same.partition_point(|same| same < told);
            let most = same.partition_point(|same| same <= told);
            0.5 * (below + most) as f64
        };
        let area = other.iter().map(exceeded).sum::<f64>() / (same.len() * other.len()) as f64;
        Some(Self { accuracy, area })
    }
}

/// Draws partners of rows in O(log rows).
struct Partners<'a> {
    rows: &'a [Row],
    /// The rows in the order of their returns.
    by_value: Vec<usize>,
}

impl<'a> Partners<'a> {
    fn of(rows: &'a [Row]) -> Self {
        let mut by_value: Vec<usize> = (0..rows.len()).collect();
        by_value.sort_by(|first, second| rows[*first].value.total_cmp(&rows[*second].value));
        Self { rows, by_value }
    }

    /// Another row of the anchor's segment, all equally likely.
    fn same(&self, anchor: usize, mut random: Random) -> Option<usize> {
        let own = self.rows[anchor].segment;
        let first = self.rows.partition_point(|row| row.segment < own);
        let end = self.rows.partition_point(|row| row.segment <= own);
        let others = (end - first).checked_sub(1).filter(|others| *others > 0)?;
        let chosen = first + random.below(others);
        Some(chosen + usize::from(chosen >= anchor))
    }

    /// A row of a segment with another return, all equally likely.
    fn other(&self, anchor: usize, mut random: Random) -> Option<usize> {
        let own = self.rows[anchor].value;
        let first = self.by_value.partition_point(|row| self.rows[*row].value < own);
        let end = self.by_value.partition_point(|row| self.rows[*row].value <= own);
        let others = Some(self.rows.len() - (end - first)).filter(|others| *others > 0)?;
        let chosen = random.below(others);
        Some(self.by_value[if chosen < first { chosen } else { chosen + end - first }])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn differences_are_counted_and_ranked() {
        // Nobody is found different, and yet others rank above: of 6 comparisons 4 are right and one is a tie.
        let told = Told::of(vec![0.2, 0.1, 0.3], vec![0.3, 0.25]).unwrap();
        assert_eq!(told, Told { accuracy: 0.5, area: 4.5 / 6.0 });
        assert_eq!(Told::of(vec![0.1], vec![0.9]), Some(Told { accuracy: 1.0, area: 1.0 }));
        assert_eq!(Told::of(vec![0.1], Vec::new()), None);
    }

    #[test]
    fn partners_are_of_the_same_segment_or_of_another_return() {
        let of = |segments: &[((u64, usize), f64)]| -> Vec<Row> {
            segments.iter().map(|&(segment, value)| Row { segment, value }).collect()
        };
        let rows = of(&[
            ((0, 0), 1.0),
            ((0, 0), 1.0),
            ((0, 0), 1.0),
            ((0, 1), -1.0),
            ((3, 0), 1.0),
            ((3, 2), 0.0),
            ((3, 2), 0.0),
        ]);
        let partners = Partners::of(&rows);
        let all = |draw: &dyn Fn(Random) -> Option<usize>| -> BTreeSet<usize> {
            (0..300).filter_map(|seed| draw(Random::new(seed))).collect()
        };
        for anchor in 0..rows.len() {
            let fits = |fit: &dyn Fn(usize) -> bool| (0..rows.len()).filter(|row| fit(*row)).collect();
            let same: BTreeSet<usize> =
                fits(&|row| row != anchor && rows[row].segment == rows[anchor].segment);
            let other: BTreeSet<usize> = fits(&|row| rows[row].value != rows[anchor].value);
            assert_eq!(all(&|random| partners.same(anchor, random)), same);
            assert_eq!(all(&|random| partners.other(anchor, random)), other);
        }
        let alike = of(&[((0, 0), 1.0), ((1, 0), 1.0)]);
        assert_eq!(Partners::of(&alike).other(0, Random::new(1)), None);
        assert_eq!(Partners::of(&alike).same(0, Random::new(1)), None);
    }
}

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

/// How often the discriminator is right about pairs of one segment and about pairs of segments whose returns differ, the mean of both shares. `phi` are
/// the φ of all rows. None without a discriminator, and where there are no such pairs.
pub(super) fn accuracy(
    agent: &dyn Agent,
    phi: Vec<Tensor<2>>,
    rows: &[Row],
    pairs: usize,
    random: &Random,
) -> Result<Option<f64>> {
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
    let told = [share(agent, &phi, &same, false)?, share(agent, &phi, &other, true)?];
    Ok(match told {
        [Some(same), Some(other)] => Some(0.5 * (same + other)),
        _ => None,
    })
}

/// How often the discriminator finds that pairs of rows differ as they do; none without pairs or discriminator.
fn share(agent: &dyn Agent, phi: &Tensor<2>, pairs: &[[usize; 2]], differ: bool) -> Result<Option<f64>> {
    let mut right = 0;
    for batch in pairs.chunks(BATCH) {
        let rows = |side: usize| {
            let numbers: Vec<u32> = batch.iter().map(|pair| pair[side] as u32).collect();
            gather_rows(phi.clone(), &numbers)
        };
        let Some(told) = difference(agent, rows(0), rows(1)) else { return Ok(None) };
        right += host::values(told)?.into_iter().filter(|told| (*told > 0.5) == differ).count();
    }
    Ok((!pairs.is_empty()).then(|| right as f64 / pairs.len() as f64))
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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

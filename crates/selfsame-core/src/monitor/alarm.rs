//! When to call a representation collapsed.

use super::Measures;

/// Calls a representation collapsed when several measures in a row show it: either a deviation of the unit
/// embeddings below `smallest_deviation` (all instances look the same), or an effective rank below `smallest_rank`
/// (all instances lie on a line). A healthy representation is far from both: its deviation is 0.3 to 1, its rank
/// tens or hundreds; several in a row, because networks may pass through such a state early on.
#[derive(Clone, Debug, PartialEq)]
pub struct CollapseAlarm {
    /// Default 0.05.
    pub smallest_deviation: f64,
    /// Default 2.
    pub smallest_rank: f64,
    /// How many measures in a row must show it. Default 3.
    pub patience: usize,
    in_a_row: usize,
}

impl Default for CollapseAlarm {
    fn default() -> Self {
        Self { smallest_deviation: 0.05, smallest_rank: 2.0, patience: 3, in_a_row: 0 }
    }
}

impl CollapseAlarm {
    /// Takes the next measures; returns what they show once `patience` in a row have shown a collapse.
    pub fn observe(&mut self, measures: &Measures) -> Option<String> {
        let Measures { deviation, effective_rank, .. } = measures;
        let seen = if *deviation < self.smallest_deviation {
            format!("the unit embeddings deviate by {deviation:.4} (a healthy value is 0.3 to 1)")
        } else if *effective_rank < self.smallest_rank {
            format!("the effective rank is {effective_rank:.2}: all instances lie on a line")
        } else {
            self.in_a_row = 0;
            return None;
        };
        self.in_a_row += 1;
        (self.in_a_row >= self.patience).then_some(seen)
    }

    /// How many measures in a row have shown a collapse, for checkpoints.
    pub fn in_a_row(&self) -> usize {
        self.in_a_row
    }

    /// Continues from a checkpoint.
    pub fn resume(&mut self, in_a_row: usize) {
        self.in_a_row = in_a_row;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn measures(deviation: f64, effective_rank: f64) -> Measures {
        Measures { alignment: 0.5, uniformity: -2.0, deviation, effective_rank }
    }

    #[test]
    fn rings_after_several_in_a_row_only() {
        let mut alarm = CollapseAlarm::default();
        let (good, flat, line) = (measures(0.8, 60.0), measures(0.01, 20.0), measures(0.7, 1.3));
        for (seen, rings) in [
            (flat, false),
            (flat, false),
            (good, false),
            (flat, false),
            (line, false),
            (flat, true),
            (line, true),
            (good, false),
        ] {
            assert_eq!(alarm.observe(&seen).is_some(), rings);
        }
    }

    #[test]
    fn a_resumed_alarm_keeps_counting() {
        let mut alarm = CollapseAlarm::default();
        alarm.resume(2);
        assert!(alarm.observe(&measures(0.0, 1.0)).unwrap().contains("deviate by 0.0000"));
        assert_eq!(alarm.in_a_row(), 3);
    }
}

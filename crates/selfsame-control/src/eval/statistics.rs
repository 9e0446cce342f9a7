//! Statistics of a few scores, and how sure they are.
//!
//! R. Agarwal, M. Schwarzer, P. S. Castro, A. Courville, M. G. Bellemare: Deep Reinforcement Learning at the Edge of the Statistical Precipice. NeurIPS
//! 2021, arXiv 2108.13264: the interquartile mean instead of the mean or the median (section 4.3), and intervals of a stratified bootstrap (section
//! 4.1).

use selfsame_core::Random;
use serde::Serialize;

/// Resamplings of [`bootstrap`] that are enough for two digits.
pub const RESAMPLINGS: usize = 10_000;

/// The interval that holds a statistic in 95 % of all resamplings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th.
    pub high: f64,
}

/// The mean; not a number of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The value in the middle, or the mean of the two; not a number of nothing.
pub fn median(values: &[f64]) -> f64 {
    percentile(&sorted(values), 0.5)
}

/// The mean of the middle half: a quarter of the values, rounded down, is left out at either end.
pub fn interquartile_mean(values: &[f64]) -> f64 {
    let left_out = values.len() / 4;
    mean(&sorted(values)[left_out..values.len() - left_out])
}

/// The interval of a statistic over all scores of several tasks, when in each of them as many scores are drawn anew, with replacement: the runs of
/// a task are a sample, the tasks are not.
pub fn bootstrap(
    tasks: &[&[f64]],
    statistic: impl Fn(&[f64]) -> f64,
    resamplings: usize,
    random: &Random,
) -> Interval {
    let mut drawn = Vec::with_capacity(tasks.iter().map(|scores| scores.len()).sum());
    let values = (0..resamplings as u64).map(|at| {
        let mut random = random.at(at);
        drawn.clear();
        for scores in tasks {
            drawn.extend((0..scores.len()).map(|_| scores[random.below(scores.len())]));
        }
        statistic(&drawn)
    });
    let values = sorted(&values.collect::<Vec<_>>());
    Interval { low: percentile(&values, 0.025), high: percentile(&values, 0.975) }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// Between the two nearest values, as NumPy has it.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = place.floor() as usize;
    sorted[below] + (sorted[(below + 1).min(last)] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_do_not_count() {
        // scipy.stats.trim_mean([1, 2, 3, 4, 5, 6, 7, 100], 0.25) = 4.5, and of nine values with 8 before 100 = 5.
        let values = [100.0, 1.0, 5.0, 4.0, 3.0, 2.0, 7.0, 6.0];
        assert_eq!(interquartile_mean(&values), 4.5);
        assert_eq!(interquartile_mean(&[&values[..], &[8.0]].concat()), 5.0);
        assert_eq!(interquartile_mean(&[1.0, 2.0, 6.0]), 3.0);
        assert_eq!((median(&values), median(&[3.0, 1.0, 2.0]), mean(&values)), (4.5, 2.0, 16.0));
    }

    #[test]
    fn an_interval_is_as_wide_as_theory_says() {
        // The mean of 100 standard normal values has the deviation 0.1: the interval is about 2 × 1.96 × 0.1 wide.
        let mut random = Random::new(5);
        let values: Vec<f64> = (0..100).map(|_| f64::from(random.normal())).collect();
        let centre = mean(&values);
        let deviation = (values.iter().map(|value| (value - centre).powi(2)).sum::<f64>() / 1e4).sqrt();
        let Interval { low, high } = bootstrap(&[&values], mean, 4000, &Random::new(1));
        assert!((low - (centre - 1.96 * deviation)).abs() < 0.02, "{low} to {high} around {centre}");
        assert!((high - (centre + 1.96 * deviation)).abs() < 0.02, "{low} to {high} around {centre}");
    }

    #[test]
    fn tasks_are_not_resampled() {
        // Two tasks far apart whose runs agree: whatever is drawn, half of it is of either.
        let Interval { low, high } = bootstrap(&[&[0.0; 3], &[10.0; 3]], mean, 200, &Random::new(1));
        assert_eq!((low, high), (5.0, 5.0));
        let one = bootstrap(&[&[0.0, 0.0, 0.0, 10.0, 10.0, 10.0]], mean, 200, &Random::new(1));
        assert!(one.low < 3.0 && one.high > 7.0, "{one:?}");
    }
}

//! The weighted nearest-neighbour classifier.

use std::cmp::Ordering;

use burn::tensor::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Labelled, Outcome, check, class_count, for_each_similarities, rank};
use crate::{Error, Result};

/// The settings of [`knn`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnnConfig {
    /// How many neighbours vote; at most the training instances. Default 200; 20 suits small sets.
    pub k: usize,
    /// A neighbour's vote is `exp(cosine / temperature)`; infinite: every neighbour has one vote. Default 0.07.
    pub temperature: f64,
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self { k: 200, temperature: 0.07 }
    }
}

impl KnnConfig {
    /// # Errors
    /// No neighbours, and a temperature that is not positive.
    pub fn validate(&self) -> Result<()> {
        if self.k == 0 {
            return Err(Error::config("kNN with k = 0 asks no neighbour", "200 is usual, 20 for small sets"));
        }
        if self.temperature.is_nan() || self.temperature <= 0.0 {
            return Err(Error::config(
                format!("the kNN temperature is {}, which is not a positive number", self.temperature),
                "0.07 is usual; inf gives every neighbour one vote",
            ));
        }
        Ok(())
    }
}

/// Classifies every test instance by the votes of its nearest training instances (Wu et al. 2018, arXiv 1805.01978,
/// section 3.4). Deterministic: of equally near instances the earlier is taken, of equally voted classes the lower.
/// A class without votes is never among the first five.
///
/// # Errors
/// [`Error::Config`] for unusable settings, empty sets or sets that do not fit; [`Error::Diverged`] when a feature is
/// not finite; [`Error::Device`] when the device fails.
pub fn knn(train: &Labelled, test: &Labelled, config: &KnnConfig) -> Result<Outcome> {
    config.validate()?;
    check(train, test)?;
    let classes = class_count(&train.labels);
    let mut ranked = Vec::with_capacity(test.labels.len());
    for_each_votes(train, &test.features, config, |first, votes| {
        let block: Vec<_> = votes
            .par_chunks(classes)
            .zip(&test.labels[first..])
            .map(|(votes, &label)| {
                let (prediction, rank) = rank(votes, label);
                (prediction, rank.filter(|_| votes[label] > 0.0))
            })
            .collect();
        ranked.extend(block);
    })?;
    Ok(Outcome::new(ranked))
}

/// Calls `consume` with the index of the first test instance and the votes, `[instances, classes]`, of block after
/// block. The votes of an instance are shares of its nearest neighbour's vote, which keeps them in range for any
/// temperature.
fn for_each_votes(
    train: &Labelled,
    test: &Tensor<2>,
    config: &KnnConfig,
    mut consume: impl FnMut(usize, &[f64]),
) -> Result<()> {
    let classes = class_count(&train.labels);
    let instances = train.labels.len();
    for_each_similarities(&train.features, test, |first, similarities| {
        let votes: Vec<f64> = similarities
            .par_chunks(instances)
            .flat_map_iter(|row| vote(&nearest(row, config.k), &train.labels, classes, config.temperature))
            .collect();
        consume(first, &votes);
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Neighbour {
    similarity: f32,
    index: usize,
}

fn nearer(a: &Neighbour, b: &Neighbour) -> Ordering {
    b.similarity.total_cmp(&a.similarity).then(a.index.cmp(&b.index))
}

/// The `k` most similar, nearest first. One pass: a candidate has to beat the k-th best at the last clearing.
fn nearest(similarities: &[f32], k: usize) -> Vec<Neighbour> {
    let k = k.min(similarities.len());
    let mut candidates: Vec<Neighbour> = Vec::with_capacity(2 * k);
    let mut to_beat = f32::NEG_INFINITY;
    for (index, &similarity) in similarities.iter().enumerate() {
        // An equal one comes later, so it loses.
        if similarity > to_beat {
            candidates.push(Neighbour { similarity, index });
            if candidates.len() == 2 * k {
                candidates.select_nth_unstable_by(k - 1, nearer);
                candidates.truncate(k);
                to_beat = candidates[k - 1].similarity;
            }
        }
    }
    candidates.sort_unstable_by(nearer);
    candidates.truncate(k);
    candidates
}

fn vote(neighbours: &[Neighbour], labels: &[usize], classes: usize, temperature: f64) -> Vec<f64> {
    let mut votes = vec![0.0; classes];
    let Some(best) = neighbours.first() else { return votes };
    for neighbour in neighbours {
        let behind = f64::from(neighbour.similarity) - f64::from(best.similarity);
        votes[labels[neighbour.index]] += (behind / temperature).exp();
    }
    votes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::tests::blobs;
    use super::*;
    use crate::Random;
    use crate::golden::{Golden, assert_close};

    #[test]
    fn golden() {
        let golden = Golden::read("knn");
        let train = Labelled { features: golden.tensor("train"), labels: golden.indices("labels") };
        let features = golden.tensor::<2>("test");
        let config = KnnConfig { k: 20, temperature: 0.07 };

        let expected = golden.values("scores").0;
        let mut votes = Vec::new();
        for_each_votes(&train, &features, &config, |_, block| votes.extend_from_slice(block)).unwrap();
        let shares = |row: &[f64]| row.iter().map(|v| v / row.iter().sum::<f64>()).collect::<Vec<_>>();
        for (row, expected) in votes.chunks(5).zip(expected.chunks(5)) {
            assert_close(&shares(row), &shares(expected), 1e-5);
        }

        let predictions = golden.indices("pred");
        let outcome = knn(&train, &Labelled { features, labels: predictions.clone() }, &config).unwrap();
        assert_eq!(outcome, Outcome { top1: 1.0, top5: outcome.top5, predictions });
    }

    #[test]
    fn nearest_equals_a_full_sort_with_ties() {
        let mut random = Random::new(4);
        for (length, k) in [(1, 5), (9, 9), (500, 7), (500, 499), (2000, 20)] {
            let similarities: Vec<f32> = (0..length).map(|_| random.below(40) as f32 / 40.0).collect();
            let mut all: Vec<usize> = (0..length).collect();
            all.sort_by(|&a, &b| similarities[b].total_cmp(&similarities[a])); // stable: earlier first
            all.truncate(k);
            let found: Vec<usize> = nearest(&similarities, k).iter().map(|n| n.index).collect();
            assert_eq!(found, all);
        }
    }

    #[test]
    fn plain_votes_count_neighbours_and_k_is_clipped() {
        let train = blobs(&[vec![1.0, 0.0], vec![0.0, 1.0]], 3, 0.0, &Random::new(1));
        let test = blobs(&[vec![0.9, 0.1]], 1, 0.0, &Random::new(1));
        let plain = KnnConfig { k: 100, temperature: f64::INFINITY };
        for_each_votes(&train, &test.features, &plain, |_, votes| assert_eq!(votes, [3.0, 3.0])).unwrap();
        let weighted = KnnConfig { k: 100, temperature: 1e-3 };
        for_each_votes(&train, &test.features, &weighted, |_, votes| assert_close(votes, &[3.0, 0.0], 1e-6))
            .unwrap();
    }

    #[test]
    fn top_5_needs_votes_and_unknown_classes_are_misses() {
        let train = blobs(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![-1.0, 0.0]], 4, 0.0, &Random::new(1));
        let mut test = blobs(&[vec![1.0, 0.0], vec![0.0, 1.0]], 1, 0.0, &Random::new(1));
        let config = KnnConfig { k: 4, temperature: 0.07 };
        assert_eq!(knn(&train, &test, &config).unwrap().top1, 1.0);
        test.labels = vec![2, 17];
        let outcome = knn(&train, &test, &config).unwrap();
        assert_eq!((outcome.top1, outcome.top5, outcome.predictions), (0.0, 0.0, vec![0, 1]));
    }

    #[test]
    fn unusable_settings_are_refused() {
        for (k, temperature) in [(0, 0.07), (5, 0.0), (5, -1.0), (5, f64::NAN)] {
            assert_eq!(KnnConfig { k, temperature }.validate().unwrap_err().exit_code(), 2);
        }
    }
}

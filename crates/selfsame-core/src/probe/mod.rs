//! Probes: what a frozen representation is worth to a simple classifier.

mod knn;
mod linear;
mod retrieval;

use burn::tensor::Tensor;

pub use knn::{KnnConfig, knn};
pub use linear::{LinearConfig, LinearOutcome, LinearProbe, linear};
pub use retrieval::{RetrievalOutcome, retrieval};

use crate::host::values;
use crate::loss::unit;
use crate::{Error, Result};

/// Similarities that are held at once: 64 MiB.
const BLOCK: usize = 1 << 24;

/// Features of labelled instances.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// `[instances, dim]`.
    pub features: Tensor<2>,
    /// One class an instance, counted from 0.
    pub labels: Vec<usize>,
}

/// How a probe classified the test instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Share of the instances whose class came first.
    pub top1: f64,
    /// Share of the instances whose class was among the first five.
    pub top5: f64,
    /// The class that came first, one an instance.
    pub predictions: Vec<usize>,
}

impl Outcome {
    /// From the prediction of every instance and the rank of its true class, if that has any.
    fn new(ranked: Vec<(usize, Option<usize>)>) -> Self {
        let share = |first: usize| {
            let hits = ranked.iter().filter(|(_, rank)| rank.is_some_and(|rank| rank < first)).count();
            hits as f64 / ranked.len() as f64
        };
        let (top1, top5) = (share(1), share(5));
        Self { top1, top5, predictions: ranked.into_iter().map(|(prediction, _)| prediction).collect() }
    }

    /// From the scores of every instance, `[instances, classes]` row by row, and its true class.
    pub fn of_scores(scores: &[f32], labels: &[usize]) -> Self {
        let classes = (scores.len() / labels.len().max(1)).max(1);
        let rows = scores.chunks(classes).map(|row| row.iter().copied().map(f64::from).collect::<Vec<_>>());
        Self::new(rows.zip(labels).map(|(row, &label)| rank(&row, label)).collect())
    }
}

/// The class with the highest score and how many classes come before `class`; among equal scores the lower class
/// comes first. A class without a score has no rank.
fn rank(scores: &[f64], class: usize) -> (usize, Option<usize>) {
    let before = |a: usize, b: usize| scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
    let best = (0..scores.len()).fold(0, |best, other| if before(other, best) { other } else { best });
    let rank =
        (class < scores.len()).then(|| (0..scores.len()).filter(|&other| before(other, class)).count());
    (best, rank)
}

/// Calls `consume` with the number of the first query and the cosines, `[queries, gallery]`, of block after block.
fn for_each_similarities(
    gallery: &Tensor<2>,
    queries: &Tensor<2>,
    mut consume: impl FnMut(usize, &[f32]),
) -> Result<()> {
    let ([instances, _], [asked, _]) = (gallery.dims(), queries.dims());
    let gallery = unit(gallery.clone().inner()).transpose();
    let queries = unit(queries.clone().inner());
    let rows = (BLOCK / instances).clamp(1, asked);
    for first in (0..asked).step_by(rows) {
        let block = queries.clone().narrow(0, first, rows.min(asked - first));
        consume(first, &values(block.matmul(gallery.clone()))?);
    }
    Ok(())
}

/// One more than the highest label.
fn class_count(labels: &[usize]) -> usize {
    labels.iter().max().map_or(0, |highest| highest + 1)
}

/// Both sets hold instances, with as many labels, of one dimension, and finite.
fn check(train: &Labelled, test: &Labelled) -> Result<()> {
    check_set("training", train)?;
    check_set("test", test)?;
    let (train_dim, test_dim) = (train.features.dims()[1], test.features.dims()[1]);
    if train_dim != test_dim {
        return Err(Error::config(
            format!("the training features have {train_dim} numbers, the test features {test_dim}"),
            "compute both with the same network",
        ));
    }
    Ok(())
}

/// A set holds instances, with as many labels, and finite.
fn check_set(name: &str, set: &Labelled) -> Result<()> {
    let [instances, _] = set.features.dims();
    if instances == 0 {
        return Err(Error::config(
            format!("the probe has no {name} instances"),
            "check the folders that were given as --train and --test",
        ));
    }
    if set.labels.len() != instances {
        let labels = set.labels.len();
        return Err(Error::Internal(format!("{instances} {name} features but {labels} labels")));
    }
    // A sum is finite only when every number is, and costs one pass without a copy.
    if !crate::host::scalar(set.features.clone().abs().sum())?.is_finite() {
        return Err(Error::diverged(
            format!("the {name} features hold numbers that are not finite"),
            "the network has diverged; evaluate an earlier checkpoint",
        ));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Random;

    /// Instances around `centres`, class after class, with this deviation.
    pub fn blobs(centres: &[Vec<f64>], each: usize, deviation: f64, random: &Random) -> Labelled {
        let dim = centres[0].len();
        let mut random = random.clone();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..each {
            for (class, centre) in centres.iter().enumerate() {
                values.extend(centre.iter().map(|c| (c + deviation * f64::from(random.normal())) as f32));
                labels.push(class);
            }
        }
        let features = Tensor::from_data(TensorData::new(values, [labels.len(), dim]), &Device::default());
        Labelled { features, labels }
    }

    #[test]
    fn equal_scores_favour_the_lower_class() {
        assert_eq!(rank(&[1.0, 3.0, 3.0, 0.0], 2), (1, Some(1)));
        assert_eq!(rank(&[1.0, 3.0, 3.0, 0.0], 0), (1, Some(2)));
        assert_eq!(rank(&[0.0, 0.0], 7), (0, None));
    }

    #[test]
    fn broken_inputs_are_named() {
        let good = blobs(&[vec![0.0, 1.0]], 3, 0.1, &Random::new(1));
        let other_dim = blobs(&[vec![0.0]], 3, 0.1, &Random::new(1));
        let empty = Labelled { features: Tensor::zeros([0, 2], &Device::default()), labels: vec![] };
        let nan = Labelled { features: good.features.clone() * f32::NAN, labels: good.labels.clone() };
        assert!(check(&good, &good).is_ok());
        for (train, test, code) in
            [(&good, &other_dim, 2), (&empty, &good, 2), (&good, &empty, 2), (&nan, &good, 5)]
        {
            assert_eq!(check(train, test).unwrap_err().exit_code(), code);
        }
    }
}

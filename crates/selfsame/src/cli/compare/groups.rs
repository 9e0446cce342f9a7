//! Runs that differ only by seed, and the spread of their results.

use std::collections::BTreeMap;
use std::path::PathBuf;

use selfsame_control::eval::statistics::{Interval, RESAMPLINGS, bootstrap, interquartile_mean};
use selfsame_core::Random;
use serde::Serialize;

use super::Summary;
use super::summary::EVALUATIONS;

/// How sure returns are: their interquartile mean, and where 95 % of resampled runs have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sureness {
    /// The interquartile mean of the runs' mean returns.
    pub iqm: f64,
    /// Its interval.
    pub interval: Interval,
}

impl Sureness {
    /// Of at least two runs.
    pub fn of(values: &[f64]) -> Self {
        let random = Random::new(0).named("bootstrap");
        let interval = bootstrap(&[values], interquartile_mean, RESAMPLINGS, &random);
        Self { iqm: interquartile_mean(values), interval }
    }
}

/// Mean and spread of a result.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Statistic {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of a sample (divided by n − 1).
    pub deviation: f64,
}

impl Statistic {
    /// Of at least two values that are all known.
    fn of(values: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        let count = values.len() as f64;
        if values.len() < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, deviation: (squares / (count - 1.0)).sqrt() })
    }

    /// `mean ± deviation`, both times `scale`.
    pub fn shown(self, scale: f64, digits: usize) -> String {
        format!("{:.digits$} ± {:.digits$}", self.mean * scale, self.deviation * scale)
    }
}

/// At least two runs that differ only by seed. A result is only there when all of them have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The runs' folders.
    pub runs: Vec<PathBuf>,
    /// Their seeds, in the same order.
    pub seeds: Vec<u64>,
    /// Their method.
    pub method: String,
    /// Their data.
    pub dataset: String,
    /// Their finished epochs.
    pub epochs: usize,
    /// Images a second.
    pub images_per_second: Option<Statistic>,
    /// Loss of the last epoch.
    pub loss: Option<Statistic>,
    /// kNN accuracy of the untrained network, 0 to 1.
    pub knn_before: Option<Statistic>,
    /// kNN accuracy as last measured, 0 to 1.
    pub knn_after: Option<Statistic>,
    /// Recall@20 of the untrained embeddings, 0 to 1.
    #[serde(rename = "recall@20_before", skip_serializing_if = "Option::is_none")]
    pub recall_before: Option<Statistic>,
    /// Recall@20 as last measured while training, 0 to 1.
    #[serde(rename = "recall@20_after", skip_serializing_if = "Option::is_none")]
    pub recall_after: Option<Statistic>,
    /// What was evaluated, by its name; shares from 0 to 1.
    #[serde(flatten)]
    pub evaluations: BTreeMap<&'static str, Statistic>,
    /// How sure the returns of evaluated episodes are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<Sureness>,
}

impl Group {
    /// The groups among some runs, in the order of their first runs. A second run of the same seed is no new sample.
    pub fn of(runs: &[Summary]) -> Vec<Self> {
        let mut groups: Vec<Vec<&Summary>> = vec![];
        for run in runs {
            match groups.iter_mut().find(|group| group.iter().all(|other| repeats(run, other))) {
                Some(group) if group.iter().all(|other| other.seed != run.seed) => group.push(run),
                Some(_) => {}
                None => groups.push(vec![run]),
            }
        }
        groups.iter().filter(|runs| runs.len() > 1).filter_map(|runs| Self::new(runs)).collect()
    }

    /// What it is called in a table.
    pub fn shown_name(&self) -> String {
        let count = self.runs.len();
        match common_name(&self.runs, &self.seeds) {
            Some(name) => format!("{name}: mean of {count} seeds"),
            // Whose they are: several such groups may stand side by side.
            None => format!("{}: mean of {count} seeds", self.method),
        }
    }

    fn new(runs: &[&Summary]) -> Option<Self> {
        let first = runs.first()?;
        let statistic = |value: fn(&Summary) -> Option<f64>| Statistic::of(runs.iter().map(|run| value(run)));
        Some(Self {
            runs: runs.iter().map(|run| run.run.clone()).collect(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            method: first.method.clone(),
            dataset: first.dataset.clone(),
            epochs: first.epochs,
            images_per_second: statistic(|run| run.images_per_second),
            loss: statistic(|run| run.loss),
            knn_before: statistic(|run| run.knn_before),
            knn_after: statistic(|run| run.knn_after),
            recall_before: statistic(|run| run.recall_before),
            recall_after: statistic(|run| run.recall_after),
            evaluations: EVALUATIONS
                .into_iter()
                .filter_map(|it| {
                    let values = runs.iter().map(|run| run.evaluations.get(it.name).copied());
                    Some((it.name, Statistic::of(values)?))
                })
                .collect(),
            returns: runs
                .iter()
                .map(|run| run.evaluations.get("mean_return").copied())
                .collect::<Option<Vec<f64>>>()
                .map(|returns| Sureness::of(&returns)),
        })
    }
}

/// What the names of a sweep's runs have in common, where these are such.
fn common_name(runs: &[PathBuf], seeds: &[u64]) -> Option<String> {
    let mut names = runs.iter().zip(seeds).map(|(run, seed)| {
        let name = run.display().to_string();
        let seeded = format!("-seed-{seed}");
        let (before, after) = name.rsplit_once(&seeded)?;
        (after.is_empty() || after.starts_with('-')).then(|| format!("{before}{after}"))
    });
    let first = names.next()??;
    names.all(|name| name.as_ref() == Some(&first)).then_some(first)
}

/// Whether two runs are the same experiment. Without settings that is not known.
fn repeats(a: &Summary, b: &Summary) -> bool {
    a.settings.is_some()
        && a.settings == b.settings
        && (&a.method, &a.dataset, a.epochs) == (&b.method, &b.dataset, b.epochs)
}

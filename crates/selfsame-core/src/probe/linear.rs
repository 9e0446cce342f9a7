//! The linear probe.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{Labelled, Outcome, check, check_set, class_count, rank};
use crate::host::values;
use crate::schedule::ScheduleConfig;
use crate::{Error, Random, Result};

/// Logits that are held at once: 64 MiB.
const BLOCK: usize = 1 << 24;

/// The settings of [`linear`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearConfig {
    /// Passes over the training features. Default 100.
    pub epochs: usize,
    /// Instances a step. Default 256.
    pub batch_size: usize,
    /// The learning rates that are tried. Default 0.001, 0.003, 0.01, 0.03, 0.1, 0.3.
    pub learning_rates: Vec<f64>,
    /// The momentum of SGD, in `[0, 1)`. Default 0.9.
    pub momentum: f64,
    /// Whether every feature is shifted and scaled to mean 0 and deviation 1 of the training set. Default true.
    pub standardise: bool,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self {
            epochs: 100,
            batch_size: 256,
            learning_rates: vec![0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
            momentum: 0.9,
            standardise: true,
        }
    }
}

impl LinearConfig {
    fn validate(&self) -> Result<()> {
        let check =
            |fits: bool, what: String, help| if fits { Ok(()) } else { Err(Error::config(what, help)) };
        check(self.epochs > 0, "the linear probe trains for 0 epochs".into(), "100 is usual")?;
        check(self.batch_size > 0, "the linear probe's batch size is 0".into(), "256 is usual")?;
        check(
            (0.0..1.0).contains(&self.momentum),
            format!("the linear probe's momentum is {}, which is not in [0, 1)", self.momentum),
            "0.9 is usual",
        )?;
        let rates = &self.learning_rates;
        check(
            !rates.is_empty() && rates.iter().all(|lr| lr.is_finite() && *lr > 0.0),
            format!("the linear probe's learning rates are {rates:?}, which are not positive numbers"),
            "leave them out for a grid from 0.001 to 0.3",
        )
    }
}

/// What [`linear`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearOutcome {
    /// How the test instances were classified.
    pub test: Outcome,
    /// The learning rate that was chosen.
    pub lr: f64,
    /// Every learning rate and its top-1 share on the held-out tenth of the training set.
    pub held_out: Vec<(f64, f64)>,
}

/// Multinomial logistic regression on frozen features, by SGD with momentum, a cosine schedule and no weight decay.
/// The learning rate is the best by top-1 (of equals, by cross-entropy) on a random tenth of the training set; the classifier is then
/// fitted again to all of it. The test set has no say in anything. Deterministic by `random`.
///
/// # Errors
/// As [`knn`](super::knn); also [`Error::Config`] for fewer than two training instances.
pub fn linear(
    train: &Labelled,
    test: &Labelled,
    config: &LinearConfig,
    random: &Random,
) -> Result<LinearOutcome> {
    check(train, test)?;
    let order = random.named("held out").permutation(train.labels.len());
    let probe = LinearProbe::fit(train, order.split_at((order.len() / 10).max(1)), config, random)?;
    let (test, _) = classify(&probe.transform.apply(&test.features), &test.labels, &probe.weights)?;
    Ok(LinearOutcome { test, lr: probe.lr, held_out: probe.held_out })
}

/// A linear classifier of frozen features, fitted as [`linear`] says.
pub struct LinearProbe {
    transform: Transform,
    /// `[dim + 1, classes]`.
    weights: Tensor<2>,
    /// The learning rate that was chosen.
    pub lr: f64,
    /// Every learning rate and its top-1 share on the instances that chose it.
    pub held_out: Vec<(f64, f64)>,
}

impl LinearProbe {
    /// Fits the classifier to all of `train`, whose instances (by their numbers) come in two parts: the first chooses the learning rate, for
    /// which the classifier is fitted to the second alone. Where instances belong together, as pixels of one image, both parts should
    /// have whole ones.
    ///
    /// # Errors
    /// [`Error::Config`] for unusable settings and an empty part; [`Error::Diverged`] when a feature is not finite;
    /// [`Error::Device`] when the device fails.
    pub fn fit(
        train: &Labelled,
        (chooses, fitted): (&[usize], &[usize]),
        config: &LinearConfig,
        random: &Random,
    ) -> Result<Self> {
        config.validate()?;
        check_set("training", train)?;
        if chooses.is_empty() || fitted.is_empty() {
            return Err(Error::config(
                "a linear probe cannot learn from one instance",
                "label more instances",
            ));
        }
        let transform = Transform::fit(&train.features, config.standardise);
        let data = Data::new(train, &transform);

        // All learning rates share one pass over the data: their classifiers stand side by side in one matrix.
        let rates = &config.learning_rates;
        let candidates = fit(&data, fitted, rates, config, &random.named("choose"))?;
        let rows = data.rows(chooses);
        let labels: Vec<usize> = chooses.iter().map(|&i| train.labels[i]).collect();
        let mut held_out = Vec::with_capacity(rates.len());
        let mut best: Option<(f64, f64, f64)> = None;
        for (number, &lr) in rates.iter().enumerate() {
            let weights = candidates.clone().narrow(1, number * data.classes, data.classes);
            let (Outcome { top1, .. }, loss) = classify(&rows, &labels, &weights)?;
            held_out.push((lr, top1));
            if best.is_none_or(|(_, best, lowest)| top1 > best || (top1 == best && loss < lowest)) {
                best = Some((lr, top1, loss));
            }
        }
        let lr = best.map_or(rates[0], |(lr, _, _)| lr);

        let all: Vec<usize> = (0..train.labels.len()).collect();
        let weights = fit(&data, &all, &[lr], config, &random.named("refit"))?;
        Ok(Self { transform, weights, lr, held_out })
    }

    /// The score of every class, up to the highest one that it was fitted to: `[instances, dim]` to `[instances, classes]`.
    pub fn scores(&self, features: &Tensor<2>) -> Tensor<2> {
        self.transform.apply(features).matmul(self.weights.clone())
    }
}

/// Standardisation with the training set's statistics, and a last column of ones for the bias.
struct Transform {
    /// `[1, dim]` each.
    statistics: Option<(Tensor<2>, Tensor<2>)>,
}

impl Transform {
    fn fit(features: &Tensor<2>, standardise: bool) -> Self {
        let statistics = standardise.then(|| {
            let features = features.clone().inner();
            let mean = features.clone().mean_dim(0);
            let deviation = (features - mean.clone()).square().mean_dim(0).sqrt();
            // A feature that never changes becomes 0, not NaN.
            (mean, deviation.clamp_min(1e-6))
        });
        Self { statistics }
    }

    fn apply(&self, features: &Tensor<2>) -> Tensor<2> {
        let mut features = features.clone().inner();
        if let Some((mean, deviation)) = &self.statistics {
            features = (features - mean.clone()) / deviation.clone();
        }
        let ones = Tensor::ones([features.dims()[0], 1], &features.device());
        Tensor::cat(vec![features, ones], 1)
    }
}

/// The training set as the fit needs it.
struct Data {
    /// `[instances, dim + 1]`.
    features: Tensor<2>,
    /// One-hot, `[instances, classes]`.
    targets: Tensor<2>,
    classes: usize,
}

impl Data {
    fn new(train: &Labelled, transform: &Transform) -> Self {
        let features = transform.apply(&train.features);
        let classes = class_count(&train.labels);
        let targets = indices(&train.labels, &features.device()).one_hot(classes).float();
        Self { features, targets, classes }
    }

    fn rows(&self, rows: &[usize]) -> Tensor<2> {
        self.features.clone().select(0, indices(rows, &self.features.device()))
    }
}

/// The classifiers of all `rates`, `[dim + 1, rates × classes]`, fitted to the instances `chosen`.
fn fit(
    data: &Data,
    chosen: &[usize],
    rates: &[f64],
    config: &LinearConfig,
    random: &Random,
) -> Result<Tensor<2>> {
    let device = data.features.device();
    let width = data.features.dims()[1];
    let columns = rates.len() * data.classes;
    let batches = chosen.len().div_ceil(config.batch_size);
    let schedule = ScheduleConfig { epochs: config.epochs, ..Default::default() }.init(1.0, batches)?;
    let rates: Vec<f32> = rates.iter().flat_map(|&lr| vec![lr as f32; data.classes]).collect();
    let rates = Tensor::<2>::from_data(TensorData::new(rates, [1, columns]), &device);

    let mut weights = Tensor::<2>::zeros([width, columns], &device);
    let mut momentum = weights.clone();
    for epoch in 0..config.epochs {
        let order = random.at(epoch as u64).permutation(chosen.len());
        for (batch, positions) in order.chunks(config.batch_size).enumerate() {
            let rows: Vec<usize> = positions.iter().map(|&position| chosen[position]).collect();
            let rows = indices(&rows, &device);
            let features = data.features.clone().select(0, rows.clone());
            let gradient = gradient(features, data.targets.clone().select(0, rows), weights.clone());
            momentum = momentum * config.momentum + gradient;
            let lr = rates.clone() * schedule.share(epoch * batches + batch);
            weights = weights - momentum.clone() * lr;
        }
    }
    Ok(weights)
}

/// The gradient of the mean cross-entropy of every classifier side by side in `weights`
/// (`[dim + 1, classifiers × classes]`) for `features` (`[batch, dim + 1]`) and one-hot `targets`
/// (`[batch, classes]`): `Xᵀ (softmax(X W) − T) / batch`.
fn gradient(features: Tensor<2>, targets: Tensor<2>, weights: Tensor<2>) -> Tensor<2> {
    let [batch, classes] = targets.dims();
    let columns = weights.dims()[1];
    let logits = features.clone().matmul(weights).reshape([batch, columns / classes, classes]);
    let error = softmax(logits, 2) - targets.unsqueeze_dim(1);
    features.transpose().matmul(error.reshape([batch, columns])) / batch as f64
}

/// How one classifier, `[dim + 1, classes]`, classifies rows with these labels, and its mean cross-entropy.
fn classify(rows: &Tensor<2>, labels: &[usize], weights: &Tensor<2>) -> Result<(Outcome, f64)> {
    let classes = weights.dims()[1];
    let block = (BLOCK / classes).max(1);
    let mut ranked = Vec::with_capacity(labels.len());
    let mut total = 0.0;
    for (number, labels) in labels.chunks(block).enumerate() {
        let rows = rows.clone().narrow(0, number * block, labels.len());
        let logits = values(rows.matmul(weights.clone()))?;
        for (logits, &label) in logits.chunks(classes).zip(labels) {
            let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
            total += cross_entropy(&logits, label);
            ranked.push(rank(&logits, label));
        }
    }
    Ok((Outcome::new(ranked), total / labels.len() as f64))
}

/// Infinite for a class that the classifier does not know.
fn cross_entropy(logits: &[f64], label: usize) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let partition: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    logits.get(label).map_or(f64::INFINITY, |logit| largest + partition.ln() - logit)
}

fn indices(values: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.iter().map(|&value| value as i64).collect();
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::tests::blobs;
    use super::*;
    use crate::golden::{assert_close, host};

    fn short() -> LinearConfig {
        LinearConfig { epochs: 15, batch_size: 64, ..Default::default() }
    }

    #[test]
    fn separable_blobs_are_separated() {
        let centres: Vec<Vec<f64>> =
            (0..7).map(|class| (0..7).map(|d| if d == class { 3.0 } else { 0.0 }).collect()).collect();
        let train = blobs(&centres, 40, 0.2, &Random::new(1));
        let test = blobs(&centres, 20, 0.2, &Random::new(2));
        let outcome = linear(&train, &test, &short(), &Random::new(3)).unwrap();
        assert_eq!((outcome.test.top1, outcome.test.top5), (1.0, 1.0));
        assert_eq!(outcome.test.predictions, test.labels);
        assert_eq!(outcome.held_out.len(), 6);
        assert_eq!(outcome, linear(&train, &test, &short(), &Random::new(3)).unwrap());
    }

    #[test]
    fn noisy_blobs_reach_the_best_possible_accuracy() {
        // Two Gaussians of deviation 1, two apart, in one of six directions: no classifier beats Φ(1) = 0.8413.
        let far = |at: f64| vec![0.0, 0.0, 40.0 + at, 0.0, 0.0, -7.0];
        let train = blobs(&[far(-1.0), far(1.0)], 1500, 1.0, &Random::new(4));
        let test = blobs(&[far(-1.0), far(1.0)], 4000, 1.0, &Random::new(5));
        let outcome = linear(&train, &test, &short(), &Random::new(6)).unwrap();
        assert!((outcome.test.top1 - 0.8413).abs() < 0.015, "{}", outcome.test.top1);
    }

    #[test]
    fn without_standardisation_small_scales_need_their_own_rates() {
        let train = blobs(&[vec![0.3, 0.0], vec![0.0, 0.3]], 100, 0.03, &Random::new(7));
        let config = LinearConfig { standardise: false, learning_rates: vec![1e-6, 3.0], ..short() };
        let outcome = linear(&train, &train, &config, &Random::new(8)).unwrap();
        assert_eq!((outcome.lr, outcome.test.top1), (3.0, 1.0));
    }

    #[test]
    fn a_feature_that_never_changes_does_no_harm() {
        let train = blobs(&[vec![1.0, 0.0, 5.0], vec![0.0, 1.0, 5.0]], 30, 0.0, &Random::new(9));
        let outcome = linear(&train, &train, &short(), &Random::new(1)).unwrap();
        assert_eq!(outcome.test.top1, 1.0);
    }

    #[test]
    fn the_gradient_equals_finite_differences_for_every_classifier() {
        let (batch, width, classes, classifiers) = (5, 4, 3, 2);
        let mut random = Random::new(10);
        let mut normal = |n: usize| (0..n).map(|_| f64::from(random.normal())).collect::<Vec<f64>>();
        let (features, weights) = (normal(batch * width), normal(width * classifiers * classes));
        let labels = [2, 0, 1, 1, 2];
        let columns = classifiers * classes;
        // The sum over the classifiers: each has its own columns, so they do not mix.
        let loss = |weights: &[f64]| {
            let mut total = 0.0;
            for (row, &label) in features.chunks(width).zip(&labels) {
                for classifier in 0..classifiers {
                    let logit = |class: usize| {
                        (0..width)
                            .map(|d| row[d] * weights[d * columns + classifier * classes + class])
                            .sum::<f64>()
                    };
                    let partition = (0..classes).map(|class| logit(class).exp()).sum::<f64>();
                    total += partition.ln() - logit(label);
                }
            }
            total / batch as f64
        };
        let expected: Vec<f64> = (0..weights.len())
            .map(|i| {
                let at = |change: f64| {
                    let mut weights = weights.clone();
                    weights[i] += change;
                    loss(&weights)
                };
                (at(1e-5) - at(-1e-5)) / 2e-5
            })
            .collect();

        let device = Device::default();
        let tensor = |values: &[f64], shape: [usize; 2]| {
            let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        let targets = indices(&labels, &device).one_hot(classes).float();
        let actual = gradient(tensor(&features, [batch, width]), targets, tensor(&weights, [width, columns]));
        assert_close(&host(&actual), &expected, 1e-4);
    }

    #[test]
    fn unusable_settings_are_refused() {
        let train = blobs(&[vec![1.0], vec![0.0]], 3, 0.1, &Random::new(1));
        for config in [
            LinearConfig { epochs: 0, ..short() },
            LinearConfig { batch_size: 0, ..short() },
            LinearConfig { momentum: 1.0, ..short() },
            LinearConfig { learning_rates: vec![], ..short() },
            LinearConfig { learning_rates: vec![-0.1], ..short() },
        ] {
            let error = linear(&train, &train, &config, &Random::new(1)).unwrap_err();
            assert_eq!(error.exit_code(), 2);
        }
        let one = blobs(&[vec![1.0]], 1, 0.1, &Random::new(1));
        assert_eq!(linear(&one, &one, &short(), &Random::new(1)).unwrap_err().exit_code(), 2);
    }
}

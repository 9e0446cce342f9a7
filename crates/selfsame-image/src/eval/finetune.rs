//! The whole network trained on with labels (SimCLR, arXiv 2002.05709, appendix B.5).

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::Device;
use selfsame_core::loss::classification;
use selfsame_core::nn::{Mode, Parameters};
use selfsame_core::optimizer::{Optimizer, OptimizerConfig};
use selfsame_core::probe::Outcome;
use selfsame_core::schedule::{Schedule, ScheduleConfig};
use selfsame_core::{Error, Random, Result};
use serde::Serialize;

use super::features::host;
use super::{Extraction, LabelledSet, Measured, Split};
use crate::data::ordered_batches;
use crate::model::{Classifier, ResNet};
use crate::view::recipe::{EVALUATION, SIMCLR};
use crate::view::{Pipeline, Recipe, Views};

/// How to fine-tune: SGD with Nesterov momentum and a cosine schedule, without weight decay, on random crops
/// and flips.
#[derive(Clone, Debug, PartialEq)]
pub struct FinetuneConfig {
    /// Share of the training labels that is used, in `(0, 1]`, of every class alike.
    pub fraction: f64,
    /// Passes over the labelled pictures.
    pub epochs: usize,
    /// Pictures a step; at most all of them.
    pub batch_size: usize,
    /// The learning rate at the beginning.
    pub lr: f64,
    /// Side of the images in pixels.
    pub image_size: usize,
    /// Threads that read pictures.
    pub workers: usize,
    /// The seed of every random choice.
    pub seed: u64,
}

/// The result of [`finetune`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FinetuneResult {
    /// `finetune`.
    pub protocol: &'static str,
    /// Share of the test pictures whose class came first.
    pub top1: f64,
    /// Share of the test pictures whose class was among the first five.
    pub top5: f64,
    /// Share of the training labels that was used.
    pub fraction: f64,
    /// Passes over the labelled pictures.
    pub epochs: usize,
    /// Optimiser steps.
    pub steps: usize,
    /// Pictures a step.
    pub batch_size: usize,
    /// The learning rate at the beginning.
    pub lr: f64,
    /// The seed.
    pub seed: u64,
    /// Mean cross-entropy of each epoch.
    pub loss: Vec<f64>,
    /// On what it was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Crops and flips only: what a network that is already good is spoiled least by.
const LIGHT: Recipe = Recipe { framing: SIMCLR.framing, flip: 0.5, ..EVALUATION };

impl FinetuneConfig {
    fn validate(&self) -> Result<()> {
        let check =
            |fits: bool, what: String, help| if fits { Ok(()) } else { Err(Error::config(what, help)) };
        check(
            self.fraction > 0.0 && self.fraction <= 1.0,
            format!("the fraction of labels is {}, which is not above 0 and at most 1", self.fraction),
            "0.01, 0.1 and 1 are usual",
        )?;
        check(self.epochs > 0, "fine-tuning for 0 epochs would learn nothing".into(), "20 epochs are usual")?;
        check(
            self.batch_size > 1,
            format!("batch norm cannot train on batches of {}", self.batch_size),
            "give at least 2 with --batch-size",
        )?;
        check(
            self.lr.is_finite() && self.lr > 0.0,
            format!("the learning rate is {}, which is not a positive number", self.lr),
            "0.02 is usual",
        )
    }
}

/// Trains a copy of the backbone and a new linear layer on labelled pictures, and measures it once, at the
/// end. Returns the result and the network. `progress` is told the epoch, from 1, and its mean loss.
///
/// # Errors
/// Settings that cannot be used, data that cannot be read, and a loss that is not finite.
pub fn finetune(
    backbone: &ResNet,
    split: &Split,
    config: &FinetuneConfig,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<(FinetuneResult, Classifier)> {
    config.validate()?;
    let mut training = Training::new(backbone, split, config)?;
    let mut loss = Vec::with_capacity(config.epochs);
    for epoch in 0..config.epochs {
        loss.push(training.epoch(epoch)?);
        progress(epoch + 1, loss[epoch]);
    }
    let network = training.network.valid();
    let (outcome, skipped) = test(&network, &split.test, config)?;
    let result = FinetuneResult {
        protocol: "finetune",
        top1: outcome.top1,
        top5: outcome.top5,
        fraction: config.fraction,
        epochs: config.epochs,
        steps: config.epochs * training.steps,
        batch_size: training.batch_size,
        lr: config.lr,
        seed: config.seed,
        loss,
        measured: Measured {
            classes: split.classes.len(),
            train_images: training.labelled.instances.len() - training.skipped,
            test_images: outcome.predictions.len(),
            skipped: training.skipped + skipped,
            split: split.how.clone(),
        },
    };
    Ok((result, network))
}

struct Training<'a> {
    config: &'a FinetuneConfig,
    random: Random,
    labelled: LabelledSet,
    pipeline: Pipeline,
    batch_size: usize,
    /// Steps an epoch.
    steps: usize,
    network: Classifier,
    /// With gradients.
    device: Device,
    optimizer: Optimizer,
    schedule: Schedule,
    /// Pictures of the last epoch that could not be used.
    skipped: usize,
}

impl<'a> Training<'a> {
    fn new(backbone: &ResNet, split: &Split, config: &'a FinetuneConfig) -> Result<Self> {
        let random = Random::new(config.seed).named("finetune");
        let labelled = split.train.fraction(config.fraction, &random.named("labels"));
        let batch_size = config.batch_size.min(labelled.instances.len());
        let steps = labelled.instances.len() / batch_size;
        // The detour over `valid` gives the copy's batch norms running statistics of their own.
        let backbone = backbone.valid().set_require_grad(true).train();
        let device = backbone.devices().first().cloned().unwrap_or_default().inner().autodiff();
        let settings = OptimizerConfig {
            lr: config.lr,
            nesterov: true,
            weight_decay: 0.0,
            ..OptimizerConfig::default()
        };
        let schedule = ScheduleConfig { epochs: config.epochs, ..ScheduleConfig::default() };
        Ok(Self {
            config,
            labelled,
            pipeline: Pipeline::new(LIGHT, config.image_size, 1)?,
            batch_size,
            steps,
            network: Classifier::on(backbone, split.classes.len(), &random, &device),
            device,
            optimizer: settings.init(),
            schedule: schedule.init(config.lr, steps)?,
            random,
            skipped: 0,
        })
    }

    /// One pass over the labelled pictures; returns the mean loss.
    fn epoch(&mut self, epoch: usize) -> Result<f64> {
        let address = |purpose: &str| self.random.named(purpose).at(epoch as u64);
        let instances = &self.labelled.instances;
        let order = address("order").permutation(instances.len());
        let order = order.iter().take(self.steps * self.batch_size).map(|&place| instances[place]).collect();
        let (dataset, pipeline) = (self.labelled.dataset.clone(), self.pipeline);
        let workers = self.config.workers;
        let mut batches =
            ordered_batches(dataset, order, pipeline, self.batch_size, workers, address("views"))?;
        let mut losses = Vec::with_capacity(self.steps);
        for (step, views) in (&mut batches).enumerate() {
            let lr = self.schedule.lr(epoch * self.steps + step);
            let loss = self.step(&views?, lr)?;
            if !loss.is_finite() {
                return Err(Error::diverged(
                    format!("the loss of fine-tuning is {loss} in epoch {}", epoch + 1),
                    "choose a smaller --lr",
                ));
            }
            losses.push(loss);
        }
        self.skipped = batches.bad_files().len();
        Ok(losses.iter().sum::<f64>() / losses.len() as f64)
    }

    fn step(&mut self, views: &Views, lr: f64) -> Result<f64> {
        let labels = views.instances.iter().filter_map(|&instance| self.labelled.label(instance));
        let labels: Vec<usize> = labels.collect();
        let scores = self.network.forward(views.tensor(0, &self.device), &Mode::train());
        let loss = classification(scores, &labels).loss;
        let mut gradients: HashMap<_, _> = self.network.gradients(&mut loss.backward()).into_iter().collect();
        self.network.update(&mut |name, value| {
            // Nothing decays, so that no parameter is treated differently.
            Some(self.optimizer.update(name, value, gradients.remove(name)?, lr, false))
        });
        Ok(f64::from(host(loss)?[0]))
    }
}

/// How the network classifies the test pictures, and how many of them could not be used.
fn test(network: &Classifier, set: &LabelledSet, config: &FinetuneConfig) -> Result<(Outcome, usize)> {
    let scores = Extraction {
        pipeline: Pipeline::new(EVALUATION, config.image_size, 1)?,
        device: network.devices().first().cloned().unwrap_or_default(),
        workers: config.workers,
        represent: &|images| network.forward(images, &Mode::Evaluate),
        progress: &|_| (),
    };
    let scores = scores.features(set)?;
    let outcome = Outcome::of_scores(&host(scores.labelled.features)?, &scores.labelled.labels);
    Ok((outcome, scores.bad_files.len()))
}

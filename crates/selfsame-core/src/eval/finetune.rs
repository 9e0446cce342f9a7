//! The whole network trained on with labels (SimCLR, arXiv 2002.05709, appendix B.5).

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::Tensor;
use serde::Serialize;

use super::{LabelledSet, Measured, Split};
use crate::collective::Single;
use crate::data::{BadFile, Batch, Instances, Render, ordered_batches};
use crate::host;
use crate::method::Step;
use crate::nn::Parameters;
use crate::optimizer::{Optimizer, OptimizerConfig, OptimizerName};
use crate::probe::Outcome;
use crate::schedule::ScheduleConfig;
use crate::{Error, Random, Result};

/// How to fine-tune: a cosine schedule, without weight decay, on random crops and flips.
#[derive(Clone, Debug, PartialEq)]
pub struct FinetuneConfig {
    /// Share of the training labels that is used, in `(0, 1]`, of every class alike.
    pub fraction: f64,
    /// Passes over the labelled instances.
    pub epochs: usize,
    /// Instances a step; at most all of them.
    pub batch_size: usize,
    /// What descends; SGD does with Nesterov momentum.
    pub optimizer: OptimizerName,
    /// The learning rate at the beginning.
    pub lr: f64,
    /// Side of the views in pixels.
    pub image_size: usize,
    /// Threads that read files.
    pub workers: usize,
    /// The seed of every random choice.
    pub seed: u64,
}

/// The result of [`finetune`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FinetuneResult {
    /// `finetune`.
    pub protocol: &'static str,
    /// Share of the test instances whose class came first.
    pub top1: f64,
    /// Share of the test instances whose class was among the first five.
    pub top5: f64,
    /// Share of the training labels that was used.
    pub fraction: f64,
    /// Passes over the labelled instances.
    pub epochs: usize,
    /// Optimiser steps of the fine-tuning; `steps` stands for those of the checkpoint beside every result.
    #[serde(rename = "finetune_steps")]
    pub steps: usize,
    /// Instances a step.
    pub batch_size: usize,
    /// What descended.
    pub optimizer: OptimizerName,
    /// The learning rate at the beginning.
    pub lr: f64,
    /// The seed.
    pub seed: u64,
    /// Mean loss of each epoch.
    pub loss: Vec<f64>,
    /// On what it was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// A network that is trained on with labels.
pub trait Finetuned {
    /// What makes its views.
    type Render: Render;

    /// What makes the views that are learned from.
    ///
    /// # Errors
    /// Settings that cannot be used.
    fn render(&self, set: &LabelledSet<<Self::Render as Render>::Data>) -> Result<Self::Render>;

    /// The loss of a batch, whose instances have these labels, `[1]`.
    ///
    /// # Errors
    /// When the batch cannot be used.
    fn loss(
        &mut self,
        views: &<Self::Render as Render>::Batch,
        labels: &[usize],
        step: &Step,
    ) -> Result<Tensor<1>>;

    /// What is trained.
    fn network(&mut self) -> &mut dyn Parameters;

    /// How it classifies a set, and the files that could not be used.
    ///
    /// # Errors
    /// When no file can be used.
    fn classify(&self, set: &LabelledSet<<Self::Render as Render>::Data>) -> Result<(Outcome, Vec<BadFile>)>;
}

impl FinetuneConfig {
    /// # Errors
    /// Values that cannot be used.
    pub fn validate(&self) -> Result<()> {
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
            "0.02 is usual for SGD, 0.001 for Adam",
        )
    }

    /// The root of the randomness of fine-tuning.
    pub fn random(&self) -> Random {
        Random::new(self.seed).named("finetune")
    }
}

/// Trains a network on labelled instances, and measures it once, at the end. `progress` is told the epoch, from 1, and its mean loss.
///
/// # Errors
/// Settings that cannot be used, data that cannot be read, and a loss that is not finite.
pub fn finetune<N: Finetuned>(
    network: &mut N,
    split: &Split<<N::Render as Render>::Data>,
    config: &FinetuneConfig,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<FinetuneResult> {
    config.validate()?;
    let random = config.random();
    let labelled = split.train.fraction(config.fraction, &random.named("labels"));
    let batch_size = config.batch_size.min(labelled.instances.len());
    let steps = labelled.instances.len() / batch_size.max(1);
    let schedule = ScheduleConfig { epochs: config.epochs, ..ScheduleConfig::default() };
    let schedule = schedule.init(config.lr, steps)?;
    let settings = OptimizerConfig {
        name: config.optimizer,
        lr: config.lr,
        nesterov: config.optimizer == OptimizerName::Sgd,
        weight_decay: 0.0,
        ..OptimizerConfig::default()
    };
    let mut optimizer = settings.init();
    let (mut loss, mut bad_files) = (Vec::with_capacity(config.epochs), Vec::new());
    for epoch in 0..config.epochs {
        let address = |purpose: &str| random.named(purpose).at(epoch as u64);
        let order = address("order").permutation(labelled.instances.len());
        let order = order.iter().take(steps * batch_size).map(|&place| labelled.instances[place]).collect();
        let render = network.render(&labelled)?;
        let mut batches = ordered_batches(render, order, batch_size, config.workers, address("views"))?;
        let mut losses = Vec::with_capacity(steps);
        for (number, views) in (&mut batches).enumerate() {
            let index = epoch * steps + number;
            let step = Step {
                index,
                total: config.epochs * steps,
                epoch,
                random: random.named("step").at(index as u64),
                collective: Arc::new(Single),
                sync_batch_norm: false,
            };
            losses.push(descend(network, &labelled, &views?, &step, &mut optimizer, schedule.lr(index))?);
        }
        bad_files = batches.bad_files();
        loss.push(losses.iter().sum::<f64>() / losses.len() as f64);
        progress(epoch + 1, loss[epoch]);
    }
    let (outcome, untested) = network.classify(&split.test)?;
    Ok(FinetuneResult {
        protocol: "finetune",
        top1: outcome.top1,
        top5: outcome.top5,
        fraction: config.fraction,
        epochs: config.epochs,
        steps: config.epochs * steps,
        batch_size,
        optimizer: config.optimizer,
        lr: config.lr,
        seed: config.seed,
        loss,
        measured: Measured {
            classes: split.classes.len(),
            instances: <N::Render as Render>::Data::FIELD,
            train: labelled.instances.len() - bad_files.len(),
            test: outcome.predictions.len(),
            skipped: bad_files.len() + untested.len(),
            split: split.how.clone(),
        },
    })
}

/// One step; returns its loss.
fn descend<N: Finetuned>(
    network: &mut N,
    labelled: &LabelledSet<<N::Render as Render>::Data>,
    views: &<N::Render as Render>::Batch,
    step: &Step,
    optimizer: &mut Optimizer,
    lr: f64,
) -> Result<f64> {
    let labels: Vec<usize> =
        views.instances().iter().filter_map(|&instance| labelled.label(instance)).collect();
    let loss = network.loss(views, &labels, step)?;
    let network = network.network();
    let mut gradients: HashMap<_, _> = network.gradients(&mut loss.backward()).into_iter().collect();
    network.update(&mut |name, value| {
        // Nothing decays, so that no parameter is treated differently.
        Some(optimizer.update(name, value, gradients.remove(name)?, lr, false))
    });
    let loss = host::scalar(loss)?;
    if loss.is_finite() {
        return Ok(loss);
    }
    Err(Error::diverged(
        format!("the loss of fine-tuning is {loss} in epoch {}", step.epoch + 1),
        "choose a smaller --lr",
    ))
}

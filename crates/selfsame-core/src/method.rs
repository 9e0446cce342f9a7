//! What a paper has to say to be trained: the [`Method`] trait.
//!
//! A paper is one file that implements it. The loop in [`crate::train`] calls [`Method::objective`], descends the
//! loss, calls [`Method::after_step`], and saves what [`Method::state`] names. It knows nothing else.

use std::sync::Arc;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::collective::Collective;
use crate::nn::{Mode, Parameters};
use crate::{Error, Random, Result};

/// Where in the training a step is, and with whom it is taken.
#[derive(Clone, Debug)]
pub struct Step {
    /// Optimiser steps before this one.
    pub index: usize,
    /// Optimiser steps of the whole training.
    pub total: usize,
    /// Epochs before this one.
    pub epoch: usize,
    /// Randomness of this step; the same on every rank.
    pub random: Random,
    /// The ranks that train together.
    pub collective: Arc<dyn Collective>,
    /// Whether batch norm takes its statistics over all ranks.
    pub sync_batch_norm: bool,
}

impl Step {
    /// The mode of the trained modules in this step.
    pub fn mode(&self) -> Mode {
        let shared = self.sync_batch_norm && self.collective.size() > 1;
        Mode::Train { ranks: shared.then(|| self.collective.clone() as Arc<dyn selfsame_kernels::AllReduce>) }
    }
}

/// What a method computes from one batch.
#[derive(Debug)]
pub struct Objective {
    /// The loss of the *whole* batch over all ranks, `[1]`. The gradients of the ranks are summed, see
    /// [`crate::collective`]. Outside autodiff where there is nothing to learn in this batch: then it moves no parameter.
    pub loss: Tensor<1>,
    /// Named terms for the log, `[1]` each and of the whole batch, as the loss. They may carry gradients.
    pub terms: Vec<(&'static str, Tensor<1>)>,
    /// The backbone's representations of two views of this rank's instances, `[batch, features]` each, for the monitors;
    /// without gradients.
    pub representations: [Tensor<2>; 2],
}

/// A method of learning representations from views of one kind of data.
pub trait Method: Send {
    /// A batch of instances, each as its views.
    type Views;

    /// The forward pass and the loss.
    ///
    /// # Errors
    /// When the batch cannot be used, or other ranks cannot be reached.
    fn objective(&mut self, views: &Self::Views, step: &Step) -> Result<Objective>;

    /// What the optimiser moves.
    fn trained(&mut self) -> &mut dyn Parameters;

    /// Whether the learning rate of a parameter follows the schedule; if not, it stays at the base learning rate.
    fn follows_schedule(&self, _name: &str) -> bool {
        true
    }

    /// What happens after the optimiser has moved: a queue is filled, a target encoder follows.
    ///
    /// # Errors
    /// When other ranks cannot be reached.
    fn after_step(&mut self, _step: &Step) -> Result<()> {
        Ok(())
    }

    /// What belongs into a checkpoint, by name. The trained modules are `model`; a target encoder or a queue come beside them.
    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)>;
}

/// Where a representation is read (SimCLR section 4.2 compares them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The backbone's pooled output: the representation.
    #[default]
    Backbone,
    /// The projector's output: what the objective sees.
    Projector,
}

/// Checks the setting `method.temperature`, which several methods have.
///
/// # Errors
/// A temperature that is not positive.
pub fn check_temperature(temperature: f64) -> Result<()> {
    if temperature > 0.0 && temperature.is_finite() {
        return Ok(());
    }
    Err(Error::config(
        format!("method.temperature is {temperature}"),
        "it divides the cosines and must be positive: 0.1 to 0.5 is usual",
    ))
}

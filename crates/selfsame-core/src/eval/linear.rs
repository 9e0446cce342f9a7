//! A linear classifier on frozen representations.

use serde::Serialize;

use super::{Frozen, Measured};
use crate::probe::{self, LinearConfig};
use crate::{Random, Result};

/// The result of [`linear`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinearResult {
    /// `linear`.
    pub protocol: &'static str,
    /// Share of the test instances whose class came first.
    pub top1: f64,
    /// Share of the test instances whose class was among the first five.
    pub top5: f64,
    /// The learning rate that was chosen.
    pub lr: f64,
    /// Every learning rate and its top-1 share on the tenth of the training instances that chose it.
    pub held_out: Vec<(f64, f64)>,
    /// Passes over the training instances.
    pub epochs: usize,
    /// Instances a step.
    pub batch_size: usize,
    /// Whether the features were standardised.
    pub standardised: bool,
    /// On what it was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// Trains a linear classifier on the representations by SGD; the learning rate is chosen on a tenth of the
/// training instances, the test instances have no say.
///
/// # Errors
/// Settings that cannot be used, and representations that are not finite.
pub fn linear(frozen: &Frozen, config: &LinearConfig, random: &Random) -> Result<LinearResult> {
    let outcome = probe::linear(&frozen.train.labelled, &frozen.test.labelled, config, random)?;
    Ok(LinearResult {
        protocol: "linear",
        top1: outcome.test.top1,
        top5: outcome.test.top5,
        lr: outcome.lr,
        held_out: outcome.held_out,
        epochs: config.epochs,
        batch_size: config.batch_size,
        standardised: config.standardise,
        measured: frozen.measured.clone(),
    })
}

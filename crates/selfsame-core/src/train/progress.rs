//! Where a training stands.

use serde::{Deserialize, Serialize};

/// Where a training stands, and what it has seen so far. It is part of every checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Whole epochs done.
    pub epoch: usize,
    /// Optimiser steps done in the epoch that is not whole yet.
    pub step_in_epoch: usize,
    /// Optimiser steps done in all.
    pub step: usize,
    /// Sum of the losses of this epoch's steps.
    pub loss_sum: f64,
    /// What the untrained network was worth.
    pub measured_before: Option<f64>,
    /// What the network was worth when last measured.
    pub measured_last: Option<f64>,
    /// The best so far.
    pub best: Option<Best>,
    /// How many measurements in a row have not been the best.
    #[serde(default)]
    pub without_rise: usize,
    /// How many measures in a row have shown a collapse.
    pub collapsed_in_a_row: usize,
}

/// The best epoch so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// After this many epochs.
    pub epoch: usize,
    /// What was measured, where it is, else the negative mean loss: higher is better.
    pub value: f64,
}

impl Progress {
    /// One more optimiser step is done.
    pub fn advance(&mut self, loss: f64) {
        self.step += 1;
        self.step_in_epoch += 1;
        self.loss_sum += loss;
    }

    /// The epoch is whole; returns its mean loss.
    pub fn finish_epoch(&mut self) -> f64 {
        let mean = self.loss_sum / self.step_in_epoch.max(1) as f64;
        self.epoch += 1;
        self.step_in_epoch = 0;
        self.loss_sum = 0.0;
        mean
    }

    /// Takes note of a measurement; whether the epoch is the best so far. The mean loss decides until there is a
    /// measurement, and never again after the first one: the two do not compare.
    pub fn measured(&mut self, measured: Option<f64>, mean_loss: f64) -> bool {
        let is_first = self.measured_last.is_none();
        self.measured_last = measured.or(self.measured_last);
        self.without_rise += usize::from(measured.is_some());
        let better = |value: f64, best: Option<Best>| best.is_none_or(|best| value > best.value);
        let value = match measured {
            Some(value) if is_first || better(value, self.best) => value,
            None if is_first && better(-mean_loss, self.best) => -mean_loss,
            _ => return false,
        };
        self.best = Some(Best { epoch: self.epoch, value });
        self.without_rise = 0;
        true
    }

    /// Whether so many measurements in a row have not been the best; never for a patience of 0.
    pub(super) fn is_exhausted(&self, patience: usize) -> bool {
        patience > 0 && self.without_rise >= patience
    }
}

//! The settings of an optimiser.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Optimizer, Rule, adam::Adam, lars::Lars, sgd::Sgd};
use crate::{Error, Result};

/// Which optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam (Kingma and Ba 2015) with weight decay as an L2 penalty in the gradient.
    Adam,
    /// AdamW (Loshchilov and Hutter 2019): Adam with decoupled weight decay.
    AdamW,
    /// Layer-wise adaptive rate scaling (You et al. 2017) as SimCLR uses it.
    Lars,
}

/// How the learning rate follows the size of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LrScaling {
    /// Not at all.
    None,
    /// `lr × N / 256` (Goyal et al. 2017).
    Linear,
    /// `lr × √N` (SimCLR, appendix B.1).
    Sqrt,
}

impl fmt::Display for LrScaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Linear => "linear",
            Self::Sqrt => "sqrt",
        })
    }
}

/// The settings of an optimiser, section `optimizer` of a configuration. Settings that the named optimiser does
/// not have are ignored by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// `sgd` (default), `adam`, `adamw` or `lars`.
    pub name: OptimizerName,
    /// The base learning rate, which the schedule scales; any positive number or 0. Default 0.03.
    pub lr: f64,
    /// How `lr` follows the size N of the whole batch. Default none.
    pub lr_scaling: LrScaling,
    /// SGD, LARS: the share of the last update that is kept, in `[0, 1)`. Default 0.9.
    pub momentum: f64,
    /// SGD: look ahead along the momentum (Sutskever et al. 2013). Default false.
    pub nesterov: bool,
    /// Weight decay, for all parameters but biases and batch norm's. Default 1e-4.
    pub weight_decay: f64,
    /// Adam, AdamW: decay of the mean of the gradients, in `[0, 1)`. Default 0.9.
    pub beta_1: f64,
    /// Adam, AdamW: decay of the mean of their squares, in `[0, 1)`. Default 0.999.
    pub beta_2: f64,
    /// Adam, AdamW: added to the denominator. Default 1e-8.
    pub epsilon: f64,
    /// LARS: the trust coefficient η, positive. Default 1e-3.
    pub trust: f64,
    /// The largest norm of the whole gradient, which is scaled down to it; 0 (default) for no limit.
    pub clip: f64,
    /// Batches whose gradients are averaged into one step, at least 1. Default 1. Negatives and batch statistics stay those of each batch.
    pub accumulate: usize,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            name: OptimizerName::Sgd,
            lr: 0.03,
            lr_scaling: LrScaling::None,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 1e-4,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            trust: 1e-3,
            clip: 0.0,
            accumulate: 1,
        }
    }
}

impl OptimizerConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] that names the setting (`optimizer.lr` …), its value and its range.
    pub fn validate(&self) -> Result<()> {
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let share = |value: f64| (0.0..1.0).contains(&value);
        let check = |name: &str, value: f64, fits: bool, range: &str| {
            if fits {
                return Ok(());
            }
            Err(Error::config(
                format!("optimizer.{name} is {value}, which is not {range}"),
                format!("set it with --set optimizer.{name}=VALUE"),
            ))
        };
        check("lr", self.lr, not_negative(self.lr), "a number from 0 on")?;
        check("momentum", self.momentum, share(self.momentum), "in [0, 1)")?;
        check("weight_decay", self.weight_decay, not_negative(self.weight_decay), "a number from 0 on")?;
        check("beta_1", self.beta_1, share(self.beta_1), "in [0, 1)")?;
        check("beta_2", self.beta_2, share(self.beta_2), "in [0, 1)")?;
        check("epsilon", self.epsilon, not_negative(self.epsilon), "a number from 0 on")?;
        check("trust", self.trust, not_negative(self.trust) && self.trust > 0.0, "a positive number")?;
        check("clip", self.clip, not_negative(self.clip), "a number from 0 on")?;
        check("accumulate", self.accumulate as f64, self.accumulate > 0, "at least 1")?;
        if self.nesterov && (self.name != OptimizerName::Sgd || self.momentum == 0.0) {
            return Err(Error::config(
                "optimizer.nesterov needs optimizer.name = \"sgd\" and a momentum above 0",
                "switch it off with --set optimizer.nesterov=false",
            ));
        }
        Ok(())
    }

    /// The learning rate of the schedule's top for a whole batch of `batch` instances.
    pub fn scaled_lr(&self, batch: usize) -> f64 {
        match self.lr_scaling {
            LrScaling::None => self.lr,
            LrScaling::Linear => self.lr * batch as f64 / 256.0,
            LrScaling::Sqrt => self.lr * (batch as f64).sqrt(),
        }
    }

    /// The optimiser, without any state yet.
    pub fn init(&self) -> Optimizer {
        Optimizer(match self.name {
            OptimizerName::Sgd => Rule::Sgd(Sgd::new(self)),
            OptimizerName::Adam => Rule::Adam(Adam::new(self, false)),
            OptimizerName::AdamW => Rule::Adam(Adam::new(self, true)),
            OptimizerName::Lars => Rule::Lars(Lars::new(self)),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_and_large_learning_rates_are_valid() {
        assert!(OptimizerConfig::default().validate().is_ok());
        assert!(OptimizerConfig { lr: 4.8, ..Default::default() }.validate().is_ok());
    }

    #[test]
    fn the_learning_rate_follows_the_batch() {
        let config = |lr_scaling| OptimizerConfig { lr: 0.3, lr_scaling, ..Default::default() };
        assert_eq!(config(LrScaling::None).scaled_lr(4096), 0.3);
        // SimCLR's rules at its batch: 0.3 x 4096 / 256 = 4.8 and 0.075 x 64 = 4.8.
        assert!((config(LrScaling::Linear).scaled_lr(4096) - 4.8).abs() < 1e-12);
        let sqrt = OptimizerConfig { lr: 0.075, ..config(LrScaling::Sqrt) };
        assert!((sqrt.scaled_lr(4096) - 4.8).abs() < 1e-12);
    }

    #[test]
    fn an_error_names_the_setting_and_the_value() {
        let default = OptimizerConfig::default;
        let broken = [
            ("optimizer.lr is -0.1", OptimizerConfig { lr: -0.1, ..default() }),
            ("optimizer.lr is NaN", OptimizerConfig { lr: f64::NAN, ..default() }),
            ("optimizer.momentum is 1", OptimizerConfig { momentum: 1.0, ..default() }),
            ("optimizer.weight_decay is -1", OptimizerConfig { weight_decay: -1.0, ..default() }),
            ("optimizer.beta_2 is 1.5", OptimizerConfig { beta_2: 1.5, ..default() }),
            ("optimizer.epsilon is inf", OptimizerConfig { epsilon: f64::INFINITY, ..default() }),
            ("optimizer.trust is 0", OptimizerConfig { trust: 0.0, ..default() }),
            ("optimizer.clip is -1", OptimizerConfig { clip: -1.0, ..default() }),
            ("optimizer.accumulate is 0", OptimizerConfig { accumulate: 0, ..default() }),
            ("optimizer.nesterov", OptimizerConfig { nesterov: true, momentum: 0.0, ..default() }),
        ];
        for (message, config) in broken {
            let error = config.validate().unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }

    #[test]
    fn names_are_lower_case_in_files() {
        let config: OptimizerConfig = toml::from_str("name = \"adamw\"\nlr = 3e-3").unwrap();
        assert_eq!(config, OptimizerConfig { name: OptimizerName::AdamW, lr: 3e-3, ..Default::default() });
        assert!(toml::from_str::<OptimizerConfig>("learning_rate = 1").is_err());
    }
}

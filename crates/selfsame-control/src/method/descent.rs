//! Gradient descent by one loss: what an agent has one or several of.

use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::{Optimizer, OptimizerConfig, OptimizerName, clip_by_global_norm};
use selfsame_core::settings::Resolved;
use selfsame_core::tensor::Tensor;
use selfsame_core::{Error, Result, host};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Section `[optimizer]`: Adam, without weight decay.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescentConfig {
    /// The learning rate.
    pub lr: f64,
    /// Decay of the mean of the gradients.
    pub beta_1: f64,
    /// Decay of the mean of their squares.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// The largest norm of a gradient, 0 for no limit.
    pub clip: f64,
}

impl DescentConfig {
    /// The section of these settings.
    ///
    /// # Errors
    /// Values that Adam cannot have.
    pub fn of(settings: &Resolved) -> Result<Self> {
        let config: Self = settings.section("optimizer")?;
        config.optimizer().validate()?;
        Ok(config)
    }

    fn optimizer(&self) -> OptimizerConfig {
        OptimizerConfig {
            name: OptimizerName::Adam,
            lr: self.lr,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            clip: self.clip,
            weight_decay: 0.0,
            ..OptimizerConfig::default()
        }
    }
}

/// An optimiser of its own for one loss.
#[derive(Debug)]
pub struct Descent {
    /// Its state belongs into a checkpoint.
    pub optimizer: Optimizer,
    lr: f64,
    clip: f64,
}

impl Descent {
    /// Before the first step.
    pub fn new(config: &DescentConfig) -> Self {
        Self { optimizer: config.optimizer().init(), lr: config.lr, clip: config.clip }
    }

    /// Moves the parameters of these modules, each with its name, that `loss` `[1]` depends on. Returns the norm of the gradient before it was clipped; 0
    /// where nothing is clipped.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss is not finite: nothing has moved then.
    pub fn step(
        &mut self,
        loss: &Tensor<1>,
        modules: &mut [(&'static str, &mut dyn Parameters)],
    ) -> Result<f64> {
        let value = host::scalar(loss.clone().without_autodiff())?;
        if !value.is_finite() {
            return Err(Error::diverged(
                format!("the loss is {value}"),
                "the last good checkpoint is kept; train anew with a lower optimizer.lr, or clip the gradient with optimizer.clip = 10",
            ));
        }
        let mut all = loss.backward();
        let (mut names, mut gradients) = (Vec::new(), Vec::new());
        for (module, parameters) in modules.iter() {
            for (name, gradient) in parameters.gradients(&mut all) {
                names.push(format!("{module}.{name}"));
                gradients.push(gradient);
            }
        }
        let norm = if self.clip > 0.0 { clip_by_global_norm(&mut gradients, self.clip)? } else { 0.0 };
        let mut gradients: HashMap<String, Tensor<1>> = names.into_iter().zip(gradients).collect();
        for (module, parameters) in modules {
            parameters.update(&mut |name, value| {
                let name = format!("{module}.{name}");
                let gradient = gradients.remove(&name)?;
                Some(self.optimizer.update(&name, value, gradient, self.lr, true))
            });
        }
        Ok(norm)
    }
}

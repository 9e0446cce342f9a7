//! Adam and AdamW.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use selfsame_kernels::{AdamStep, adam_step};

use super::OptimizerConfig;
use super::state::{self, ByParameter};
use crate::{Error, Result};

const KINDS: [&str; 3] = ["first_moment", "second_moment", "step"];

/// Adam with bias correction (Kingma and Ba 2015, Algorithm 1) as PyTorch defines it; weight decay is an L2
/// penalty, or decoupled from the gradient (Loshchilov and Hutter 2019, Algorithm 2): `w ← w − lr·λ·w` first.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    weight_decay: f64,
    decoupled: bool,
    moments: BTreeMap<String, Moments>,
}

#[derive(Clone, Debug)]
struct Moments {
    first: Tensor<1>,
    second: Tensor<1>,
    step: u32,
}

impl Adam {
    pub(super) fn new(config: &OptimizerConfig, decoupled: bool) -> Self {
        Self {
            beta_1: config.beta_1,
            beta_2: config.beta_2,
            epsilon: config.epsilon,
            weight_decay: config.weight_decay,
            decoupled,
            moments: BTreeMap::new(),
        }
    }

    pub(super) fn update(
        &mut self,
        name: &str,
        parameter: Tensor<1>,
        gradient: Tensor<1>,
        lr: f64,
        adapted: bool,
    ) -> Tensor<1> {
        let Moments { first, second, step } = self.moments.remove(name).unwrap_or_else(|| Moments {
            first: gradient.zeros_like(),
            second: gradient.zeros_like(),
            step: 0,
        });
        let count = step.saturating_add(1);
        let step = AdamStep {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            weight_decay: if adapted { self.weight_decay } else { 0.0 },
            decoupled: self.decoupled,
            lr,
            count,
        };
        let (parameter, [first, second]) = adam_step(parameter, gradient, [first, second], step);
        self.moments.insert(name.to_owned(), Moments { first, second, step: count });
        parameter
    }

    pub(super) fn state(&self) -> Vec<(String, Tensor<1>)> {
        let [mut first, mut second, mut step]: [ByParameter; 3] = Default::default();
        for (name, moments) in &self.moments {
            first.insert(name.clone(), moments.first.clone());
            second.insert(name.clone(), moments.second.clone());
            // Exact up to 2²⁴ steps; the bias is gone long before.
            step.insert(name.clone(), Tensor::from_floats([moments.step as f32], &moments.first.device()));
        }
        KINDS
            .iter()
            .zip([first, second, step])
            .flat_map(|(kind, tensors)| state::named(kind, &tensors))
            .collect()
    }

    pub(super) fn load_state(&mut self, state: ByParameter) -> Result<()> {
        let [first, mut second, mut step] = state::split(KINDS, state)?;
        let mut moments = BTreeMap::new();
        for (name, first) in first {
            let (Some(second), Some(step)) = (second.remove(&name), step.remove(&name)) else {
                return Err(Error::Internal(format!("the moments of `{name}` were not checked")));
            };
            let step: f32 = step
                .try_into_scalar()
                .map_err(|error| Error::config(format!("`step.{name}` is no number: {error}"), BROKEN))?;
            moments.insert(name, Moments { first, second, step: step as u32 });
        }
        self.moments = moments;
        Ok(())
    }
}

const BROKEN: &str = "the checkpoint is damaged; resume from an earlier one";

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::optimizer::OptimizerName;
    use crate::optimizer::reference::{self, Walk};

    fn slow(config: &OptimizerConfig, adapted: bool) -> impl Fn(&Walk) -> Vec<f64> {
        let config = config.clone();
        let decoupled = config.name == OptimizerName::AdamW;
        move |walk| {
            let mut weights = walk.start.clone();
            let (mut m, mut v) = (vec![0.0; weights.len()], vec![0.0; weights.len()]);
            for (step, gradient) in walk.gradients.iter().enumerate() {
                let t = step as i32 + 1;
                for i in 0..weights.len() {
                    let decay = if adapted { config.weight_decay } else { 0.0 };
                    let g = gradient[i] + if decoupled { 0.0 } else { decay * weights[i] };
                    if decoupled {
                        weights[i] -= walk.lr * decay * weights[i];
                    }
                    m[i] = config.beta_1 * m[i] + (1.0 - config.beta_1) * g;
                    v[i] = config.beta_2 * v[i] + (1.0 - config.beta_2) * g * g;
                    let m_hat = m[i] / (1.0 - config.beta_1.powi(t));
                    let v_hat = v[i] / (1.0 - config.beta_2.powi(t));
                    weights[i] -= walk.lr * m_hat / (v_hat.sqrt() + config.epsilon);
                }
            }
            weights
        }
    }

    #[test]
    fn equals_the_formula() {
        for name in [OptimizerName::Adam, OptimizerName::AdamW] {
            for weight_decay in [0.0, 0.1] {
                let config =
                    OptimizerConfig { name, weight_decay, beta_1: 0.8, beta_2: 0.95, ..Default::default() };
                for adapted in [true, false] {
                    reference::compare(&config, adapted, slow(&config, adapted));
                }
            }
        }
    }
}

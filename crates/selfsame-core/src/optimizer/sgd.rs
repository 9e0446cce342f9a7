//! Stochastic gradient descent with momentum.

use burn::tensor::Tensor;
use selfsame_kernels::{MomentumStep, momentum_step, weighted_sum};

use super::OptimizerConfig;
use super::state::ByParameter;

/// SGD as PyTorch defines it: `g ← g + λw; b ← μb + g` (`b ← g` at the first step); `w ← w − lr·b`, or with
/// Nesterov's momentum `w ← w − lr·(g + μb)`.
#[derive(Clone, Debug)]
pub(super) struct Sgd {
    share: f64,
    nesterov: bool,
    weight_decay: f64,
    pub(super) momentum: ByParameter,
}

impl Sgd {
    pub(super) fn new(config: &OptimizerConfig) -> Self {
        Self {
            share: config.momentum,
            nesterov: config.nesterov,
            weight_decay: config.weight_decay,
            momentum: ByParameter::new(),
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
        let weight_decay = if adapted { self.weight_decay } else { 0.0 };
        if self.share == 0.0 {
            return weighted_sum(parameter, 1.0 - lr * weight_decay, gradient, -lr);
        }
        let momentum = self.momentum.remove(name).unwrap_or_else(|| gradient.zeros_like());
        let step = MomentumStep { weight_decay, momentum: self.share, nesterov: self.nesterov, lr };
        let (parameter, momentum) = momentum_step(parameter, gradient, momentum, None, step);
        self.momentum.insert(name.to_owned(), momentum);
        parameter
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::optimizer::reference::{self, Walk};

    fn slow(config: &OptimizerConfig, adapted: bool) -> impl Fn(&Walk) -> Vec<f64> {
        let config = config.clone();
        move |walk| {
            let mut weights = walk.start.clone();
            let mut momentum = vec![0.0; weights.len()];
            for (step, gradient) in walk.gradients.iter().enumerate() {
                for i in 0..weights.len() {
                    let g = gradient[i] + if adapted { config.weight_decay * weights[i] } else { 0.0 };
                    momentum[i] = if step == 0 { g } else { config.momentum * momentum[i] + g };
                    let d = if config.nesterov { g + config.momentum * momentum[i] } else { momentum[i] };
                    weights[i] -= walk.lr * d;
                }
            }
            weights
        }
    }

    #[test]
    fn equals_the_formula() {
        for (momentum, nesterov, weight_decay) in
            [(0.9, false, 1e-2), (0.9, true, 1e-2), (0.0, false, 0.0), (0.5, true, 0.0)]
        {
            let config = OptimizerConfig { momentum, nesterov, weight_decay, ..Default::default() };
            for adapted in [true, false] {
                reference::compare(&config, adapted, slow(&config, adapted));
            }
        }
    }
}

//! The target encoder: a momentum average of the online encoder (He et al. 2019, arXiv 1911.05722, eq. 2).

use burn::module::Module;
use selfsame_kernels::weighted_sum;

use crate::nn::{Parameters, is_statistic};

/// A copy of a module that follows it as θ' ← m·θ' + (1−m)·θ and never sees a gradient.
///
/// Cloned Burn modules share their parameters' ids. The copy therefore lives outside the gradient graph
/// (`Module::valid`): its tensors cannot receive gradients, and the optimiser is only ever given the online module.
#[derive(Clone, Debug)]
pub struct MomentumEncoder<M> {
    module: M,
}

impl<M: Module> MomentumEncoder<M> {
    /// Starts as a copy of `online`.
    pub fn new(online: &M) -> Self {
        Self { module: online.valid() }
    }

    /// The target module, on the device without gradients.
    pub fn module(&self) -> &M {
        &self.module
    }

    /// For checkpoints.
    pub fn module_mut(&mut self) -> &mut M {
        &mut self.module
    }

    /// Moves the parameters towards those of the same names in `online` by a share of `1 − momentum`; `online` may have more, such as a
    /// predictor. Running statistics of batch norm are the target's own, as in
    /// MoCo and BYOL, whose targets run in training mode.
    pub fn follow(&mut self, online: &impl Parameters, momentum: f64) {
        let online: std::collections::HashMap<_, _> =
            online.parameters().into_iter().map(|parameter| (parameter.name, parameter.value)).collect();
        self.module.update(&mut |name, target| {
            let online = online.get(name).filter(|_| !is_statistic(name))?;
            Some(weighted_sum(target, momentum, online.clone(), 1.0 - momentum))
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::golden::{assert_close, host};
    use crate::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, Mode};
    use crate::{Random, optimizer::OptimizerConfig};

    #[derive(Module, Debug)]
    struct Network {
        linear: Linear,
        norm: BatchNorm,
    }

    impl Network {
        fn new(device: &Device) -> Self {
            let linear = LinearConfig::new(3, 4).init(&Random::new(1), device);
            Self { linear, norm: BatchNormConfig::new(4).init(device) }
        }

        fn forward(&self, input: Tensor<2>) -> Tensor<2> {
            self.norm.forward(self.linear.forward(input), &Mode::train())
        }
    }

    fn input() -> Tensor<2> {
        Tensor::from_floats([[1.0, 2.0, -1.0], [0.5, -3.0, 0.0], [2.0, 0.1, 0.7]], &Device::default())
    }

    fn values(module: &impl Parameters, name: &str) -> Vec<f64> {
        let found = module.parameters().into_iter().find(|parameter| parameter.name == name);
        host(&found.unwrap().value)
    }

    #[test]
    fn follows_by_its_momentum() {
        let mut online = Network::new(&Device::default().autodiff());
        let mut target = MomentumEncoder::new(&online);
        let start = values(&online, "linear.weight");
        assert_eq!(values(target.module(), "linear.weight"), start);
        let mut expected = start;
        for (step, momentum) in [0.99, 0.5, 0.0, 1.0].into_iter().enumerate() {
            online.update(&mut |name, value| (!name.contains("running")).then(|| value * 2.0 - step as f64));
            target.follow(&online, momentum);
            let now = values(&online, "linear.weight");
            expected = expected.iter().zip(&now).map(|(t, o)| momentum * t + (1.0 - momentum) * o).collect();
            assert_close(&values(target.module(), "linear.weight"), &expected, 1e-6);
        }
    }

    #[test]
    fn statistics_are_its_own() {
        let online = Network::new(&Device::default().autodiff());
        let mut target = MomentumEncoder::new(&online);
        let copy = target.clone();
        online.forward(Tensor::from_inner(input()));
        assert_eq!(values(target.module(), "norm.running_mean"), [0.0; 4]);
        let online_mean = values(&online, "norm.running_mean");
        target.module().forward(input() * 3.0);
        let target_mean = values(target.module(), "norm.running_mean");
        target.follow(&online, 0.5);
        assert_eq!(values(target.module(), "norm.running_mean"), target_mean);
        assert_eq!(values(&online, "norm.running_mean"), online_mean);
        assert_eq!(values(copy.module(), "norm.running_mean"), [0.0; 4]);
    }

    #[test]
    fn never_sees_a_gradient() {
        let online = Network::new(&Device::default().autodiff());
        let target = MomentumEncoder::new(&online);
        let keys = target.module().forward(input());
        assert!(!keys.is_autodiff());
        let loss = (online.forward(Tensor::from_inner(input())) * keys * 2.0).sum();
        let mut gradients = loss.backward();
        // Asked first, the target takes nothing away from the online module, whose ids it shares.
        assert!(target.module().gradients(&mut gradients).is_empty());
        assert_eq!(online.gradients(&mut gradients).len(), 4);
    }

    #[test]
    fn the_optimiser_never_touches_it() {
        let mut online = Network::new(&Device::default().autodiff());
        let target = MomentumEncoder::new(&online);
        let before = values(target.module(), "linear.weight");
        let mut optimizer = OptimizerConfig { lr: 1.0, ..OptimizerConfig::default() }.init();
        for _ in 0..2 {
            let loss = online.forward(Tensor::from_inner(input())).powi_scalar(3).sum();
            let gradients = online.gradients(&mut loss.backward());
            online.update(&mut |name, value| {
                let (_, gradient) = gradients.iter().find(|(known, _)| known == name)?;
                Some(optimizer.update(name, value, gradient.clone(), 1.0, true))
            });
        }
        assert_ne!(values(&online, "linear.weight"), before);
        assert_eq!(values(target.module(), "linear.weight"), before);
        assert!(optimizer.state().iter().all(|(name, _)| !name.contains("running")));
    }

    #[test]
    fn a_target_follows_after_a_checkpoint_as_before() {
        let online = Network::new(&Device::default().autodiff());
        let mut target = MomentumEncoder::new(&online);
        target.module_mut().update(&mut |_, value| Some(value + 1.0));
        let mut loaded = MomentumEncoder::new(&Network::new(&Device::default().autodiff()));
        let saved = target.module().parameters();
        loaded
            .module_mut()
            .update(&mut |name, _| saved.iter().find(|p| p.name == name).map(|p| p.value.clone()));
        for target in [&mut target, &mut loaded] {
            target.follow(&online, 0.9);
        }
        for name in ["linear.weight", "linear.bias", "norm.weight", "norm.running_var"] {
            assert_eq!(values(target.module(), name), values(loaded.module(), name), "{name}");
        }
    }
}

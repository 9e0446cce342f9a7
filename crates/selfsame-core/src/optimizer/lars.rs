//! Layer-wise adaptive rate scaling.

use burn::tensor::Tensor;
use selfsame_kernels::{MomentumStep, momentum_step, squared_norm, weighted_sum};

use super::OptimizerConfig;
use super::state::ByParameter;

/// LARS (You et al. 2017, arXiv 1708.03888) as SimCLR uses it: `g ← g + λw`; trust ratio `r = η·|w| / |g|`, 1 when
/// either norm is 0; `b ← μb + lr·r·g`; `w ← w − b`. Biases and batch norm's parameters have neither λ nor r.
#[derive(Clone, Debug)]
pub(super) struct Lars {
    share: f64,
    weight_decay: f64,
    trust: f64,
    pub(super) momentum: ByParameter,
}

impl Lars {
    pub(super) fn new(config: &OptimizerConfig) -> Self {
        Self {
            share: config.momentum,
            weight_decay: config.weight_decay,
            trust: config.trust,
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
        let (gradient, rate) = if adapted {
            let gradient = weighted_sum(parameter.clone(), self.weight_decay, gradient, 1.0);
            let rate = self.trust_ratio(&parameter, &gradient) * lr;
            (gradient, rate)
        } else {
            let rate = Tensor::full([1], lr, &gradient.device());
            (gradient, rate)
        };
        let momentum = self.momentum.remove(name).unwrap_or_else(|| gradient.zeros_like());
        // The rate is in the momentum, which keeps that of its steps.
        let step = MomentumStep { weight_decay: 0.0, momentum: self.share, nesterov: false, lr: 1.0 };
        let (parameter, momentum) = momentum_step(parameter, gradient, momentum, Some(rate), step);
        self.momentum.insert(name.to_owned(), momentum);
        parameter
    }

    /// `[1]`: stays on the device, where reading two norms a parameter would cost more than the update.
    fn trust_ratio(&self, parameter: &Tensor<1>, gradient: &Tensor<1>) -> Tensor<1> {
        let parameter_norm = squared_norm(parameter.clone()).sqrt();
        let gradient_norm = squared_norm(gradient.clone()).sqrt();
        let either_is_zero = (parameter_norm.clone() * gradient_norm.clone()).equal_scalar(0.0);
        (parameter_norm * self.trust / gradient_norm).mask_fill(either_is_zero, 1.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{Golden, assert_close, host};
    use crate::optimizer::OptimizerName;

    fn config() -> OptimizerConfig {
        OptimizerConfig { name: OptimizerName::Lars, ..Default::default() }
    }

    #[test]
    fn golden() {
        let golden = Golden::read("lars");
        let mut optimizer = config().init();
        let mut weight = golden.tensor::<2>("weight").reshape([70]);
        let mut bias = golden.tensor::<1>("bias");
        let weight_gradients = golden.tensor::<3>("grad_weight").reshape([3, 70]);
        let bias_gradients = golden.tensor::<2>("grad_bias");
        for step in 0..3 {
            let gradient = |all: &Tensor<2>| all.clone().narrow(0, step, 1).squeeze_dim::<1>(0);
            weight = optimizer.update("fc.weight", weight, gradient(&weight_gradients), 0.3, true);
            bias = optimizer.update("fc.bias", bias, gradient(&bias_gradients), 0.3, false);
        }
        assert_close(&host(&weight), &golden.values("weight_after").0, 1e-5);
        assert_close(&host(&bias), &golden.values("bias_after").0, 1e-5);
    }

    #[test]
    fn the_trust_ratio_is_1_when_a_norm_is_0() {
        let device = Device::default();
        let zero = Tensor::<1>::zeros([3], &device);
        let one = Tensor::<1>::ones([3], &device);
        let moved = config().init().update("w", zero.clone(), one.clone(), 0.5, true);
        assert_close(&host(&moved), &[-0.5; 3], 1e-6);
        let no_decay = OptimizerConfig { weight_decay: 0.0, ..config() };
        let still = no_decay.init().update("w", one, zero, 0.5, true);
        assert_close(&host(&still), &[1.0; 3], 1e-6);
    }
}

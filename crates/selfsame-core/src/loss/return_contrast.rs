//! Telling from two state–action pairs whether their returns differ.

use burn::tensor::Tensor;

/// The objective of return-based contrastive learning (Liu et al. 2021, arXiv 2102.10960, section 3): E[(w(φ₁, φ₂) − y)²], where y is 0 for two pairs whose
/// returns agree and 1 for two whose returns differ. `agree` and `differ` are what w makes of as many pairs of either kind, `[rows]` each; returns `[1]`.
pub fn return_contrast(agree: Tensor<1>, differ: Tensor<1>) -> Tensor<1> {
    (agree.square().mean() + (differ - 1.0).square().mean()) / 2.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{assert_close, host};

    #[test]
    fn it_is_the_mean_squared_error_of_both_kinds() {
        let device = Device::default().autodiff();
        let agree = Tensor::<1>::from_floats([0.5, -1.0], &device).require_grad();
        let differ = Tensor::<1>::from_floats([0.25, 2.0], &device).require_grad();
        let loss = return_contrast(agree.clone(), differ.clone());
        assert_close(&host(&loss), &[(0.25 + 1.0 + 0.5625 + 1.0) / 4.0], 1e-6);
        let gradients = loss.backward();
        assert_close(&host(&agree.grad(&gradients).unwrap()), &[0.25, -0.5], 1e-6);
        assert_close(&host(&differ.grad(&gradients).unwrap()), &[-0.375, 0.5], 1e-6);
    }
}

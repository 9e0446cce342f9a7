//! Bayesian personalised ranking.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;

/// BPR (Rendle et al. 2009, arXiv 1205.2618, BPR-Opt): a user's score of an item of theirs is to be above that of another item. −ln σ(u·i − u·j),
/// the mean over the rows, `[1]`; all three are `[rows, dimension]`. Without rows it is 0.
pub fn bpr(users: Tensor<2>, positives: Tensor<2>, negatives: Tensor<2>) -> Tensor<1> {
    let rows = users.dims()[0].max(1);
    let above = (users * (positives - negatives)).sum_dim(1);
    log_sigmoid(above).sum() / -(rows as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{assert_close, host};

    #[test]
    fn it_is_its_definition_and_stays_finite() {
        let device = Device::default().autodiff();
        let users = Tensor::<2>::from_floats([[1.0, 2.0], [100.0, 0.0], [0.0, -3.0]], &device).require_grad();
        let positives = Tensor::from_floats([[0.5, 1.0], [-10.0, 1.0], [2.0, 0.1]], &device);
        let negatives = Tensor::from_floats([[1.0, 1.0], [10.0, 1.0], [5.0, 0.4]], &device);
        let loss = bpr(users.clone(), positives, negatives);
        let softplus = |x: f64| if x > 30.0 { x } else { x.exp().ln_1p() };
        let expected: f64 = [0.5, 2000.0, -0.9].map(softplus).iter().sum();
        assert_close(&host(&loss), &[expected / 3.0], 1e-6);
        assert!(host(&users.grad(&loss.backward()).unwrap()).iter().all(|value| value.is_finite()));
    }

    #[test]
    fn no_rows_give_zero() {
        let none = || Tensor::<2>::zeros([0, 4], &Device::default());
        assert_eq!(host(&bpr(none(), none(), none())), [0.0]);
    }
}

//! The objective of SimSiam.

use burn::tensor::Tensor;

use super::negative_cosine;

/// The symmetric loss of SimSiam (Chen and He 2020, arXiv 2011.10566, eq. 4): ½·D(p₀, z₁) + ½·D(p₁, z₀), D the mean of minus the cosine.
///
/// `predictions` and `targets` are those of view 0 and view 1, `[rows, dim]` each; row i of all comes from instance i. Targets are
/// constants. Returns `[1]`, in −1..1.
pub fn simsiam(predictions: [Tensor<2>; 2], targets: [Tensor<2>; 2]) -> Tensor<1> {
    let ([p0, p1], [z0, z1]) = (predictions, targets);
    (negative_cosine(p0, z1) + negative_cosine(p1, z0)) * 0.5
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::slow::{Rows, check, mean_cosine};
    use super::*;
    use crate::golden::{Golden, assert_close, host};

    #[test]
    fn golden() {
        let golden = Golden::read("simsiam");
        let predictions = ["p0", "p1"].map(|p| golden.tensor::<2>(p).autodiff().require_grad());
        let loss = simsiam(predictions.clone(), ["z0", "z1"].map(|z| golden.tensor::<2>(z)));
        assert_close(&host(&loss), &golden.values("loss").0, 1e-5);
        let gradients = loss.backward();
        for (prediction, expected) in predictions.iter().zip(["grad_p0", "grad_p1"]) {
            assert_close(&host(&prediction.grad(&gradients).unwrap()), &golden.values(expected).0, 1e-5);
        }
    }

    #[test]
    fn equals_equation_4_at_any_size() {
        let slow = |[p0, p1, z0, z1]: &[Rows; 4]| -0.5 * mean_cosine(p0, z1) - 0.5 * mean_cosine(p1, z0);
        for (rows, dim) in [(1, 2), (3, 1), (7, 5), (33, 19)] {
            check([rows, dim], 2, slow, |[p0, p1, z0, z1]| simsiam([p0, p1], [z0, z1]));
        }
    }
}

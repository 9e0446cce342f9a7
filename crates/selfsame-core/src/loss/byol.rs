//! The objective of BYOL.

use burn::tensor::Tensor;

use super::negative_cosine;

/// The symmetric regression loss of BYOL (Grill et al. 2020, arXiv 2006.07733, eq. 2 and 3): the prediction from each view is compared
/// with the target's projection of the other, 2 − 2·cos, the mean over the instances; the sum of both directions.
///
/// `predictions` and `targets` are those of view 0 and view 1, `[rows, dim]` each; row i of all comes from instance i. Targets are
/// constants. Returns `[1]`, in 0..8.
pub fn byol(predictions: [Tensor<2>; 2], targets: [Tensor<2>; 2]) -> Tensor<1> {
    let ([p0, p1], [z0, z1]) = (predictions, targets);
    (negative_cosine(p0, z1) + negative_cosine(p1, z0)) * 2.0 + 4.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::slow::{Rows, check, cosine};
    use super::*;
    use crate::golden::{Golden, assert_close, host};

    #[test]
    fn golden() {
        let golden = Golden::read("byol");
        let predictions = ["p0", "p1"].map(|p| golden.tensor::<2>(p).autodiff().require_grad());
        let loss = byol(predictions.clone(), ["z0", "z1"].map(|z| golden.tensor::<2>(z)));
        assert_close(&host(&loss), &golden.values("loss").0, 1e-5);
        let gradients = loss.backward();
        for (prediction, expected) in predictions.iter().zip(["grad_p0", "grad_p1"]) {
            assert_close(&host(&prediction.grad(&gradients).unwrap()), &golden.values(expected).0, 1e-5);
        }
    }

    /// Equations 2 and 3, instance by instance.
    fn slow([p0, p1, z0, z1]: &[Rows; 4]) -> f64 {
        let direction = |p: &Rows, z: &Rows| -> f64 {
            p.iter().zip(z).map(|(p, z)| 2.0 - 2.0 * cosine(p, z)).sum::<f64>() / p.len() as f64
        };
        direction(p0, z1) + direction(p1, z0)
    }

    #[test]
    fn equals_equations_2_and_3_at_any_size() {
        for (rows, dim) in [(1, 2), (3, 1), (7, 5), (33, 19)] {
            check([rows, dim], 2, slow, |[p0, p1, z0, z1]| byol([p0, p1], [z0, z1]));
        }
    }
}

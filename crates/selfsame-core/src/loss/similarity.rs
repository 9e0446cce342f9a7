//! Cosine similarity.

use burn::tensor::Tensor;

/// Rows shorter than this are divided by it instead of by their length, so that an all-zero row stays zero and
/// gives no NaN, forwards or backwards.
const SHORTEST: f64 = 1e-8;

/// Every row of `vectors` (`[rows, dim]`) at unit length: the product of two of them is their cosine.
pub fn unit(vectors: Tensor<2>) -> Tensor<2> {
    unit_and_length(vectors).0
}

/// As [`unit`], and what the rows were divided by, `[rows, 1]`.
pub(super) fn unit_and_length(vectors: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let squared_length = vectors.clone().square().sum_dim(1);
    let length = squared_length.clamp_min(SHORTEST * SHORTEST).sqrt();
    (vectors / length.clone(), length)
}

/// D of SimSiam (Chen and He 2020, arXiv 2011.10566, eq. 1 and 3): the mean of minus the cosine of each row of `predictions` and that row of
/// `targets`, `[rows, dim]` both. Targets are constants (the papers' stop-gradient). Without rows it is 0. Returns `[1]`.
pub fn negative_cosine(predictions: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let rows = predictions.dims()[0].max(1);
    (unit(predictions) * unit(targets.without_autodiff())).sum() / -(rows as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{assert_close, host};

    #[test]
    fn rows_have_unit_length_and_a_zero_row_stays_zero() {
        let rows = Tensor::<2>::from_floats([[3.0, 4.0], [0.0, 0.0], [-1e-3, 0.0]], &Device::default());
        assert_close(&host(&unit(rows)), &[0.6, 0.8, 0.0, 0.0, -1.0, 0.0], 1e-6);
    }

    #[test]
    fn a_zero_row_gives_no_nan_backwards() {
        let device = Device::default().autodiff();
        let rows = Tensor::<2>::from_floats([[0.0, 0.0], [1.0, 2.0]], &device).require_grad();
        let gradients = unit(rows.clone()).sum().backward();
        assert!(host(&rows.grad(&gradients).unwrap()).iter().all(|g| g.is_finite()));
    }

    #[test]
    fn no_rows_give_zero_and_gradients_without_rows() {
        let predictions = Tensor::<2>::zeros([0, 3], &Device::default().autodiff()).require_grad();
        let loss = negative_cosine(predictions.clone(), Tensor::zeros([0, 3], &Device::default()));
        assert_eq!(host(&loss), [0.0]);
        assert_eq!(predictions.grad(&loss.backward()).unwrap().dims(), [0, 3]);
    }

    #[test]
    fn targets_get_no_gradient() {
        let device = Device::default().autodiff();
        let [p, z] =
            [[[1.0, 2.0]], [[3.0, -1.0]]].map(|rows| Tensor::<2>::from_floats(rows, &device).require_grad());
        let gradients = negative_cosine(p.clone(), z.clone()).backward();
        assert!(z.grad(&gradients).is_none() && p.grad(&gradients).is_some());
    }
}

//! Cosine similarity.

use burn::tensor::Tensor;

/// Rows shorter than this are divided by it instead of by their length, so that an all-zero row stays zero and
/// gives no NaN, forwards or backwards.
const SHORTEST: f64 = 1e-8;

/// Every row of `vectors` (`[rows, dim]`) at unit length: the product of two of them is their cosine.
pub fn unit(vectors: Tensor<2>) -> Tensor<2> {
    let squared_length = vectors.clone().square().sum_dim(1);
    vectors / squared_length.clamp_min(SHORTEST * SHORTEST).sqrt()
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
}

//! Features that are to stay as they are under a disturbance.

use burn::tensor::Tensor;

/// The mean squared difference of the features of instances and of what was made of them, MSE(f(x̂), f(x)), as Background Erasing may add it (Wang et
/// al. 2021, arXiv 2009.05769, and the authors' code).
///
/// Both are `[rows, dim]`, and both are learned; row i of both comes from instance i. Returns `[1]`; 0 without rows.
pub fn feature_consistency(disturbed: Tensor<2>, original: Tensor<2>) -> Tensor<1> {
    let numbers = original.shape().num_elements().max(1);
    let difference = disturbed - original;
    (difference.clone() * difference).sum() / numbers as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;

    use super::super::slow::{Rows, check};
    use super::*;
    use crate::golden::host;

    #[test]
    fn it_is_the_mean_squared_difference_at_any_size() {
        let slow = |[disturbed, original]: &[Rows; 2]| {
            let pairs = disturbed.iter().flatten().zip(original.iter().flatten());
            let squares: Vec<f64> = pairs.map(|(a, b)| (a - b).powi(2)).collect();
            squares.iter().sum::<f64>() / squares.len() as f64
        };
        for (rows, dim) in [(1, 1), (3, 1), (7, 5), (33, 19)] {
            check([rows, dim], 2, slow, |[disturbed, original]| feature_consistency(disturbed, original));
        }
    }

    #[test]
    fn no_rows_give_zero() {
        let none = || Tensor::<2>::zeros([0, 4], &Device::default());
        assert_eq!(host(&feature_consistency(none(), none())), [0.0]);
    }
}

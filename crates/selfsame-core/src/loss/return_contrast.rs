//! Telling from two state–action pairs whether their returns differ.

use burn::tensor::{Tensor, TensorData};

/// The objective of return-based contrastive learning (Liu et al. 2021, arXiv 2102.10960, section 3): E[(w(φ₁, φ₂) − y)²], where y is 0 for two pairs whose
/// returns agree and 1 for two whose returns differ. The first half of `scores` `[2n]` is of those that agree, the second half of as many that
/// differ; `counted` `[n]` says which anchors have a partner of both kinds at all: the mean is over them, 0 without any.
pub fn return_contrast(scores: Tensor<1>, counted: &[bool]) -> Tensor<1> {
    let rows = counted.len();
    let device = scores.device().inner();
    let column = |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values, [2 * rows]), &device);
    let both =
        |value: fn(bool) -> f32| counted.iter().chain(counted).map(|&is| value(is)).collect::<Vec<f32>>();
    let targets: Vec<f32> = [vec![0.0; rows], vec![1.0; rows]].concat();
    let weights = column(both(|is| f32::from(u8::from(is))));
    let count = 2 * counted.iter().filter(|is| **is).count();
    ((scores - column(targets)).square() * weights).sum() / count.max(1) as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden::{assert_close, host};

    #[test]
    fn it_is_the_mean_squared_error_over_what_counts() {
        let device = Device::default().autodiff();
        let scores = Tensor::<1>::from_floats([0.5, 9.0, -1.0, 0.25, 9.0, 2.0], &device).require_grad();
        let loss = return_contrast(scores.clone(), &[true, false, true]);
        assert_close(&host(&loss), &[(0.25 + 1.0 + 0.5625 + 1.0) / 4.0], 1e-6);
        let gradient = host(&scores.grad(&loss.backward()).unwrap());
        assert_close(&gradient, &[0.25, 0.0, -0.5, -0.375, 0.0, 0.5], 1e-6);
        assert_eq!(host(&return_contrast(scores, &[false; 3])), [0.0]);
    }
}

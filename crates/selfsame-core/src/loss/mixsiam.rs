//! The objective of MixSiam.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{negative_cosine, simsiam};

/// What the two views of an instance predict in MixSiam; their mixture always predicts the larger of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewsPredict {
    /// Each other's projection, as in SimSiam.
    #[default]
    EachOther,
    /// The larger of both, as the mixture.
    Maximum,
}

/// The terms of MixSiam's loss, `[1]` each.
#[derive(Clone, Debug)]
pub struct MixSiamLoss {
    /// L_sim: what the views' predictions lack.
    pub views: Tensor<1>,
    /// L_mix: what the mixtures' predictions lack.
    pub mixture: Tensor<1>,
}

impl MixSiamLoss {
    /// L_sim + w·L_mix.
    pub fn total(&self, weight: f64) -> Tensor<1> {
        self.views.clone() + self.mixture.clone() * weight
    }
}

/// The losses of MixSiam (Guo et al. 2021, arXiv 2111.02679) with predictions of two views and of their mixture, and targets of the two
/// views, `[rows, dim]` each; row i of all comes from instance i. Targets are constants.
pub fn mixsiam(
    views: [Tensor<2>; 2],
    mixture: Tensor<2>,
    targets: [Tensor<2>; 2],
    views_predict: ViewsPredict,
) -> MixSiamLoss {
    let discriminative = largest(targets.clone());
    let of_views = match views_predict {
        ViewsPredict::EachOther => targets,
        ViewsPredict::Maximum => [discriminative.clone(), discriminative.clone()],
    };
    MixSiamLoss { views: simsiam(views, of_views), mixture: negative_cosine(mixture, discriminative) }
}

/// The discriminative representation z̃ = max(z₀, z₁), element by element, as a constant.
pub fn largest(projections: [Tensor<2>; 2]) -> Tensor<2> {
    let [z0, z1] = projections.map(Tensor::without_autodiff);
    z0.max_pair(z1)
}

/// λ·x₀ + (1 − λ)·x₁ with one λ for every image of `[batch, channels, height, width]`.
///
/// # Panics
/// When there are not as many λ as images.
pub fn mixture(images: [Tensor<4>; 2], lambda: &[f32]) -> Tensor<4> {
    let [x0, x1] = images;
    let share = |values: Vec<f32>| {
        let data = TensorData::new(values, [lambda.len(), 1, 1, 1]);
        Tensor::<4>::from_data(data, &x0.device())
    };
    let (first, second) = (share(lambda.to_vec()), share(lambda.iter().map(|lambda| 1.0 - lambda).collect()));
    x0 * first + x1 * second
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::slow::{Rows, check, mean_cosine};
    use super::*;
    use crate::golden::{Golden, assert_close, host};

    #[test]
    fn golden() {
        let golden = Golden::read("mixsiam");
        let predictions = ["p0", "p1", "pm"].map(|p| golden.tensor::<2>(p).autodiff().require_grad());
        let targets = ["z0", "z1"].map(|z| golden.tensor::<2>(z));
        assert_close(&host(&largest(targets.clone())), &golden.values("target").0, 1e-5);
        let [p0, p1, pm] = predictions.clone();
        let loss = mixsiam([p0, p1], pm, targets, ViewsPredict::EachOther);
        assert_close(&host(&loss.views), &golden.values("sim").0, 1e-5);
        assert_close(&host(&loss.mixture), &golden.values("mix").0, 1e-5);
        let total = loss.total(1.0);
        assert_close(&host(&total), &golden.values("total").0, 1e-5);
        let gradients = total.backward();
        for (prediction, expected) in predictions.iter().zip(["grad_p0", "grad_p1", "grad_pm"]) {
            assert_close(&host(&prediction.grad(&gradients).unwrap()), &golden.values(expected).0, 1e-5);
        }
    }

    #[test]
    fn golden_mixture() {
        let golden = Golden::read("mixsiam");
        let lambda: Vec<f32> = golden.values("lam").0.iter().map(|&lambda| lambda as f32).collect();
        let mixed = mixture(["x0", "x1"].map(|x| golden.tensor::<4>(x)), &lambda);
        assert_close(&host(&mixed), &golden.values("mixed").0, 1e-5);
    }

    #[test]
    fn equals_its_definition_at_any_size() {
        for (views_predict, weight) in
            [(ViewsPredict::EachOther, 1.0), (ViewsPredict::EachOther, 0.3), (ViewsPredict::Maximum, 2.0)]
        {
            let slow = |[p0, p1, pm, z0, z1]: &[Rows; 5]| {
                let largest = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(a, b)| a.max(*b)).collect();
                let both: Rows = z0.iter().zip(z1).map(|(a, b)| largest(a, b)).collect();
                let (t0, t1) = match views_predict {
                    ViewsPredict::EachOther => (z1, z0),
                    ViewsPredict::Maximum => (&both, &both),
                };
                -(0.5 * mean_cosine(p0, t0) + 0.5 * mean_cosine(p1, t1)) - weight * mean_cosine(pm, &both)
            };
            for size in [[1, 2], [7, 5], [33, 19]] {
                check(size, 3, slow, |[p0, p1, pm, z0, z1]| {
                    mixsiam([p0, p1], pm, [z0, z1], views_predict).total(weight)
                });
            }
        }
    }
}

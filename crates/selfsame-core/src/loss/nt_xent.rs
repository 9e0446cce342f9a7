//! NT-Xent, the objective of SimCLR.

use burn::tensor::Tensor;

use super::unit;

/// Stands for minus infinity on the diagonal: its exponential is 0, and no infinity meets a zero gradient.
const NEVER: f64 = -1e9;

/// The normalised temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, arXiv 2002.05709, eq. 1 and
/// Algorithm 1): each of the 2N views is an anchor that has to find the other view of its instance among the
/// 2N − 1 other views. The logits are cosines divided by `temperature`; the loss is the mean over the 2N anchors.
///
/// `views` are two raw projections, `[batch, dim]` each; row i of both comes from instance i. Returns `[1]`.
pub fn nt_xent(views: [Tensor<2>; 2], temperature: f64) -> Tensor<1> {
    let [first, second] = views.map(unit);
    let positive = (first.clone() * second.clone()).sum_dim(1).mean() / temperature;

    let all = Tensor::cat(vec![first, second], 0);
    // A constant: outside autodiff it costs nothing on the way back.
    let itself = Tensor::<2>::eye(all.dims()[0], &all.device().inner()) * NEVER;
    let logits = (all.clone() / temperature).matmul(all.transpose()) + itself;

    // Shifting by the largest logit keeps every exponential in range; the shift cancels, so it needs no gradient.
    let largest = logits.clone().inner().max_dim(1);
    let log_partition = (logits - largest.clone()).exp().sum_dim(1).log() + largest;
    log_partition.mean() - positive
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Random;
    use crate::golden::{Golden, assert_close, host};

    fn golden(name: &str, temperature: f64) {
        let golden = Golden::read(name);
        let views = ["z0", "z1"].map(|z| golden.tensor::<2>(z).autodiff().require_grad());
        let loss = nt_xent(views.clone(), temperature);
        assert_close(&host(&loss), &golden.values("loss").0, 1e-5);
        let gradients = loss.backward();
        for (view, expected) in views.iter().zip(["grad_z0", "grad_z1"]) {
            assert_close(&host(&view.grad(&gradients).unwrap()), &golden.values(expected).0, 1e-5);
        }
    }

    #[test]
    fn golden_at_temperature_0_1() {
        golden("nt_xent_t0.1", 0.1);
    }

    #[test]
    fn golden_at_temperature_0_5() {
        golden("nt_xent_t0.5", 0.5);
    }

    /// Equation 1, anchor by anchor.
    fn slow(views: &[Vec<Vec<f64>>; 2], temperature: f64) -> f64 {
        let batch = views[0].len();
        let all: Vec<&Vec<f64>> = views.iter().flatten().collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let cosine = |i: usize, j: usize| {
            dot(all[i], all[j]) / (dot(all[i], all[i]) * dot(all[j], all[j])).sqrt() / temperature
        };
        let mut total = 0.0;
        for anchor in 0..2 * batch {
            let others =
                (0..2 * batch).filter(|&k| k != anchor).map(|k| cosine(anchor, k).exp()).sum::<f64>();
            total -= (cosine(anchor, (anchor + batch) % (2 * batch)).exp() / others).ln();
        }
        total / (2 * batch) as f64
    }

    #[test]
    fn equals_equation_1_at_any_size() {
        for (batch, dim, temperature) in [(1, 3, 0.5), (2, 1, 1.0), (7, 5, 0.07), (33, 17, 0.2)] {
            let mut random = Random::new(3).at(batch as u64);
            let rows: [Vec<Vec<f64>>; 2] = std::array::from_fn(|_| {
                (0..batch).map(|_| (0..dim).map(|_| f64::from(random.normal())).collect()).collect()
            });
            let tensors = rows.clone().map(|view| {
                let flat: Vec<f32> = view.iter().flatten().map(|&v| v as f32).collect();
                Tensor::<2>::from_data(TensorData::new(flat, [batch, dim]), &Device::default())
            });
            let (fast, slow) = (host(&nt_xent(tensors, temperature))[0], slow(&rows, temperature));
            assert!((fast - slow).abs() < 1e-5 * (1.0 + slow), "batch {batch}: {fast} is not {slow}");
        }
    }

    #[test]
    fn tiny_temperatures_and_equal_views_stay_finite() {
        let device = Device::default().autodiff();
        let view = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], &device).require_grad();
        let loss = nt_xent([view.clone(), view.clone()], 1e-3);
        assert!(host(&loss)[0].abs() < 1e-6);
        assert!(host(&view.grad(&loss.backward()).unwrap()).iter().all(|g| g.is_finite()));
    }
}

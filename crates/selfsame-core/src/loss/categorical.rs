//! Distributional reinforcement learning on fixed atoms.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor};

/// The values that a return can have: evenly spaced atoms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Support {
    /// The least.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// How many, at least 2.
    pub atoms: usize,
}

impl Support {
    /// z, `[atoms]`.
    pub fn values(&self, device: &Device) -> Tensor<1> {
        let numbers = Tensor::<1, Int>::arange(0..self.atoms as i64, device).float();
        numbers * self.spacing() + self.low
    }

    /// Δz.
    fn spacing(&self) -> f64 {
        (self.high - self.low) / (self.atoms.max(2) - 1) as f64
    }
}

/// Projects what is returned at first and then follows the `next` distribution back onto the atoms (Bellemare et al. 2017, arXiv 1707.06887, eq. 7):
/// with `T z_j = returns + discounts · z_j`, kept between the ends, atom i gets `Σ_j p_j · max(0, 1 − |T z_j − z_i| / Δz)`.
///
/// `returns` (of n steps) and `discounts` (γⁿ, 0 where nothing follows) are `[batch]`, `next` and the result `[batch, atoms]`. No gradient
/// flows through it.
pub fn categorical_projection(
    returns: Tensor<1>,
    discounts: Tensor<1>,
    next: Tensor<2>,
    support: Support,
) -> Tensor<2> {
    let [returns, discounts] = [returns, discounts].map(Tensor::without_autodiff);
    let next = next.without_autodiff();
    let [batch, atoms] = next.dims();
    let values = support.values(&next.device());
    let column = |numbers: Tensor<1>| numbers.reshape([batch, 1, 1]);
    let reached = column(returns) + column(discounts) * values.clone().reshape([1, 1, atoms]);
    let reached = reached.clamp(support.low, support.high);
    let apart = (reached - values.reshape([1, atoms, 1])).abs() / support.spacing();
    let shares = (apart * -1.0 + 1.0).clamp_min(0.0);
    (shares * next.reshape([batch, 1, atoms])).sum_dim(2).reshape([batch, atoms])
}

/// The cross-entropy of predicted distributions with their targets, one a row: −Σ_i m_i ln p_i, `[batch]` (arXiv 1707.06887, algorithm 1).
/// `logits` and `targets` are `[batch, atoms]`; the targets are constants.
pub fn categorical_cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let rows = logits.dims()[0];
    (log_softmax(logits, 1) * targets.without_autodiff()).sum_dim(1).reshape([rows]) * -1.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Random;
    use crate::golden::{Golden, assert_close, host};
    use crate::loss::slow;

    /// Algorithm 1, line by line.
    fn algorithm(returned: f64, discount: f64, next: &[f64], support: Support) -> Vec<f64> {
        let mut projected = vec![0.0; support.atoms];
        let spacing = (support.high - support.low) / (support.atoms - 1) as f64;
        for (j, p) in next.iter().enumerate() {
            let z = support.low + j as f64 * spacing;
            let reached = (returned + discount * z).clamp(support.low, support.high);
            let b = (reached - support.low) / spacing;
            let (lower, upper) = (b.floor(), b.ceil());
            if lower == upper {
                projected[lower as usize] += p;
            } else {
                projected[lower as usize] += p * (upper - b);
                projected[upper as usize] += p * (b - lower);
            }
        }
        projected
    }

    #[test]
    fn it_is_the_golden() {
        let golden = Golden::read("rl_targets");
        let discounts = golden.tensor::<1>("nonterminal") * 0.99f64.powi(20);
        let support = Support { low: -10.0, high: 10.0, atoms: 51 };
        let next = golden.tensor("next_probabilities");
        let projected = categorical_projection(golden.tensor("returns"), discounts, next, support);
        assert_close(&host(&projected), &golden.values("projected").0, 1e-5);
    }

    #[test]
    fn it_is_the_algorithm_at_the_ends_on_atoms_and_between() {
        let support = Support { low: -1.0, high: 2.0, atoms: 7 };
        let mut random = Random::new(3);
        // With discount 0 all lands on one place: an atom, between two, and beyond both ends.
        let cases = [(0.5, 0.0), (0.6, 0.0), (9.0, 0.0), (-9.0, 0.5), (0.5, 1.0), (0.13, 0.9), (-0.4, 0.99)];
        let (mut next, mut expected) = (Vec::new(), Vec::new());
        for (returned, discount) in cases {
            let weights: Vec<f64> = (0..7).map(|_| f64::from(random.unit())).collect();
            let sum: f64 = weights.iter().sum();
            let row: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
            expected.extend(algorithm(returned, discount, &row, support));
            next.extend(row);
        }
        let device = Device::default();
        let column = |values: Vec<f64>| {
            Tensor::<1>::from_floats(values.iter().map(|&v| v as f32).collect::<Vec<_>>().as_slice(), &device)
        };
        let returns = column(cases.iter().map(|case| case.0).collect());
        let discounts = column(cases.iter().map(|case| case.1).collect());
        let projected = categorical_projection(returns, discounts, column(next).reshape([7, 7]), support);
        assert_close(&host(&projected), &expected, 1e-5);
        assert_close(&host(&projected.sum_dim(1)), &[1.0; 7], 1e-5);
    }

    #[test]
    fn the_loss_is_the_cross_entropy_of_the_rows() {
        let slow = |[logits, targets]: &[slow::Rows; 2]| {
            let rows = logits.iter().zip(targets).map(|(logits, targets)| {
                let partition = logits.iter().map(|logit| logit.exp()).sum::<f64>().ln();
                logits.iter().zip(targets).map(|(logit, m)| m * (partition - logit)).sum::<f64>()
            });
            rows.sum()
        };
        slow::check([4, 5], 1, slow, |[logits, targets]| categorical_cross_entropy(logits, targets).sum());
    }
}

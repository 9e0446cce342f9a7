//! What all graph methods share: the ranking of pairs, and the pull of the embeddings towards zero.

use selfsame_core::collective::{Collective, mean_with_gradient};
use selfsame_core::loss::bpr;
use selfsame_core::method::Objective;
use selfsame_core::nn::gather_rows;
use selfsame_core::tensor::Tensor;
use selfsame_core::{Error, Result};

use crate::data::PairBatch;
use crate::model::Nodes;

/// The loss of pairs of one batch over all ranks, and its parts.
#[derive(Debug)]
pub struct Pairwise {
    /// BPR + λ‖Θ‖², `[1]`.
    pub loss: Tensor<1>,
    /// BPR, `[1]`: the mean over the pairs.
    pub bpr: Tensor<1>,
    /// ½(‖e_u⁰‖² + ‖e_i⁰‖² + ‖e_j⁰‖²), `[1]`: the mean over the pairs.
    pub squares: Tensor<1>,
    /// Final embeddings of this rank's users and of their items, `[pairs, dimension]` each, without gradients.
    pub embeddings: [Tensor<2>; 2],
}

impl Pairwise {
    /// What a method without any other term learns by.
    pub fn objective(self) -> Objective {
        Objective {
            loss: self.loss,
            terms: vec![("bpr", self.bpr), ("l2", self.squares)],
            representations: self.embeddings,
        }
    }
}

/// L = BPR + λ‖Θ‖² (LightGCN, section 3.3), BPR of final embeddings; Θ are the embeddings E⁰ of the batch. Both terms are means over the pairs,
/// as LightGCN's code has them; SGL's code sums both, which is the same but for the size of the gradient, of which Adam makes nothing.
///
/// # Errors
/// A λ that is negative or no number, and ranks that cannot be reached.
pub fn pairwise(nodes: &Nodes, pairs: &PairBatch, l2: f64, collective: &dyn Collective) -> Result<Pairwise> {
    let count = pairs.users.len();
    let items = nodes.of_items(&pairs.positives).chain(nodes.of_items(&pairs.negatives));
    let rows: Vec<u32> = pairs.users.iter().copied().chain(items).collect();
    // All rows of a table at once: the gradient of a table costs as much as the table.
    let initial = gather_rows(nodes.initial(), &rows);
    let finals = if nodes.layers() == 0 { initial.clone() } else { nodes.rows(&rows) };
    let [users, positives, negatives] = [0, 1, 2].map(|part| finals.clone().narrow(0, part * count, count));

    let embeddings = [users.clone(), positives.clone()].map(Tensor::without_autodiff);
    let bpr = mean_with_gradient(bpr(users, positives, negatives), count, collective)?;
    let squares = initial.square().sum() / (2 * count.max(1)) as f64;
    let squares = mean_with_gradient(squares, count, collective)?;
    Ok(Pairwise { loss: bpr.clone() + squares.clone() * l2, bpr, squares, embeddings })
}

/// # Errors
/// A weight of a part of the loss that is negative or no number.
pub(super) fn check_weight(key: &str, weight: f64) -> Result<()> {
    if weight >= 0.0 && weight.is_finite() {
        return Ok(());
    }
    Err(Error::config(
        format!("method.{key} is {weight}"),
        "it weighs a part of the loss: a number from 0 on",
    ))
}

//! InfoNCE with a bilinear score, each row against the other rows of its batch.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Int, Tensor, TensorData};

use super::Contrast;

/// Far below every score, and finite: a difference of two is a number.
const MASKED: f32 = -1e30;

/// The contrastive loss of CURL (Srinivas et al. 2020, arXiv 2004.04136, section 4.4): with logits `scale · qᵀ W k`, every query has to find its key
/// among the keys of the batch.
///
/// `queries` and `keys` are `[rows, dimension]`, row i of both made from one instance; `weight` is `[dimension, dimension]`. The keys are
/// constants. Rows of one group know nothing against each other: with `groups`, the keys of a query's group are masked, all but its own.
pub fn bilinear_info_nce(
    queries: Tensor<2>,
    weight: Tensor<2>,
    keys: Tensor<2>,
    scale: f64,
    groups: Option<&[u64]>,
) -> Contrast {
    let rows = queries.dims()[0];
    let keys = keys.without_autodiff();
    let device = keys.device();
    let logits = queries.matmul(weight).matmul(keys.transpose()) * scale;
    let logits = match groups {
        Some(groups) => logits.mask_fill(same_group(groups, &device), MASKED),
        None => logits,
    };
    let own = Tensor::<1, Int>::arange(0..rows as i64, &device).reshape([rows, 1]);
    let values = logits.clone().without_autodiff();
    let nearest = values.max_dim(1);
    let of_own = logits.clone().without_autodiff().gather(1, own.clone());
    // A key among equals is not found by luck of its place.
    let ties = logits.clone().without_autodiff().equal(nearest.clone().expand([rows, rows]));
    let ties = ties.float().sum_dim(1).lower_equal_elem(1.0).float();
    let accuracy = (of_own.equal(nearest).float() * ties).mean();
    // The logarithm of the softmax takes the largest score of each row away first.
    let loss = log_softmax(logits, 1).gather(1, own).mean() * -1.0;
    Contrast { loss, accuracy }
}

/// Whether two different rows are of one group, `[rows, rows]`.
fn same_group(groups: &[u64], device: &burn::tensor::Device) -> Tensor<2, Bool> {
    let rows = groups.len();
    let masked = (0..rows * rows).map(|at| {
        let (row, column) = (at / rows, at % rows);
        row != column && groups[row] == groups[column]
    });
    Tensor::from_data(TensorData::new(masked.collect::<Vec<bool>>(), [rows, rows]), device)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::golden::{Golden, assert_close, host};
    use crate::loss::slow::{self, Rows};

    fn slow([queries, weight, keys]: &[Rows; 3], scale: f64, groups: &[u64]) -> f64 {
        let score = |query: &[f64], key: &[f64]| {
            let terms = query
                .iter()
                .zip(weight)
                .map(|(q, row)| q * row.iter().zip(key).map(|(w, k)| w * k).sum::<f64>());
            scale * terms.sum::<f64>()
        };
        let rows = queries.len();
        let of_row = |row: usize| {
            let others = (0..rows).filter(|&other| other == row || groups[other] != groups[row]);
            let partition: f64 = others.map(|other| score(&queries[row], &keys[other]).exp()).sum();
            partition.ln() - score(&queries[row], &keys[row])
        };
        (0..rows).map(of_row).sum::<f64>() / rows as f64
    }

    #[test]
    fn it_is_its_definition_with_and_without_groups() {
        let apart = [0, 1, 2, 3, 4];
        slow::check(
            [5, 5],
            2,
            |inputs| slow(inputs, 0.3, &apart),
            |[q, w, k]| bilinear_info_nce(q, w, k, 0.3, None).loss,
        );
        let groups = [7, 2, 7, 7, 2];
        slow::check(
            [5, 5],
            2,
            |inputs| slow(inputs, 1.0, &groups),
            |[q, w, k]| bilinear_info_nce(q, w, k, 1.0, Some(&groups)).loss,
        );
    }

    /// Value and gradients of a golden's anchors and weight.
    fn compare(name: &str, loss: &str, groups: Option<&[u64]>) {
        let golden = Golden::read(name);
        let learned = |tensor: &str| golden.tensor::<2>(tensor).autodiff().require_grad();
        let (anchor, weight) = (learned("anchor"), learned("weight"));
        let keys = golden.tensor("positive");
        let found = bilinear_info_nce(anchor.clone(), weight.clone(), keys, 1.0, groups).loss;
        assert_close(&host(&found), &golden.values(loss).0, 1e-5);
        let gradients = found.backward();
        for (tensor, expected) in [(anchor, "grad_anchor"), (weight, "grad_weight")] {
            assert_close(&host(&tensor.grad(&gradients).unwrap()), &golden.values(expected).0, 1e-5);
        }
    }

    #[test]
    fn it_is_the_golden_of_curl() {
        compare("rl_targets", "curl_loss", None);
    }

    #[test]
    fn with_segments_as_groups_it_is_the_golden_of_rcrl() {
        let segments = Golden::read("rcrl_segments").indices("segment");
        let segments: Vec<u64> = segments.into_iter().map(|segment| segment as u64).collect();
        compare("rcrl_segments", "loss", Some(&segments));
    }

    #[test]
    fn a_key_is_found_where_it_is_the_nearest_and_no_other_is_as_near() {
        let device = burn::tensor::Device::default();
        let queries = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], &device);
        let keys = Tensor::<2>::from_floats([[1.0, 0.0], [1.0, 0.0], [1.0, 2.0]], &device);
        let found = bilinear_info_nce(queries, Tensor::eye(2, &device), keys, 1.0, None);
        assert_close(&host(&found.accuracy), &[1.0 / 3.0], 1e-6);
    }
}

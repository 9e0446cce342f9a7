//! What a head that tells classes apart is trained by.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};

/// What telling the classes of some rows gives.
#[derive(Clone, Debug)]
pub struct Classification {
    /// The mean over the rows of −ln of the softmax at the row's label, `[1]`.
    pub loss: Tensor<1>,
    /// Share of the rows whose largest score is their label's, `[1]`, without gradient; of equal scores the first counts.
    pub accuracy: Tensor<1>,
}

/// The cross-entropy of `scores` (`[rows, classes]`) with the rows' `labels`, each of which is a class.
///
/// # Panics
/// When there are not as many labels as rows.
pub fn classification(scores: Tensor<2>, labels: &[usize]) -> Classification {
    assert_eq!(scores.dims()[0], labels.len(), "rows and their labels");
    let numbers: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
    let data = TensorData::new(numbers, [labels.len(), 1]);
    let labels = Tensor::<2, Int>::from_data(data, &scores.device());
    let found = scores.clone().without_autodiff().argmax(1);
    let accuracy = found.equal(labels.clone().inner()).float().mean();
    Classification { loss: -log_softmax(scores, 1).gather(1, labels).mean(), accuracy }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::info_nce::tests::{Rows, noise, slopes, tensor};
    use super::*;
    use crate::Random;
    use crate::golden::{assert_close, host};

    fn slow(scores: &Rows, labels: &[usize]) -> (f64, f64) {
        let (mut loss, mut hits) = (0.0, 0.0);
        for (row, &label) in scores.iter().zip(labels) {
            let sum: f64 = row.iter().map(|score| score.exp()).sum();
            loss -= (row[label].exp() / sum).ln();
            hits += f64::from(u8::from(row.iter().all(|score| *score <= row[label])));
        }
        (loss / labels.len() as f64, hits / labels.len() as f64)
    }

    #[test]
    fn equals_its_definition_at_any_size() {
        for (rows, classes) in [(1, 1), (1, 4), (7, 5), (40, 3)] {
            let random = Random::new(8).at(rows as u64);
            let scores = noise(rows, classes, &random.named("scores"));
            let labels: Vec<usize> = (0..rows).map(|at| random.at(at as u64).below(classes)).collect();
            let tracked = tensor(&scores).autodiff().require_grad();
            let found = classification(tracked.clone(), &labels);
            let (loss, accuracy) = slow(&scores, &labels);
            let near = |found: f64, expected: f64| (found - expected).abs() < 1e-5 * (1.0 + expected.abs());
            assert!(near(host(&found.loss)[0], loss) && near(host(&found.accuracy)[0], accuracy));
            assert!(!found.accuracy.is_autodiff());
            let gradient = host(&tracked.grad(&found.loss.backward()).unwrap());
            for (found, expected) in gradient.iter().zip(slopes(&scores, |s| slow(s, &labels).0)) {
                assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn scores_of_any_size_stay_finite() {
        let scores = Tensor::<2>::from_floats([[1e4, -1e4], [0.0, 0.0]], &Default::default());
        let scores = scores.autodiff().require_grad();
        let found = classification(scores.clone(), &[1, 0]);
        assert_close(&host(&found.loss), &[(2e4 + 2f64.ln()) / 2.0], 1e-6);
        assert_eq!(host(&found.accuracy), [0.5]);
        assert!(host(&scores.grad(&found.loss.backward()).unwrap()).iter().all(|g| g.is_finite()));
    }
}

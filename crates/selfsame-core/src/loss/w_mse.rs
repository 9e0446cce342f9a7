//! Whitening MSE, the objective of W-MSE.

use burn::tensor::Tensor;
use selfsame_kernels::{Groups, Singular, whiten};

use super::unit;
use crate::{Error, Result};

/// How W-MSE whitens and compares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whitening {
    /// Rows of a sub-batch, whose covariance is estimated together. Where the batch is no multiple of it, there are as many sub-batches as fit, of
    /// nearly equal sizes, none smaller.
    pub size: usize,
    /// ε: the covariance Σ is moved to (1 − ε)Σ + εI.
    pub epsilon: f64,
    /// Whether whitened rows are compared at unit length, by 2 − 2cos; or as they are, by the mean squared difference of their elements.
    pub normalised: bool,
}

/// The loss of W-MSE (Ermolov et al. 2021, arXiv 2007.06346, section 3): every view's sub-batches are whitened each by itself,
/// so that no collapse is possible, and then the views of an instance are pulled together; the mean over all pairs of views, over the batch, and
/// over the `permutations`, each of which makes sub-batches anew, the same for all views.
///
/// `views` are at least two raw projections, `[batch, dim]` each; row i of all comes from instance i. Returns `[1]`.
///
/// # Errors
/// [`Error::Config`] for a batch that is smaller than a sub-batch; [`Error::Diverged`] for a sub-batch whose covariance is singular.
pub fn w_mse(views: &[Tensor<2>], permutations: &[Vec<usize>], whitening: &Whitening) -> Result<Tensor<1>> {
    let (count, draws) = (views.len(), permutations.len());
    if count < 2 || draws == 0 {
        return Err(Error::Internal(format!("W-MSE of {count} views and {draws} permutations")));
    }
    let [batch, dim] = views[0].dims();
    let mut total: Option<Tensor<1>> = None;
    for permutation in permutations {
        let white = whitened(views, permutation, whitening)?;
        let rows = if whitening.normalised { unit(white) } else { white };
        let rows = rows.reshape([count, batch, dim]);
        // The squared distances of all pairs add up to `count` times those from the mean; |a − b|² is 2 − 2cos at unit length.
        let apart = (rows.clone() - rows.mean_dim(0)).square().sum_dim(2).sum();
        total = Some(match total {
            None => apart,
            Some(sum) => sum + apart,
        });
    }
    let elements = if whitening.normalised { 1 } else { dim };
    let share = 2.0 / ((count - 1) * batch * elements * draws) as f64;
    total.map(|sum| sum * share).ok_or_else(|| Error::Internal("W-MSE without a permutation".into()))
}

/// The whitened rows of all views, one view after the other, `[views × batch, dim]`.
///
/// # Errors
/// Those of [`w_mse`].
pub fn whitened(views: &[Tensor<2>], permutation: &[usize], whitening: &Whitening) -> Result<Tensor<2>> {
    let batch = permutation.len();
    let parts = sub_batches(permutation, whitening.size)?;
    let of_view =
        |view: usize| parts.iter().map(move |rows| rows.iter().map(|row| view * batch + row).collect());
    let groups = Groups::new((0..views.len()).flat_map(of_view).collect());
    whiten(Tensor::cat(views.to_vec(), 0), &groups, whitening.epsilon)
        .map_err(|singular| failed(&singular, parts.len()))
}

/// As many sub-batches of at least `size` rows as fit, of sizes that differ by one at most.
fn sub_batches(permutation: &[usize], size: usize) -> Result<Vec<&[usize]>> {
    let batch = permutation.len();
    let count = batch.checked_div(size).unwrap_or(0);
    if count == 0 || size < 2 {
        return Err(Error::config(
            format!("sub-batches of {size} rows cannot be made of a batch of {batch}"),
            "lower method.w_size, or raise run.batch_size",
        ));
    }
    Ok((0..count).map(|part| &permutation[part * batch / count..(part + 1) * batch / count]).collect())
}

fn failed(singular: &Singular, parts: usize) -> Error {
    let Singular { group, rows, features, rank, .. } = singular;
    let which = format!("sub-batch {} of {parts} of view {}", group % parts + 1, group / parts + 1);
    match rank {
        Some(rank) => Error::diverged(
            format!("{which} cannot be whitened: its {rows} projections have rank {rank}, not {features}"),
            "the last good checkpoint is kept; train anew with method.epsilon = 0.01, a lower optimizer.lr, a smaller \
             method.projector_dimension, or a larger method.w_size",
        ),
        None => Error::diverged(
            format!("{which} cannot be whitened: its projections are not finite"),
            "the last good checkpoint is kept; train anew with a lower optimizer.lr, a longer schedule.warmup_epochs \
             or optimizer.clip = 1.0",
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Random;
    use crate::golden::{Golden, assert_close, host};

    fn golden(name: &str, views: usize, epsilon: f64, normalised: bool) {
        let golden = Golden::read(name);
        let permutation = golden.indices("perm");
        let batch = permutation.len();
        let rows = golden.tensor::<2>("h").autodiff().require_grad();
        let parts: Vec<_> =
            (0..views).map(|view| rows.clone().slice(view * batch..(view + 1) * batch)).collect();
        let whitening = Whitening { size: 32, epsilon, normalised };
        let white = whitened(&parts, &permutation, &whitening).unwrap();
        assert_close(&host(&white), &golden.values("white").0, 1e-5);
        let loss = w_mse(&parts, &[permutation], &whitening).unwrap();
        assert_close(&host(&loss), &golden.values("loss").0, 1e-5);
        let gradient = rows.grad(&loss.backward()).unwrap();
        assert_close(&host(&gradient), &golden.values("grad_h").0, 1e-5);
    }

    #[test]
    fn golden_of_two_views() {
        golden("w_mse_v2_eps0.0_norm", 2, 0.0, true);
    }

    #[test]
    fn golden_of_four_views() {
        golden("w_mse_v4_eps0.0_norm", 4, 0.0, true);
    }

    #[test]
    fn golden_of_squared_differences() {
        golden("w_mse_v2_eps0.01_mse", 2, 0.01, false);
    }

    type Rows = Vec<Vec<f64>>;

    /// The definition, number by number.
    fn slow(views: &[Rows], permutations: &[Vec<usize>], whitening: &Whitening, sizes: &[usize]) -> f64 {
        let mut losses = Vec::new();
        for permutation in permutations {
            let white: Vec<Rows> =
                views.iter().map(|rows| slow_whitened(rows, permutation, whitening.epsilon, sizes)).collect();
            for first in 0..views.len() {
                for second in first + 1..views.len() {
                    let pairs = white[first].iter().zip(&white[second]);
                    let pair = |(a, b): (&Vec<f64>, &Vec<f64>)| {
                        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
                        match whitening.normalised {
                            true => 2.0 - 2.0 * dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
                            false => (dot(a, a) - 2.0 * dot(a, b) + dot(b, b)) / a.len() as f64,
                        }
                    };
                    losses.push(pairs.map(pair).sum::<f64>() / permutation.len() as f64);
                }
            }
        }
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    fn slow_whitened(rows: &Rows, permutation: &[usize], epsilon: f64, sizes: &[usize]) -> Rows {
        let dim = rows[0].len();
        let mut white = rows.clone();
        let mut left = permutation;
        for &size in sizes {
            let (part, rest) = left.split_at(size);
            left = rest;
            let mean = |f: usize| part.iter().map(|&row| rows[row][f]).sum::<f64>() / size as f64;
            let mean: Vec<f64> = (0..dim).map(mean).collect();
            let centred = |row: usize, f: usize| rows[row][f] - mean[f];
            let mut factor = vec![vec![0.0; dim]; dim];
            for i in 0..dim {
                for j in 0..=i {
                    let sum: f64 = part.iter().map(|&row| centred(row, i) * centred(row, j)).sum();
                    let covariance =
                        (1.0 - epsilon) * sum / (size as f64 - 1.0) + if i == j { epsilon } else { 0.0 };
                    let left = covariance - (0..j).map(|k| factor[i][k] * factor[j][k]).sum::<f64>();
                    factor[i][j] = if i == j { left.sqrt() } else { left / factor[j][j] };
                }
            }
            for &row in part {
                for i in 0..dim {
                    let known: f64 = (0..i).map(|k| factor[i][k] * white[row][k]).sum();
                    white[row][i] = (centred(row, i) - known) / factor[i][i];
                }
            }
        }
        assert!(left.is_empty());
        white
    }

    /// Correlated rows, so that whitening has something to do.
    fn rows(batch: usize, dim: usize, mut random: Random) -> Rows {
        let row = |_| {
            let base = f64::from(random.normal());
            (0..dim).map(|f| 0.5 * base + f64::from(random.normal()) * (1.0 + f as f64) - 0.3).collect()
        };
        (0..batch).map(row).collect()
    }

    #[test]
    fn equals_the_definition_at_any_size() {
        let device = Device::default().autodiff();
        for (batch, dim, views, size, sizes, epsilon, normalised, draws) in [
            (6, 1, 2, 6, vec![6], 0.0, false, 1),
            (13, 3, 2, 6, vec![6, 7], 0.0, true, 1),
            (22, 4, 3, 7, vec![7, 7, 8], 0.1, true, 2),
            (15, 2, 4, 15, vec![15], 0.02, false, 3),
        ] {
            let random = Random::new(6).at(batch as u64);
            let numbers: Vec<Rows> = (0..views).map(|view| rows(batch, dim, random.at(view))).collect();
            let permutations: Vec<_> =
                (0..draws).map(|draw| random.named("order").at(draw).permutation(batch)).collect();
            let whitening = Whitening { size, epsilon, normalised };
            let tensors: Vec<_> = numbers
                .iter()
                .map(|rows| {
                    let flat: Vec<f32> = rows.iter().flatten().map(|&value| value as f32).collect();
                    Tensor::<2>::from_data(TensorData::new(flat, [batch, dim]), &device).require_grad()
                })
                .collect();
            let loss = w_mse(&tensors, &permutations, &whitening).unwrap();
            let expected = slow(&numbers, &permutations, &whitening, &sizes);
            assert_close(&host(&loss), &[expected], 1e-5);

            let gradients = loss.backward();
            for (view, tensor) in tensors.iter().enumerate() {
                let slope = |at: usize| {
                    let shifted = |step: f64| {
                        let mut numbers = numbers.clone();
                        numbers[view][at / dim][at % dim] += step;
                        slow(&numbers, &permutations, &whitening, &sizes)
                    };
                    (shifted(1e-5) - shifted(-1e-5)) / 2e-5
                };
                let expected: Vec<f64> = (0..batch * dim).map(slope).collect();
                assert_close(&host(&tensor.grad(&gradients).unwrap()), &expected, 2e-5);
            }
        }
    }

    #[test]
    fn sub_batches_are_even_and_never_too_small() {
        let sizes = |batch: usize, size: usize| -> Vec<usize> {
            let permutation: Vec<usize> = (0..batch).collect();
            let parts: Vec<_> =
                sub_batches(&permutation, size).unwrap().iter().map(|part| part.len()).collect();
            assert_eq!(parts.iter().sum::<usize>(), batch);
            parts
        };
        assert_eq!(sizes(512, 128), [128; 4]);
        assert_eq!(sizes(300, 128), [150, 150]);
        assert_eq!(sizes(255, 128), [255]);
        assert_eq!(sizes(11, 3), [3, 4, 4]);
        for (batch, size) in [(127, 128), (4, 0), (4, 1)] {
            let error = sub_batches(&vec![0; batch], size).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("run.batch_size"), "{error}");
        }
    }

    #[test]
    fn a_sub_batch_without_full_rank_is_named() {
        let device = Device::default();
        let [healthy, other] = [1, 2].map(|seed| {
            let flat: Vec<f32> = rows(16, 3, Random::new(seed)).concat().iter().map(|&v| v as f32).collect();
            Tensor::<2>::from_data(TensorData::new(flat, [16, 3]), &device)
        });
        let permutation: Vec<usize> = (0..16).rev().collect();
        let whitening = Whitening { size: 8, epsilon: 0.0, normalised: true };
        let loss = |second: Tensor<2>, whitening| {
            w_mse(&[healthy.clone(), second], std::slice::from_ref(&permutation), &whitening)
        };
        assert!(loss(other.clone(), whitening).is_ok());
        // Rows 0 to 7 are the second sub-batch of the reversed order.
        let flat = other.clone().slice_assign([0..8, 2..3], other.clone().slice([0..8, 1..2]) * 2.0);
        let error = loss(flat.clone(), whitening).unwrap_err();
        assert_eq!(error.exit_code(), 5);
        let message = error.to_string();
        for words in [
            "sub-batch 2 of 2 of view 2",
            "8 projections have rank 2, not 3",
            "method.epsilon",
            "method.w_size",
        ] {
            assert!(message.contains(words), "{message}");
        }
        assert!(loss(flat, Whitening { epsilon: 0.01, ..whitening }).is_ok());
        let error = loss(other * f32::NAN, whitening).unwrap_err();
        assert!(
            error.exit_code() == 5
                && error.to_string().contains("view 2 cannot be whitened: its projections are not finite"),
            "{error}"
        );
    }

    #[test]
    fn fewer_than_two_views_or_no_permutation_is_an_error() {
        let view = Tensor::<2>::ones([4, 1], &Device::default());
        let whitening = Whitening { size: 4, epsilon: 0.0, normalised: true };
        assert!(w_mse(std::slice::from_ref(&view), &[vec![0, 1, 2, 3]], &whitening).is_err());
        assert!(w_mse(&[view.clone(), view], &[], &whitening).is_err());
    }
}

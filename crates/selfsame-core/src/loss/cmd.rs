//! The two objectives of CMD, context–motion decoupling.

use burn::tensor::{Int, Tensor};
use selfsame_kernels::info_nce;

use super::info_nce::{BLOCK, Contrast};
use super::unit;

/// Motion prediction of CMD (Huang et al. 2021, arXiv 2104.00862, section 3.3): each predicted vector has to find the feature of the motion that
/// comes at its place in its video's future, among those of all places, windows and videos.
///
/// `predicted` is `[videos, places, dim]` and `motion` `[videos, windows, places, dim]`, both raw; window 0 is the future, the others are
/// negatives out of the same video. The loss is the mean over the predicted vectors; both sides get gradients.
pub fn cmd_motion(predicted: Tensor<3>, motion: Tensor<4>, temperature: f64) -> Contrast {
    let [videos, windows, places, dim] = motion.dims();
    let target = |at: usize| (at / places * windows * places + at % places) as u32;
    let targets: Vec<u32> = (0..videos * places).map(target).collect();
    let motion = motion.reshape([videos * windows * places, dim]);
    both_learn(predicted.reshape([videos * places, dim]), motion, &targets, temperature)
}

/// Context matching of CMD (arXiv 2104.00862, section 3.2): each clip has to find the key frame of its video among those of the batch.
///
/// `clips` and `key_frames` are raw, `[videos, dim]` each; row i of both comes from video i. The loss is the mean over the clips; both sides get
/// gradients.
pub fn cmd_context(clips: Tensor<2>, key_frames: Tensor<2>, temperature: f64) -> Contrast {
    let targets: Vec<u32> = (0..clips.dims()[0] as u32).collect();
    both_learn(clips, key_frames, &targets, temperature)
}

/// InfoNCE of every query with its target among `keys`, learned by both.
fn both_learn(queries: Tensor<2>, keys: Tensor<2>, targets: &[u32], temperature: f64) -> Contrast {
    let accuracy = nearest(queries.clone(), keys.clone(), targets);
    Contrast { loss: info_nce(queries, keys, targets, temperature).mean(), accuracy }
}

/// Share of the queries that have no more similar key than their target, `[1]`, without gradient.
fn nearest(queries: Tensor<2>, keys: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    let [queries, keys] = [queries, keys].map(|rows| unit(rows.without_autodiff()));
    let [rows, _] = queries.dims();
    let size = (BLOCK / keys.dims()[0].max(1)).max(1);
    let hits = (0..rows).step_by(size).map(|start| {
        let count = size.min(rows - start);
        let similar = queries.clone().narrow(0, start, count).matmul(keys.clone().transpose());
        let targets: Vec<i64> = targets[start..start + count].iter().map(|&target| target.into()).collect();
        let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &similar.device());
        let of_target = similar.clone().gather(1, targets.unsqueeze_dim(1));
        of_target.greater_equal(similar.max_dim(1)).float()
    });
    Tensor::cat(hits.collect(), 0).mean()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::info_nce::tests::{Rows, dot, noise, slopes, slow_unit, tensor};
    use super::*;
    use crate::Random;
    use crate::golden::{Golden, assert_close, host};

    #[test]
    fn golden() {
        let golden = Golden::read("cmd_losses");
        let close = |found: Vec<f64>, name: &str| assert_close(&found, &golden.values(name).0, 1e-5);
        let predicted = golden.tensor::<3>("predicted").autodiff().require_grad();
        let motion = golden.tensor::<4>("motion").autodiff().require_grad();
        let loss = cmd_motion(predicted.clone(), motion.clone(), 0.1).loss;
        close(host(&loss), "loss_motion");
        let gradients = loss.backward();
        close(host(&predicted.grad(&gradients).unwrap()), "grad_predicted");
        close(host(&motion.grad(&gradients).unwrap()), "grad_motion");

        let [clip, key_frame] =
            ["clip", "key_frame"].map(|name| golden.tensor::<2>(name).autodiff().require_grad());
        let loss = cmd_context(clip.clone(), key_frame.clone(), 0.1).loss;
        close(host(&loss), "loss_context");
        let gradients = loss.backward();
        close(host(&clip.grad(&gradients).unwrap()), "grad_clip");
        close(host(&key_frame.grad(&gradients).unwrap()), "grad_key_frame");
    }

    /// The loss and the accuracy, query by query.
    fn slow(queries: &Rows, keys: &Rows, target: impl Fn(usize) -> usize, temperature: f64) -> (f64, f64) {
        let (mut loss, mut hits) = (0.0, 0.0);
        for (at, query) in queries.iter().enumerate() {
            let logit = |key: &Vec<f64>| dot(&slow_unit(query), &slow_unit(key)) / temperature;
            let of_target = logit(&keys[target(at)]);
            loss += keys.iter().map(|key| logit(key).exp()).sum::<f64>().ln() - of_target;
            hits += f64::from(u8::from(keys.iter().all(|key| logit(key) <= of_target)));
        }
        (loss / queries.len() as f64, hits / queries.len() as f64)
    }

    #[test]
    fn equals_the_papers_objectives_at_any_size() {
        for [videos, windows, places, dim] in [[2, 1, 1, 2], [2, 3, 1, 4], [3, 1, 5, 3], [4, 4, 3, 6]] {
            let random = Random::new(3).at(videos as u64);
            let predicted = noise(videos * places, dim, &random.named("predicted"));
            let mut motion = noise(videos * windows * places, dim, &random.named("motion"));
            let target = |at: usize| {
                let (video, place) = (at / places, at % places);
                (video * windows) * places + place
            };
            // Some are right.
            motion[target(0)] = predicted[0].clone();
            let found = cmd_motion(
                tensor(&predicted).reshape([videos, places, dim]).autodiff().require_grad(),
                tensor(&motion).reshape([videos, windows, places, dim]),
                0.2,
            );
            let (loss, accuracy) = slow(&predicted, &motion, target, 0.2);
            assert_close(&host(&found.loss), &[loss], 1e-5);
            assert_close(&host(&found.accuracy), &[accuracy], 1e-6);
            assert!(!found.accuracy.is_autodiff());

            let keys = tensor(&motion).autodiff().require_grad();
            let found = cmd_motion(
                tensor(&predicted).reshape([videos, places, dim]),
                keys.clone().reshape([videos, windows, places, dim]),
                0.2,
            );
            let gradient = host(&keys.grad(&found.loss.backward()).unwrap());
            assert_close(&gradient, &slopes(&motion, |m| slow(&predicted, m, target, 0.2).0), 1e-4);

            let [clips, frames] = ["clips", "frames"].map(|name| noise(videos, dim, &random.named(name)));
            // Warm enough that the loss of a few rows is not what rounding leaves of zero.
            let found = cmd_context(tensor(&clips), tensor(&frames), 0.5);
            let (loss, accuracy) = slow(&clips, &frames, |at| at, 0.5);
            assert_close(&host(&found.loss), &[loss], 1e-5);
            assert_close(&host(&found.accuracy), &[accuracy], 1e-6);
        }
    }

    #[test]
    fn the_accuracy_of_more_than_a_block_is_counted_once() {
        let rows = noise(700, 3, &Random::new(4));
        let found = cmd_context(tensor(&rows), tensor(&rows), 0.1);
        assert_close(&host(&found.accuracy), &[1.0], 1e-6);
        let turned: Rows = rows.iter().map(|row| row.iter().map(|v| -v).collect()).collect();
        assert_eq!(host(&cmd_context(tensor(&rows), tensor(&turned), 0.1).accuracy), [0.0]);
    }
}

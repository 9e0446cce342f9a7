//! InfoNCE against a queue, the objective of MoCo and its kin.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::similarity::unit_and_length;
use super::unit;

/// Logits that are computed at a time: they stay in the cache, and the rest of them need no memory.
pub(super) const BLOCK: usize = 1 << 18;

/// What telling each query's key from its negatives gives.
#[derive(Clone, Debug)]
pub struct Contrast {
    /// The loss, the mean over the queries, `[1]`.
    pub loss: Tensor<1>,
    /// Share of the queries whose key is more similar than every negative, `[1]`, without gradient: the accuracy of the proxy task.
    pub accuracy: Tensor<1>,
}

/// InfoNCE of MoCo (He et al. 2019, arXiv 1911.05722, eq. 1): each query has to find its key among the queue's.
///
/// `queries` and `keys` are raw, `[rows, dim]` each; row i of both comes from instance i. `queue` is `[K, dim]`, rows of unit length. Only
/// the queries get a gradient.
pub fn info_nce(queries: Tensor<2>, keys: Tensor<2>, queue: Tensor<2>, temperature: f64) -> Contrast {
    contrast(queries, keys, queue, None, temperature)
}

/// [`info_nce`] with negatives that each query has for itself, beside the queue's: `own`, `[rows, m, dim]`, of unit length. They are constants, too.
pub fn info_nce_with_own(
    queries: Tensor<2>,
    keys: Tensor<2>,
    queue: Tensor<2>,
    own: Tensor<3>,
    temperature: f64,
) -> Contrast {
    contrast(queries, keys, queue, Some(own), temperature)
}

/// The softmax cross-entropy of every row of `queries` (`[rows, dim]`, raw) with its row of `keys` (raw) against all of `queue` (`[K, dim]`,
/// unit length) and against what it has for itself in `own` (`[rows, m, dim]`, unit length).
///
/// The negatives being constants, the gradient is known with the loss: with p the softmax of the logits, it is
/// `(Σ p_n · n − (1 − p_key) · key) / (τ · rows)` for a query of unit length. It is therefore computed block by block and not recorded:
/// where every cell of a map is a query (DenseCL), all logits at once would be larger than everything else in the network.
fn contrast(
    queries: Tensor<2>,
    keys: Tensor<2>,
    queue: Tensor<2>,
    own: Option<Tensor<3>>,
    temperature: f64,
) -> Contrast {
    let rows = queries.dims()[0];
    let values = queries.clone().without_autodiff();
    let [keys, queue] = [keys, queue].map(Tensor::without_autodiff);
    let own = own.map(Tensor::without_autodiff);
    let negatives = queue.dims()[0] + own.as_ref().map_or(0, |own| own.dims()[1]);
    let size = (BLOCK / negatives.max(1)).clamp(1, rows.max(1));
    let starts: Vec<usize> = (0..rows).step_by(size).collect();
    let blocks = starts.into_par_iter().map(|start| {
        let count = size.min(rows - start);
        let part = |all: &Tensor<2>| all.clone().narrow(0, start, count);
        let own = own.as_ref().map(|own| own.clone().narrow(0, start, count));
        Block::of(part(&values), part(&keys), &queue, own, temperature)
    });
    // In order, so that the sums do not depend on the number of threads.
    let blocks: Vec<Block> = blocks.collect();
    let join =
        |part: fn(&Block) -> &Tensor<2>| Tensor::cat(blocks.iter().map(|b| part(b).clone()).collect(), 0);
    let loss = join(|block| &block.losses).mean();
    let gradient = join(|block| &block.gradients) / rows.max(1) as f64;
    // Zero, with the gradient as its slope.
    let slope = ((queries - values) * gradient).sum();
    Contrast { loss: slope + loss, accuracy: join(|block| &block.hits).mean() }
}

/// Some rows of a contrast.
struct Block {
    /// `[rows, 1]`.
    losses: Tensor<2>,
    /// 1 where the key is more similar than all negatives, `[rows, 1]`.
    hits: Tensor<2>,
    /// Of the sum of the losses with respect to the queries, `[rows, dim]`.
    gradients: Tensor<2>,
}

impl Block {
    fn of(
        queries: Tensor<2>,
        keys: Tensor<2>,
        queue: &Tensor<2>,
        own: Option<Tensor<3>>,
        temperature: f64,
    ) -> Self {
        let [rows, dim] = queries.dims();
        let (queries, length) = unit_and_length(queries);
        let keys = unit(keys);
        let scaled = queries.clone() / temperature;
        let positive = (scaled.clone() * keys.clone()).sum_dim(1);
        let shared = scaled.clone().matmul(queue.clone().transpose());
        let own = own.filter(|own| own.dims()[1] > 0).map(|own| {
            let count = own.dims()[1];
            let logits = own.clone().matmul(scaled.reshape([rows, dim, 1]));
            (own, logits.reshape([rows, count]))
        });

        let mut nearest = shared.clone().max_dim(1);
        if let Some((_, logits)) = &own {
            nearest = nearest.max_pair(logits.clone().max_dim(1));
        }
        let hits = positive.clone().greater(nearest.clone()).float();
        // Shifting by the largest logit keeps every exponential in range; the shift cancels.
        let largest = positive.clone().max_pair(nearest);
        let shared = (shared - largest.clone()).exp();
        let of_key = (positive.clone() - largest.clone()).exp();
        let mut partition = of_key.clone() + shared.clone().sum_dim(1);
        let mut pull = shared.matmul(queue.clone()) + keys.clone() * of_key;
        if let Some((own, logits)) = own {
            let weights = (logits - largest.clone()).exp();
            partition = partition + weights.clone().sum_dim(1);
            let count = weights.dims()[1];
            pull = pull + weights.reshape([rows, 1, count]).matmul(own).reshape([rows, dim]);
        }
        let losses = partition.clone().log() + (largest - positive);
        let gradients = (pull / partition - keys) / temperature;
        // Through the division by the length only what is across the query gets.
        let along = (gradients.clone() * queries.clone()).sum_dim(1);
        Self { losses, hits, gradients: (gradients - queries * along) / length }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub(super) mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Random;
    use crate::golden::{Golden, assert_close, host};

    pub type Rows = Vec<Vec<f64>>;

    pub fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    pub fn slow_unit(row: &[f64]) -> Vec<f64> {
        let length = dot(row, row).sqrt();
        row.iter().map(|value| value / length).collect()
    }

    pub fn noise(count: usize, dim: usize, random: &Random) -> Rows {
        let row = |at: usize| {
            let mut random = random.at(at as u64);
            (0..dim).map(|_| f64::from(random.normal())).collect()
        };
        (0..count).map(row).collect()
    }

    pub fn tensor(rows: &Rows) -> Tensor<2> {
        let flat: Vec<f32> = rows.iter().flatten().map(|&v| v as f32).collect();
        Tensor::from_data(TensorData::new(flat, [rows.len(), rows[0].len()]), &Device::default())
    }

    /// Equation 1 for one query, given at unit length: the loss and whether the key is nearer than all negatives.
    pub fn slow_row(query: &[f64], key: &[f64], negatives: &Rows, temperature: f64) -> (f64, bool) {
        let positive = dot(query, key) / temperature;
        let logits: Vec<f64> = negatives.iter().map(|n| dot(query, n) / temperature).collect();
        let sum = positive.exp() + logits.iter().map(|logit| logit.exp()).sum::<f64>();
        (sum.ln() - positive, logits.iter().all(|logit| *logit < positive))
    }

    fn slow(queries: &Rows, keys: &Rows, queue: &Rows, temperature: f64) -> (f64, f64) {
        let (mut loss, mut hits) = (0.0, 0.0);
        for (query, key) in queries.iter().zip(keys) {
            let (of_row, hit) = slow_row(&slow_unit(query), &slow_unit(key), queue, temperature);
            loss += of_row;
            hits += f64::from(u8::from(hit));
        }
        (loss / queries.len() as f64, hits / queries.len() as f64)
    }

    /// The slopes of `loss` at `at` by central differences.
    pub fn slopes(at: &Rows, loss: impl Fn(&Rows) -> f64) -> Vec<f64> {
        let mut slopes = Vec::new();
        for row in 0..at.len() {
            for column in 0..at[row].len() {
                let moved = |by: f64| {
                    let mut there = at.clone();
                    there[row][column] += by;
                    loss(&there)
                };
                slopes.push((moved(1e-5) - moved(-1e-5)) / 2e-5);
            }
        }
        slopes
    }

    #[test]
    fn golden() {
        let golden = Golden::read("moco_info_nce");
        let queries = golden.tensor::<2>("q").autodiff().require_grad();
        let keys = golden.tensor::<2>("k").autodiff().require_grad();
        let loss = info_nce(queries.clone(), keys.clone(), golden.tensor("queue"), 0.2).loss;
        assert_close(&host(&loss), &golden.values("loss").0, 1e-5);
        let gradients = loss.backward();
        assert_close(&host(&queries.grad(&gradients).unwrap()), &golden.values("grad_q").0, 1e-5);
        assert!(keys.grad(&gradients).is_none(), "keys are constants");
    }

    #[test]
    fn equals_equation_1_at_any_size() {
        for (rows, dim, count, temperature) in
            [(1, 3, 1, 0.5), (2, 1, 5, 1.0), (5, 7, 11, 0.07), (9, 4, 70_000, 0.2)]
        {
            let random = Random::new(3).at(count as u64);
            let [queries, keys] = ["q", "k"].map(|name| noise(rows, dim, &random.named(name)));
            let queue: Rows =
                noise(count, dim, &random.named("queue")).iter().map(|key| slow_unit(key)).collect();
            let tracked = tensor(&queries).autodiff().require_grad();
            let found = info_nce(tracked.clone(), tensor(&keys), tensor(&queue), temperature);
            let (loss, accuracy) = slow(&queries, &keys, &queue, temperature);
            assert_close(&host(&found.loss), &[loss], 1e-5);
            assert_close(&host(&found.accuracy), &[accuracy], 1e-6);
            if count > 100 {
                continue;
            }
            let gradient = host(&tracked.grad(&found.loss.backward()).unwrap());
            assert_close(&gradient, &slopes(&queries, |q| slow(q, &keys, &queue, temperature).0), 1e-4);
        }
    }

    #[test]
    fn every_query_has_its_own_negatives_beside_the_queue() {
        let (rows, dim, own, temperature) = (4, 5, 2, 0.3);
        let random = Random::new(6);
        let [queries, keys] = ["q", "k"].map(|name| noise(rows, dim, &random.named(name)));
        let unit_noise = |count, name| -> Rows {
            noise(count, dim, &random.named(name)).iter().map(|row| slow_unit(row)).collect()
        };
        let (queue, of_queries) = (unit_noise(7, "queue"), unit_noise(rows * own, "own"));
        let slow = |queries: &Rows| {
            let rows = queries.iter().zip(&keys).enumerate().map(|(at, (query, key))| {
                let negatives = [&queue[..], &of_queries[own * at..own * (at + 1)]].concat();
                slow_row(&slow_unit(query), &slow_unit(key), &negatives, temperature)
            });
            let (losses, hits): (Vec<f64>, Vec<bool>) = rows.unzip();
            let hits = hits.into_iter().filter(|hit| *hit).count();
            (losses.iter().sum::<f64>() / losses.len() as f64, hits as f64 / losses.len() as f64)
        };
        let tracked = tensor(&queries).autodiff().require_grad();
        let negatives = tensor(&of_queries).reshape([rows, own, dim]);
        let found = info_nce_with_own(tracked.clone(), tensor(&keys), tensor(&queue), negatives, temperature);
        let (loss, accuracy) = slow(&queries);
        assert_close(&host(&found.loss), &[loss], 1e-5);
        assert_close(&host(&found.accuracy), &[accuracy], 1e-6);
        let gradient = host(&tracked.grad(&found.loss.backward()).unwrap());
        assert_close(&gradient, &slopes(&queries, |queries| slow(queries).0), 1e-4);
    }

    #[test]
    fn what_follows_the_loss_scales_its_gradient() {
        let random = Random::new(5);
        let [queries, keys] = ["q", "k"].map(|name| tensor(&noise(4, 3, &random.named(name))));
        let queue = unit(tensor(&noise(6, 3, &random.named("queue"))));
        let gradient = |factor: f64| {
            let queries = queries.clone().autodiff().require_grad();
            let loss = info_nce(queries.clone(), keys.clone(), queue.clone(), 0.2).loss * factor;
            host(&queries.grad(&loss.backward()).unwrap())
        };
        let thrice: Vec<f64> = gradient(1.0).iter().map(|g| 3.0 * g).collect();
        assert_close(&gradient(3.0), &thrice, 1e-6);
    }

    #[test]
    fn tiny_temperatures_and_keys_in_the_queue_stay_finite() {
        let rows = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], &Device::default());
        let queries = rows.clone().autodiff().require_grad();
        let found = info_nce(queries.clone(), rows.clone(), rows, 1e-3);
        // Its own old key in the queue is as near as the key.
        assert_close(&host(&found.loss), &[2f64.ln()], 1e-5);
        assert_eq!(host(&found.accuracy), [0.0]);
        assert!(host(&queries.grad(&found.loss.backward()).unwrap()).iter().all(|g| g.is_finite()));
    }
}

//! MoCHi: InfoNCE with synthetic negatives, mixed from the hardest.

use std::cmp::Ordering;

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::{Contrast, info_nce_with_own, unit};
use crate::{Random, Result, host};

/// How many negatives are mixed from how many: MoCHi(N, s, s′) of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synthesis {
    /// N: the keys of the queue most similar to a query, from which its synthetic negatives are mixed.
    pub hard: usize,
    /// s: mixtures of two of them.
    pub mixed: usize,
    /// s′: mixtures of the query with one of them.
    pub with_query: usize,
}

/// What is drawn for one query. Hard negatives are numbered from the most similar one.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixing {
    /// For each mixture of two: their numbers, and the share α of the first, in `[0, 1]`.
    pub pairs: Vec<(usize, usize, f32)>,
    /// For each mixture with the query: the negative's number, and the query's share β, in `[0, 0.5]`.
    pub with_query: Vec<(usize, f32)>,
}

impl Mixing {
    /// Draws for one query.
    pub fn draw(synthesis: Synthesis, random: &Random) -> Self {
        let Synthesis { hard, mixed, with_query } = synthesis;
        let (mut of_pairs, mut of_query) = (random.named("pairs"), random.named("query"));
        let pair = |_| (of_pairs.below(hard), of_pairs.below(hard), of_pairs.unit());
        let pairs = (0..mixed).map(pair).collect();
        let pick = |_| (of_query.below(hard), of_query.range(0.0, 0.5));
        Self { pairs, with_query: (0..with_query).map(pick).collect() }
    }
}

/// What [`mochi`] gives.
#[derive(Clone, Debug)]
pub struct Mochi {
    /// The loss and the accuracy of the proxy task, synthetic negatives included.
    pub contrast: Contrast,
    /// What the N hardest negatives of a query are, all kinds taken together: the shares of the queue's keys, of mixtures of two and of mixtures
    /// with the query, `[1]` each. Mean over the queries.
    pub shares: [Tensor<1>; 3],
}

/// The objective of MoCHi (Kalantidis et al. 2020, arXiv 2010.01028, section 4): InfoNCE as [`info_nce`](super::info_nce), with
/// synthetic negatives beside the queue's. For each query, of the `hard` keys most similar to it,
///
/// * `unit(α · n_i + (1 − α) · n_j)` (eq. 3) and
/// * `unit(β · q + (1 − β) · n_j)` (eq. 4)
///
/// for every draw in `mixing`, which has one entry for each query. They are constants. `hard` is at most the queue's K, and no number in
/// `mixing` reaches it: what is beyond is left out.
///
/// # Errors
/// When the device fails to hand out the similarities.
pub fn mochi(
    queries: Tensor<2>,
    keys: Tensor<2>,
    queue: Tensor<2>,
    temperature: f64,
    hard: usize,
    mixing: &[Mixing],
) -> Result<Mochi> {
    let synthetic = synthesize(unit(queries.clone().without_autodiff()), queue.clone(), hard, mixing)?;
    let contrast = info_nce_with_own(queries, keys, queue, synthetic.points, temperature);
    Ok(Mochi { contrast, shares: synthetic.shares })
}

/// The synthetic negatives of a batch.
struct Synthetic {
    /// `[rows, s + s′, dim]`: mixtures of two, then mixtures with the query.
    points: Tensor<3>,
    shares: [Tensor<1>; 3],
}

/// Mixes the negatives of `queries`, `[rows, dim]` of unit length.
fn synthesize(queries: Tensor<2>, queue: Tensor<2>, hard: usize, mixing: &[Mixing]) -> Result<Synthetic> {
    let device = queries.device();
    let [rows, dim] = queries.dims();
    let count = queue.dims()[0];
    let similarities = host::values(queries.clone().matmul(queue.clone().transpose()))?;
    let (queries, queue) = (host::values(queries)?, host::values(queue)?);
    let longest = mixing.iter().map(|mixing| mixing.pairs.len() + mixing.with_query.len()).max().unwrap_or(0);
    let mut points = vec![0.0; rows * longest * dim];
    let of_row = |((row, points), mixing): ((usize, &mut [f32]), &Mixing)| {
        let similarities = &similarities[row * count..(row + 1) * count];
        let query = &queries[row * dim..(row + 1) * dim];
        let negatives = Negatives { query, queue: &queue, top: hardest(similarities, hard) };
        negatives.mix(mixing, points);
        negatives.shares(mixing, points, similarities)
    };
    let rows_of_points = points.par_chunks_mut((longest * dim).max(1)).enumerate();
    let shares: Vec<[f32; 3]> = match longest {
        0 => vec![[1.0, 0.0, 0.0]; rows],
        _ => rows_of_points.zip(mixing).map(of_row).collect(),
    };
    let share = |kind: usize| {
        let sum: f32 = shares.iter().map(|shares| shares[kind]).sum();
        Tensor::from_floats([sum / rows.max(1) as f32], &device)
    };
    let points = Tensor::from_data(TensorData::new(points, [rows, longest, dim]), &device);
    Ok(Synthetic { points, shares: [0, 1, 2].map(share) })
}

/// The numbers of the `count` largest similarities, the largest first; of equal ones the first in the queue.
fn hardest(similarities: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<u32> = (0..similarities.len() as u32).collect();
    let count = count.min(order.len());
    let compare = |a: &u32, b: &u32| -> Ordering {
        similarities[*b as usize].total_cmp(&similarities[*a as usize]).then(a.cmp(b))
    };
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, compare);
    }
    order.truncate(count);
    order.sort_unstable_by(compare);
    order.into_iter().map(|number| number as usize).collect()
}

/// What one query's negatives are mixed from.
struct Negatives<'a> {
    query: &'a [f32],
    queue: &'a [f32],
    top: Vec<usize>,
}

impl Negatives<'_> {
    /// The hard negative of this number.
    fn hard(&self, number: usize) -> Option<&[f32]> {
        let dim = self.query.len();
        self.top.get(number).map(|place| &self.queue[place * dim..(place + 1) * dim])
    }

    /// Writes the synthetic points one after the other.
    fn mix(&self, mixing: &Mixing, points: &mut [f32]) {
        let mut points = points.chunks_exact_mut(self.query.len().max(1));
        // Equation 3.
        for (&(first, second, alpha), point) in mixing.pairs.iter().zip(points.by_ref()) {
            if let (Some(first), Some(second)) = (self.hard(first), self.hard(second)) {
                blend(first, second, alpha, point);
            }
        }
        // Equation 4.
        for (&(negative, beta), point) in mixing.with_query.iter().zip(points) {
            if let Some(negative) = self.hard(negative) {
                blend(self.query, negative, beta, point);
            }
        }
    }

    /// The shares of the kinds among as many most similar negatives as there are hard ones.
    fn shares(&self, mixing: &Mixing, points: &[f32], similarities: &[f32]) -> [f32; 3] {
        let similarity = |point: &[f32]| dot(point, self.query);
        let synthetic = points.chunks_exact(self.query.len().max(1)).enumerate();
        let synthetic =
            synthetic.map(|(at, point)| (1 + usize::from(at >= mixing.pairs.len()), similarity(point)));
        let mut all: Vec<(usize, f32)> =
            self.top.iter().map(|&place| (0, similarities[place])).chain(synthetic).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut shares = [0.0; 3];
        for (kind, _) in all.iter().take(self.top.len()) {
            shares[*kind] += 1.0 / self.top.len() as f32;
        }
        shares
    }
}

/// `unit(share · a + (1 − share) · b)`.
fn blend(a: &[f32], b: &[f32], share: f32, point: &mut [f32]) {
    for ((point, a), b) in point.iter_mut().zip(a).zip(b) {
        *point = share * a + (1.0 - share) * b;
    }
    // As in `unit`: what has no length stays zero.
    let scale = 1.0 / dot(point, point).sqrt().max(1e-8);
    point.iter_mut().for_each(|value| *value *= scale);
}

/// The scalar product, in as many sums as a vector has numbers: one alone would wait for itself at every step.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::info_nce::tests::{Rows, dot, noise, slopes, slow_row, slow_unit, tensor};
    use super::*;
    use crate::golden::{Golden, assert_close, host};

    fn golden_mixing(golden: &Golden) -> Vec<Mixing> {
        let [first, second, pick] = ["pair_a", "pair_b", "query_pick"].map(|name| golden.indices(name));
        let [alpha, beta] = ["alpha", "beta"].map(|name| golden.values(name).0);
        let of_query = |row: usize| Mixing {
            pairs: (row * 8..(row + 1) * 8).map(|at| (first[at], second[at], alpha[at] as f32)).collect(),
            with_query: (row * 4..(row + 1) * 4).map(|at| (pick[at], beta[at] as f32)).collect(),
        };
        (0..6).map(of_query).collect()
    }

    #[test]
    fn golden() {
        let golden = Golden::read("mochi");
        let mixing = golden_mixing(&golden);
        let queries = golden.tensor::<2>("q").autodiff().require_grad();
        let found =
            mochi(queries.clone(), golden.tensor("k"), golden.tensor("queue"), 0.2, 20, &mixing).unwrap();
        assert_close(&host(&found.contrast.loss), &golden.values("loss").0, 1e-5);
        let gradient = queries.grad(&found.contrast.loss.backward()).unwrap();
        assert_close(&host(&gradient), &golden.values("grad_q").0, 1e-5);
    }

    #[test]
    fn the_hardest_and_the_mixtures_are_the_goldens() {
        let golden = Golden::read("mochi");
        let (queries, queue) = (unit(golden.tensor("q")), golden.tensor::<2>("queue"));
        let similarities = queries.clone().matmul(queue.clone().transpose());
        let similarities: Vec<f32> = host(&similarities).iter().map(|&value| value as f32).collect();
        let top: Vec<usize> = similarities.chunks(60).flat_map(|row| hardest(row, 20)).collect();
        assert_eq!(top, golden.indices("top"));
        let points = synthesize(queries, queue, 20, &golden_mixing(&golden)).unwrap().points;
        assert_close(&host(&points.clone().narrow(1, 0, 8)), &golden.values("mixed").0, 1e-5);
        assert_close(&host(&points.narrow(1, 8, 4)), &golden.values("mixed_query").0, 1e-5);
    }

    #[test]
    fn the_hardest_come_in_order_and_equal_ones_by_their_place() {
        assert_eq!(hardest(&[0.1, 0.9, -0.5, 0.9, 0.3], 3), [1, 3, 4]);
        assert_eq!(hardest(&[0.5, 0.5], 9), [0, 1]);
        assert!(hardest(&[], 3).is_empty() && hardest(&[1.0], 0).is_empty());
    }

    /// The synthetic points of every query, kind by kind.
    fn slow_points(queries: &Rows, queue: &Rows, hard: usize, mixing: &[Mixing]) -> Vec<[Rows; 2]> {
        let of_row = |(query, mixing): (&Vec<f64>, &Mixing)| {
            let query = slow_unit(query);
            let mut order: Vec<usize> = (0..queue.len()).collect();
            order.sort_by(|a, b| dot(&query, &queue[*b]).total_cmp(&dot(&query, &queue[*a])));
            order.truncate(hard);
            let blend = |a: &[f64], b: &[f64], share: f32| {
                let share = f64::from(share);
                let sum: Vec<f64> = a.iter().zip(b).map(|(a, b)| share * a + (1.0 - share) * b).collect();
                slow_unit(&sum)
            };
            let pairs = mixing.pairs.iter().map(|(i, j, a)| blend(&queue[order[*i]], &queue[order[*j]], *a));
            let with = mixing.with_query.iter().map(|(j, b)| blend(&query, &queue[order[*j]], *b));
            [pairs.collect(), with.collect()]
        };
        queries.iter().zip(mixing).map(of_row).collect()
    }

    #[test]
    fn equals_the_paper_at_any_size() {
        for (rows, dim, count, synthesis) in [
            (1, 3, 2, Synthesis { hard: 1, mixed: 1, with_query: 1 }),
            (4, 5, 30, Synthesis { hard: 7, mixed: 9, with_query: 0 }),
            (3, 4, 12, Synthesis { hard: 12, mixed: 0, with_query: 5 }),
            (5, 6, 20, Synthesis { hard: 4, mixed: 3, with_query: 2 }),
        ] {
            let random = Random::new(9).at(count as u64);
            let [queries, keys] = ["q", "k"].map(|name| noise(rows, dim, &random.named(name)));
            let queue: Rows =
                noise(count, dim, &random.named("n")).iter().map(|key| slow_unit(key)).collect();
            let mixing: Vec<_> =
                (0..rows).map(|row| Mixing::draw(synthesis, &random.at(row as u64))).collect();
            let points = slow_points(&queries, &queue, synthesis.hard, &mixing);
            // The synthetic points are constants: they are those of the queries as they were.
            let reference = |queries: &Rows| {
                let of_row = |row: usize| {
                    let negatives = [queue.clone(), points[row].concat()].concat();
                    slow_row(&slow_unit(&queries[row]), &slow_unit(&keys[row]), &negatives, 0.3).0
                };
                (0..rows).map(of_row).sum::<f64>() / rows as f64
            };
            let tracked = tensor(&queries).autodiff().require_grad();
            let found =
                mochi(tracked.clone(), tensor(&keys), tensor(&queue), 0.3, synthesis.hard, &mixing).unwrap();
            assert_close(&host(&found.contrast.loss), &[reference(&queries)], 1e-5);
            let gradient = host(&tracked.grad(&found.contrast.loss.backward()).unwrap());
            assert_close(&gradient, &slopes(&queries, reference), 1e-4);

            let mut shares = [0.0; 3];
            for (query, points) in queries.iter().zip(&points) {
                let kinds = [&queue, &points[0], &points[1]];
                let mut all: Vec<(usize, f64)> = (0..3)
                    .flat_map(|kind| {
                        kinds[kind].iter().map(move |point| (kind, dot(&slow_unit(query), point)))
                    })
                    .collect();
                all.sort_by(|a, b| b.1.total_cmp(&a.1));
                for (kind, _) in &all[..synthesis.hard] {
                    shares[*kind] += 1.0 / (rows * synthesis.hard) as f64;
                }
            }
            assert_close(&found.shares.iter().flat_map(host).collect::<Vec<_>>(), &shares, 1e-5);
        }
    }

    #[test]
    fn without_synthetic_points_it_is_moco() {
        let random = Random::new(2);
        let [queries, keys] = ["q", "k"].map(|name| tensor(&noise(4, 3, &random.named(name))));
        let queue = unit(tensor(&noise(6, 3, &random.named("queue"))));
        let none = Mixing { pairs: vec![], with_query: vec![] };
        let found = mochi(queries.clone(), keys.clone(), queue.clone(), 0.2, 3, &vec![none; 4]).unwrap();
        let moco = super::super::info_nce(queries, keys, queue, 0.2);
        assert_eq!(host(&found.contrast.loss), host(&moco.loss));
        assert_eq!(found.shares.iter().flat_map(host).collect::<Vec<_>>(), [1.0, 0.0, 0.0]);
    }

    #[test]
    fn draws_are_in_range_and_depend_on_their_address_alone() {
        let synthesis = Synthesis { hard: 5, mixed: 500, with_query: 500 };
        let drawn = Mixing::draw(synthesis, &Random::new(1));
        assert_eq!(drawn, Mixing::draw(synthesis, &Random::new(1)));
        assert_ne!(drawn, Mixing::draw(synthesis, &Random::new(2)));
        assert!(drawn.pairs.iter().all(|(i, j, alpha)| *i < 5 && *j < 5 && (0.0..1.0).contains(alpha)));
        assert!(drawn.with_query.iter().all(|(j, beta)| *j < 5 && (0.0..0.5).contains(beta)));
        let mean = drawn.with_query.iter().map(|(_, beta)| beta).sum::<f32>() / 500.0;
        assert!((mean - 0.25).abs() < 0.03, "{mean}");
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::thread;

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};

use super::{AllReduce, Collective, Single, Threads, gather_with_gradient, mean_with_gradient};
use crate::{Random, Result};
use selfsame_kernels::{Epilogue, batch_norm};

/// Runs `work` on every rank of a group, each on its thread, and returns what they return in rank order. A rank that
/// panics has no result.
fn on_ranks<T: Send>(size: usize, work: impl Fn(Threads) -> T + Sync) -> Vec<Option<T>> {
    thread::scope(|scope| {
        let threads: Vec<_> =
            Threads::ranks(size).into_iter().map(|rank| scope.spawn(|| work(rank))).collect();
        threads.into_iter().map(|thread| thread.join().ok()).collect()
    })
}

#[test]
fn every_rank_gets_the_same_bits() {
    // Summed in another order than that of the ranks these would differ.
    let given = [1e8_f32, 1.0, -1e8, 0.3, 0.1];
    let expected = given.iter().fold(0.0, |sum, value| sum + value);
    for _ in 0..50 {
        let results = on_ranks(5, |rank| {
            let mut values = [given[rank.rank()], rank.rank() as f32];
            rank.sum(&mut values).unwrap();
            values
        });
        assert!(results.iter().all(|result| *result == Some([expected, 10.0])));
    }
}

#[test]
fn operations_follow_one_another_without_mixing() {
    let results = on_ranks(3, |rank| {
        let own = rank.rank() as f32;
        for round in 0..200 {
            let round = round as f32;
            assert_eq!(rank.all_gather(&[own, round]).unwrap(), [0.0, round, 1.0, round, 2.0, round]);
            let mut values = [own, round];
            rank.mean(&mut values).unwrap();
            assert_eq!(values, [1.0, round]);
            let mut values = [own + round];
            rank.broadcast(&mut values, 2).unwrap();
            assert_eq!(values, [2.0 + round]);
            rank.barrier().unwrap();
        }
    });
    assert_eq!(results, [Some(()); 3]);
}

#[test]
fn the_only_rank_keeps_what_it_has() {
    let mut values = [1.0, 2.0];
    Single.sum(&mut values).unwrap();
    Single.mean(&mut values).unwrap();
    Single.broadcast(&mut values, 0).unwrap();
    Single.barrier().unwrap();
    assert_eq!(Single.all_gather(&values).unwrap(), [1.0, 2.0]);
    assert_eq!((Single.rank(), Single.size()), (0, 1));
    assert!(Single.broadcast(&mut values, 1).unwrap_err().to_string().contains("rank 1"));
}

#[test]
fn nobody_waits_for_a_rank_that_panicked_or_ended() {
    for panics in [true, false] {
        let results = on_ranks(4, |rank| {
            rank.barrier().unwrap();
            if rank.rank() == 2 {
                assert!(!panics, "on purpose");
                return None;
            }
            let first = rank.sum(&mut [1.0]).unwrap_err().to_string();
            // The group stays failed, whatever is asked of it.
            let later = rank.all_gather(&[1.0]).unwrap_err().to_string();
            Some((first, later))
        });
        let message = if panics { "rank 2 of 4 panicked" } else { "rank 2 of 4 ended" };
        for result in [&results[0], &results[1], &results[3]] {
            assert_eq!(*result, Some(Some((message.to_owned(), message.to_owned()))));
        }
    }
}

#[test]
fn ranks_that_are_out_of_step_are_told_so() {
    let results = on_ranks(2, |rank| {
        let length = 3 + rank.rank();
        rank.sum(&mut vec![0.0; length]).unwrap_err().to_string()
    });
    for result in results {
        assert!(
            result.unwrap().contains("rank 0 is at Sum { length: 3 } while rank 1 is at Sum { length: 4 }")
        );
    }
    let results = on_ranks(2, |rank| rank.broadcast(&mut [0.0], 7).is_err());
    assert_eq!(results, [Some(true); 2]);
}

const CHANNELS: usize = 5;
const DIMENSIONS: usize = 4;
const EPSILON: f64 = 1e-5;

fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex().autodiff())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn random(name: &str, count: usize) -> Vec<f32> {
    let mut random = Random::new(3).named(name);
    (0..count).map(|_| random.normal()).collect()
}

/// Loss and gradients of one step of a small network whose objective and statistics are those of the whole batch:
/// linear, batch norm, linear, and the cross-entropy of every row against all rows. Returns the loss, the input's
/// gradient, the parameters' gradients summed over the ranks, and the statistics.
fn step(rows: std::ops::Range<usize>, collective: Arc<dyn Collective>) -> Result<[Vec<f32>; 4]> {
    let parameter =
        |name, shape: [usize; 2]| tensor(&random(name, shape[0] * shape[1]), shape).require_grad();
    let first = parameter("first", [3, CHANNELS]);
    let second = parameter("second", [CHANNELS, DIMENSIONS]);
    let weight = tensor(&random("weight", CHANNELS), [CHANNELS]).require_grad();
    let bias = tensor(&random("bias", CHANNELS), [CHANNELS]).require_grad();
    let batch = tensor(&random("input", 8 * 3), [8, 3]).slice([rows]).detach().require_grad();

    let ranks: Arc<dyn AllReduce> = collective.clone();
    let normalised = batch_norm(
        batch.clone().matmul(first.clone()),
        weight.clone(),
        bias.clone(),
        Epilogue::none(),
        EPSILON,
        Some(ranks),
    );
    let embeddings = gather_with_gradient(normalised.output.tanh().matmul(second.clone()), &*collective)?;
    let likeness = embeddings.clone().matmul(embeddings.transpose());
    let loss = -(log_softmax(likeness, 1) * tensor(&random("labels", 64), [8, 8])).sum();
    let gradients = loss.backward();

    let of = |tensor: &Tensor<2>| values(tensor.grad(&gradients).unwrap());
    let of_vector = |tensor: &Tensor<1>| values(tensor.grad(&gradients).unwrap());
    let mut parameters = [of(&first), of(&second), of_vector(&weight), of_vector(&bias)].concat();
    collective.sum(&mut parameters)?;
    let statistics = [values(normalised.mean), values(normalised.variance)].concat();
    Ok([values(loss), of(&batch), parameters, statistics])
}

#[test]
fn many_ranks_are_one_with_the_whole_batch() {
    let [loss, input, parameters, statistics] = step(0..8, Arc::new(Single)).unwrap();
    for size in [2, 4] {
        let each = 8 / size;
        let found = on_ranks(size, |rank| {
            let start = rank.rank() * each;
            step(start..start + each, Arc::new(rank)).unwrap()
        });
        let found: Vec<[Vec<f32>; 4]> = found.into_iter().map(Option::unwrap).collect();
        let inputs: Vec<f32> = found.iter().flat_map(|rank| rank[1].clone()).collect();
        assert_near(&inputs, &input);
        for rank in &found {
            assert_near(&rank[0], &loss);
            assert_near(&rank[2], &parameters);
            assert_near(&rank[3], &statistics);
            assert_eq!(rank[2], found[0][2], "all ranks take the same step");
        }
    }
}

fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0f32, |scale, value| scale.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 2e-6 * scale, "{found} is not {expected} (scale {scale})");
    }
}

#[test]
fn nobody_waits_in_a_backward_pass_for_a_rank_that_panicked_before_its_own() {
    let results = on_ranks(2, |rank| {
        let collective: Arc<dyn Collective> = Arc::new(rank);
        let input = tensor(&random("input", 12), [4, 3]).require_grad();
        let [weight, bias] = [1.0, 0.0].map(|value| tensor(&[value; 3], [3]));
        let ranks: Arc<dyn AllReduce> = collective.clone();
        let output = batch_norm(input.clone(), weight, bias, Epilogue::none(), EPSILON, Some(ranks)).output;
        collective.barrier().unwrap();
        assert!(collective.rank() == 0, "on purpose");
        let gradients = (output.clone() * output).sum().backward();
        let spoiled = values(input.grad(&gradients).unwrap()).iter().all(|value| value.is_nan());
        (spoiled, collective.barrier().unwrap_err().to_string())
    });
    assert_eq!(results, [Some((true, "rank 1 of 2 panicked".to_owned())), None]);
}

#[test]
fn the_mean_over_all_rows_has_the_gradient_of_its_own_part() {
    let device = Device::default().autodiff();
    let results = on_ranks(3, |rank| {
        let own = Tensor::<1>::from_floats([rank.rank() as f32 + 1.0], &device).require_grad();
        let mean = mean_with_gradient(own.clone().square(), [3, 0, 5][rank.rank()], &rank).unwrap();
        let gradient = own.grad(&mean.backward()).unwrap();
        [mean.into_data(), gradient.into_data()].map(|data| data.try_to_vec::<f32>().unwrap()[0])
    });
    for (rank, result) in results.into_iter().enumerate() {
        let [mean, gradient] = result.unwrap();
        let share = [3.0, 0.0, 5.0][rank] / 8.0;
        assert!((mean - (3.0 + 9.0 * 5.0) / 8.0).abs() < 1e-6);
        assert!((gradient - 2.0 * (rank as f32 + 1.0) * share).abs() < 1e-6);
    }
    let alone = Tensor::<1>::from_floats([2.0], &device);
    let mean = mean_with_gradient(alone, 7, &Single).unwrap();
    assert_eq!(mean.into_data().try_to_vec::<f32>().unwrap(), [2.0]);
}

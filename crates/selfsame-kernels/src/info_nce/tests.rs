//! InfoNCE by Burn's own operations and gradients in `f64`, and the versions against it.

#![allow(clippy::unwrap_used)]

use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::cpu::{Backward, Forward};
use super::{Pairing, info_nce, info_nce_by_kind};
use crate::simd::{Portable, Simd, Work};

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| {
        let at = at as f32;
        (0.7 * at + phase).sin() + 0.3 * (0.013 * at * phase).cos()
    });
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// With repetitions, in no order.
fn targets(count: usize, keys: usize) -> Vec<u32> {
    (0..count).map(|at| ((at * at * 5 + 3 * at) % keys) as u32).collect()
}

/// How the losses are weighed.
fn weights(count: usize, dtype: DType) -> Tensor<1> {
    (wave::<1>([count], 0.4) + 0.2).cast(dtype)
}

/// Losses and gradients of queries and keys.
fn results(
    queries: &Tensor<2>,
    keys: &Tensor<2>,
    losses: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<1>,
) -> [TensorData; 3] {
    let [queries, keys] = [queries, keys].map(|rows| rows.clone().require_grad());
    let losses = losses(queries.clone(), keys.clone());
    let weights = weights(losses.dims()[0], losses.dtype());
    let gradients = (losses.clone() * weights).sum().backward();
    let [of_queries, of_keys] = [queries, keys].map(|rows| rows.grad(&gradients).unwrap().into_data());
    [losses.into_data(), of_queries, of_keys]
}

fn plain(queries: Tensor<2>, keys: Tensor<2>, targets: &[u32], temperature: f64) -> Tensor<1> {
    let unit = |rows: Tensor<2>| rows.clone() / (rows.clone() * rows).sum_dim(1).sqrt();
    // Not divided by the temperature: Burn rounds that to `f32` in the gradient.
    let logits = unit(queries).matmul(unit(keys).transpose()) * (1.0 / temperature);
    let places: Vec<i64> = targets.iter().map(|&target| target.into()).collect();
    let places = TensorData::new(places, [targets.len(), 1]);
    let chosen = logits.clone().gather(1, Tensor::<2, Int>::from_data(places, &logits.device()));
    (logits.exp().sum_dim(1).log() - chosen).squeeze_dim(1)
}

fn assert_close(found: &TensorData, expected: &TensorData, relative: f64, absolute: f64) {
    assert_eq!(found.shape(), expected.shape());
    let largest = expected.iter::<f64>().map(f64::abs).fold(0.0, f64::max);
    for (at, (found, expected)) in found.iter::<f64>().zip(expected.iter::<f64>()).enumerate() {
        let allowed = relative * (expected.abs() + 0.1 * largest) + absolute;
        assert!((found - expected).abs() <= allowed, "{found} instead of {expected} at {at}");
    }
}

fn compare(queries: &Tensor<2>, keys: &Tensor<2>, targets: &[u32], temperature: f64) {
    let [q, k] = [queries, keys].map(|rows| rows.clone().cast(DType::F64));
    let expected = results(&q, &k, |q, k| plain(q, k, targets, temperature));
    let portable = results(&q, &k, |q, k| info_nce(q, k, targets, temperature));
    let fast = results(queries, keys, |q, k| info_nce(q, k, targets, temperature));
    for (at, expected) in expected.iter().enumerate() {
        assert_close(&portable[at], expected, 1e-10, 1e-10);
        // A cosine has an error of some ten-millionths, which the temperature divides; large parts of gradients cancel each other.
        assert_close(&fast[at], expected, 1e-5, 4e-7 / temperature);
    }
}

const SIZES: [[usize; 3]; 8] = [
    [1, 1, 1],
    [1, 5, 1],
    [3, 7, 3],
    [17, 40, 64],
    [33, 200, 65],
    [130, 193, 64],
    [5, 8300, 3],
    [300, 30, 9],
];

#[test]
fn losses_and_gradients_of_odd_sizes() {
    for [count, rows, features] in SIZES {
        for temperature in [0.05, 0.2, 1.0] {
            let (queries, keys) = (wave([count, features], 0.1), wave([rows, features], 0.9) * 3.0);
            compare(&queries, &keys, &targets(count, rows), temperature);
        }
    }
}

#[test]
fn equal_and_opposite_rows() {
    for temperature in [0.034, 0.05, 1.0] {
        let queries = wave([20, 16], 0.1);
        // Every query's key among the others', the opposite, and all of one query's.
        let keys = Tensor::cat(vec![queries.clone() * 2.0, -queries.clone()], 0);
        let own: Vec<u32> = (0..20).collect();
        let opposite: Vec<u32> = (20..40).collect();
        compare(&queries, &keys, &own, temperature);
        compare(&queries, &keys, &opposite, temperature);
        let same = queries.clone().narrow(0, 3, 1).repeat_dim(0, 50);
        compare(&queries, &same, &own, temperature);
        compare(&queries, &(-same), &own, temperature);
    }
}

#[test]
fn low_temperatures_take_the_portable_way() {
    let (queries, keys) = (wave([6, 8], 0.1), wave([9, 8], 0.9));
    let targets = targets(6, 9);
    let [q, k] = [&queries, &keys].map(|rows| rows.clone().cast(DType::F64));
    let expected = results(&q, &k, |q, k| plain(q, k, &targets, 0.01));
    let found = results(&queries, &keys, |q, k| info_nce(q, k, &targets, 0.01));
    for (found, expected) in found.iter().zip(&expected) {
        assert_close(found, expected, 1e-4, 1e-4);
    }
}

#[test]
fn rows_of_zeros_have_the_cosine_zero_and_no_gradient() {
    let (queries, keys) = (Tensor::zeros([2, 4], &Device::flex().autodiff()), wave([5, 4], 0.3));
    for dtype in [DType::F32, DType::F64] {
        let [q, k] = [&queries, &keys].map(|rows| rows.clone().cast(dtype));
        let [losses, of_queries, of_keys] = results(&q, &k, |q, k| info_nce(q, k, &[0, 4], 0.2));
        assert!(losses.iter::<f64>().all(|loss| (loss - 5f64.ln()).abs() < 1e-5));
        assert!(of_queries.iter::<f64>().chain(of_keys.iter::<f64>()).all(|value| value == 0.0));
        let [_, of_keys, of_zeros] = results(&k, &q, |q, k| info_nce(q, k, &[0, 1, 1, 0, 1], 0.2));
        assert!(of_zeros.iter::<f64>().chain(of_keys.iter::<f64>()).all(|value| value == 0.0));
    }
}

#[test]
fn numbers_that_are_not_finite_are_seen() {
    for bad in [f32::NAN, f32::INFINITY] {
        let queries = wave([3, 4], 0.1);
        let keys = Tensor::cat(vec![wave([5, 4], 0.3), Tensor::full([1, 4], bad, &queries.device())], 0);
        let [losses, of_queries, _] = results(&queries, &keys, |q, k| info_nce(q, k, &[0, 1, 2], 0.2));
        assert!(losses.iter::<f32>().chain(of_queries.iter::<f32>()).all(f32::is_nan));
    }
}

#[test]
fn no_queries_have_no_losses() {
    for (rows, features) in [(0, 3), (7, 3)] {
        for dtype in [DType::F32, DType::F64] {
            let [q, k] = [wave([0, features], 0.0), wave([rows, features], 0.1)].map(|rows| rows.cast(dtype));
            let [losses, of_queries, of_keys] = results(&q, &k, |q, k| info_nce(q, k, &[], 0.2));
            assert_eq!((&losses.shape()[..], &of_queries.shape()[..]), (&[0][..], &[0, features][..]));
            assert_eq!(of_keys.shape()[..], [rows, features]);
            assert!(of_keys.iter::<f64>().all(|value| value == 0.0));
        }
    }
}

#[test]
fn one_side_may_be_constant() {
    let (queries, keys, targets) = (wave([9, 5], 0.1), wave([11, 5], 0.9), targets(9, 11));
    let [losses, of_queries, of_keys] = results(&queries, &keys, |q, k| info_nce(q, k, &targets, 0.2));
    let q = queries.clone().require_grad();
    let found = info_nce(q.clone(), keys.clone(), &targets, 0.2);
    let gradients = (found.clone() * weights(9, DType::F32)).sum().backward();
    q.grad(&gradients).unwrap().into_data().assert_eq(&of_queries, true);
    let k = keys.require_grad();
    let found = info_nce(queries, k.clone(), &targets, 0.2);
    found.to_data().assert_eq(&losses, true);
    let gradients = (found * weights(9, DType::F32)).sum().backward();
    k.grad(&gradients).unwrap().into_data().assert_eq(&of_keys, true);
}

/// Losses, sums of keys and the keys' gradient with certain vectors.
fn with<S: Simd>(simd: S, queries: &Tensor<2>, keys: &Tensor<2>, pairing: &Pairing) -> [TensorData; 2] {
    let [queries, keys] = [queries, keys].map(|rows| FlexTensor::from_data(rows.to_data()));
    let compared = Forward { queries: &queries, keys: &keys, pairing, pulls: true }.with(simd);
    let count = pairing.targets.len();
    let loss_gradient = FlexTensor::from_data(weights(count, DType::F32).to_data());
    let gradient = Backward {
        queries: &queries,
        keys: &keys,
        sums: &compared.sums,
        loss_gradient: &loss_gradient,
        pairing,
    }
    .with(simd);
    let data = |tensor: FlexTensor| {
        let shape = tensor.layout().shape().clone();
        let values: &[f32] = tensor.storage();
        TensorData::new(values.to_vec(), shape)
    };
    [data(compared.losses), data(gradient)]
}

#[test]
fn every_kind_of_vector_gives_the_same() {
    for [count, rows, features] in SIZES {
        let (queries, keys) = (wave([count, features], 0.1), wave([rows, features], 0.9));
        let targets = targets(count, rows);
        let [losses, _, of_keys] = results(&queries, &keys, |q, k| info_nce(q, k, &targets, 0.2));
        let pairing = Pairing { targets: targets.into(), kinds: [[count, rows]].into(), temperature: 0.2 };
        for found in [
            with(Portable::<4, 16>, &queries, &keys, &pairing),
            with(Portable::<16, 32>, &queries, &keys, &pairing),
        ] {
            assert_close(&found[0], &losses, 1e-5, 2e-6);
            assert_close(&found[1], &of_keys, 1e-5, 2e-6);
        }
    }
}

#[test]
fn kinds_are_as_each_by_itself() {
    for kinds in
        [&[[5, 7]][..], &[[33, 200], [20, 31]], &[[0, 9], [1, 5000], [0, 0], [70, 3]], &[[130, 400], [0, 40]]]
    {
        let [count, rows] = [0, 1].map(|of| kinds.iter().map(|counts| counts[of]).sum());
        let (queries, keys) = (wave([count, 33], 0.1), wave([rows, 33], 0.9) * 2.0);
        let mut own = Vec::new();
        for &[count, rows] in kinds {
            own.push(if count == 0 { Vec::new() } else { targets(count, rows) });
        }
        let mut first = 0;
        let mut all = Vec::new();
        for (&[_, rows], own) in kinds.iter().zip(&own) {
            all.extend(own.iter().map(|target| first + target));
            first += rows as u32;
        }
        let apart = |queries: Tensor<2>, keys: Tensor<2>| {
            let (mut query, mut key, mut losses) = (0, 0, Vec::new());
            for (&[count, rows], own) in kinds.iter().zip(&own) {
                if count > 0 {
                    let part = queries.clone().narrow(0, query, count);
                    losses.push(info_nce(part, keys.clone().narrow(0, key, rows), own, 0.2));
                }
                query += count;
                key += rows;
            }
            Tensor::cat(losses, 0)
        };
        for dtype in [DType::F32, DType::F64] {
            let [q, k] = [&queries, &keys].map(|rows| rows.clone().cast(dtype));
            let expected = results(&q, &k, apart);
            let found = results(&q, &k, |q, k| info_nce_by_kind(q, k, kinds, &all, 0.2));
            for (found, expected) in found.iter().zip(&expected) {
                assert_close(found, expected, 1e-6, 1e-7);
            }
        }
    }
}

#[test]
#[should_panic = "target 5 is none of 5 keys"]
fn a_target_of_another_kind_is_refused() {
    info_nce_by_kind(wave([2, 2], 0.0), wave([9, 2], 0.0), &[[1, 5], [1, 4]], &[5, 6], 0.2);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (queries, keys, targets) = (wave([300, 33], 0.1), wave([9000, 33], 0.9), targets(300, 9000));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| results(&queries, &keys, |q, k| info_nce(q, k, &targets, 0.2)))
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        on(threads).iter().zip(&expected).for_each(|(found, expected)| found.assert_eq(expected, true));
    }
}

#[test]
#[should_panic = "target 5 is none of 5 keys"]
fn a_target_that_does_not_exist_is_refused() {
    info_nce(wave([1, 2], 0.0), wave([5, 2], 0.0), &[5], 0.2);
}

#[test]
#[should_panic = "0 is no temperature"]
fn a_temperature_of_zero_is_refused() {
    info_nce(wave([1, 2], 0.0), wave([5, 2], 0.0), &[0], 0.0);
}

//! Whitening against its definition, and the fast version against the portable one.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::{Groups, Singular, whiten};

/// Numbers that look random, about normal, and are the same everywhere.
fn noise(length: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    (0..length).map(|_| (0..6).map(|_| next()).sum()).collect()
}

/// Rows whose features are correlated and have means and scales of their own.
fn rows(rows: usize, features: usize, seed: u64) -> Tensor<2> {
    let [values, mixing] = [rows * features, features * features].map(|length| noise(length, seed));
    let tensor = |values, shape: [usize; 2]| {
        Tensor::<2>::from_data(TensorData::new(values, shape), (&Device::flex(), DType::F64))
    };
    let scales = (0..features).map(|at| 10f64.powf((at % 3) as f64 - 1.0)).collect();
    let mixing =
        tensor(mixing, [features; 2]) * 0.3 + Tensor::<2>::eye(features, &Device::flex()).cast(DType::F64);
    (tensor(values, [rows, features]).matmul(mixing) + 0.7) * tensor(scales, [1, features])
}

/// Rows dealt out in a scrambled order to groups of about one size.
fn deal(rows: usize, groups: usize) -> Groups {
    let mut dealt = vec![Vec::new(); groups];
    for at in 0..rows {
        // 7919 is a prime number, so that every row comes up once.
        dealt[at * groups / rows].push(at * 7919 % rows);
    }
    Groups::new(dealt)
}

fn numbers(tensor: Tensor<2>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// The output, and the gradient of the input for a gradient of the output that looks random.
fn results(input: &Tensor<2>, groups: &Groups, epsilon: f64) -> Result<[Tensor<2>; 2], Singular> {
    let input = input.clone().autodiff().require_grad();
    let output = whiten(input.clone(), groups, epsilon)?;
    let weights = TensorData::new(noise(output.shape().num_elements(), 77), output.shape());
    let weights = Tensor::<2>::from_data(weights, (&output.device(), output.dtype()));
    let gradients = (output.clone() * weights).sum().backward();
    Ok([output.inner(), input.grad(&gradients).unwrap()])
}

/// What the definition says, number by number.
fn slow(values: &[f64], features: usize, groups: &Groups, epsilon: f64) -> Vec<f64> {
    let mut output = vec![0.0; values.len()];
    for group in groups.iter() {
        let count = group.len() as f64;
        let mean = |f: usize| group.iter().map(|row| values[row * features + f]).sum::<f64>() / count;
        let means: Vec<f64> = (0..features).map(mean).collect();
        let centred = |row: usize, f: usize| values[row * features + f] - means[f];
        let covariance = |a: usize, b: usize| {
            let sum = group.iter().map(|&row| centred(row, a) * centred(row, b)).sum::<f64>();
            (1.0 - epsilon) * sum / (count - 1.0) + if a == b { epsilon } else { 0.0 }
        };
        let mut factor = vec![vec![0.0; features]; features];
        for i in 0..features {
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
                let left = covariance(i, j) - known;
                factor[i][j] = if i == j { left.sqrt() } else { left / factor[j][j] };
            }
        }
        for &row in group {
            for i in 0..features {
                let known: f64 = (0..i).map(|k| factor[i][k] * output[row * features + k]).sum();
                output[row * features + i] = (centred(row, i) - known) / factor[i][i];
            }
        }
    }
    output
}

fn assert_near(found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= relative * largest, "{at}: {found} is not {expected}");
    }
}

/// In double precision, that is by the portable version, and by the fast one.
#[test]
fn values_and_gradients_are_those_of_the_definition() {
    for (count, features, parts, epsilon) in
        [(9, 3, 1, 0.0), (23, 5, 3, 0.0), (16, 4, 2, 0.1), (5, 1, 2, 0.0)]
    {
        let (input, groups) = (rows(count, features, 5), deal(count, parts));
        let values = numbers(input.clone());
        let expected = slow(&values, features, &groups, epsilon);
        let weights = noise(values.len(), 77);
        let loss = |values: &[f64]| -> f64 {
            slow(values, features, &groups, epsilon).iter().zip(&weights).map(|(a, b)| a * b).sum()
        };
        let slope = |at: usize| {
            let step = 1e-5;
            let [mut above, mut below] = [values.clone(), values.clone()];
            above[at] += step;
            below[at] -= step;
            (loss(&above) - loss(&below)) / (2.0 * step)
        };
        let gradient: Vec<f64> = (0..values.len()).map(slope).collect();
        let [output, found] = results(&input, &groups, epsilon).unwrap();
        assert_near(&numbers(output), &expected, 1e-12);
        assert_near(&numbers(found), &gradient, 1e-7);
        let [output, found] = results(&input.cast(DType::F32), &groups, epsilon).unwrap();
        assert_near(&numbers(output), &expected, 2e-6);
        assert_near(&numbers(found), &gradient, 5e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_fast_version_agrees_with_the_portable_one(
        features in 1usize..40, extra in 2usize..40, parts in 1usize..5, epsilon in prop::sample::select(vec![0.0, 0.01, 1.0]),
        seed in 0u64..1000,
    ) {
        let count = parts * (2 * features + extra);
        prop_assume!(count % 7919 != 0);
        let (input, groups) = (rows(count, features, seed), deal(count, parts));
        let fast = results(&input.clone().cast(DType::F32), &groups, epsilon).unwrap();
        // Of the same rounded numbers.
        let portable = results(&input.cast(DType::F32).cast(DType::F64), &groups, epsilon).unwrap();
        for (fast, portable) in fast.into_iter().zip(portable) {
            let (fast, portable) = (numbers(fast), numbers(portable));
            assert_near(&fast, &portable, 1e-5);
        }
    }
}

#[test]
fn every_group_has_no_mean_and_the_identity_as_its_covariance() {
    let (count, features) = (120, 7);
    let groups = deal(count, 3);
    let output = numbers(whiten(rows(count, features, 3).cast(DType::F32), &groups, 0.0).unwrap());
    for group in groups.iter() {
        for a in 0..features {
            let mean: f64 = group.iter().map(|row| output[row * features + a]).sum();
            assert!(mean.abs() < 1e-4);
            for b in 0..features {
                let sum: f64 =
                    group.iter().map(|row| output[row * features + a] * output[row * features + b]).sum();
                let expected = if a == b { 1.0 } else { 0.0 };
                assert!((sum / (group.len() - 1) as f64 - expected).abs() < 1e-5, "{a}, {b}: {sum}");
            }
        }
    }
}

#[test]
fn dependent_features_are_told_with_the_rank() {
    let device = Device::flex();
    for dtype in [DType::F32, DType::F64] {
        let healthy = rows(24, 6, 9).cast(dtype);
        let groups = Groups::new(vec![(0..12).collect(), (12..24).collect()]);
        assert!(whiten(healthy.clone(), &groups, 0.0).is_ok());
        let spoil = |column: Tensor<2>| healthy.clone().slice_assign([12..24, 4..5], column);
        let second = healthy.clone().slice([12..24, 1..2]);
        let third = healthy.clone().slice([12..24, 2..3]);
        let constant = Tensor::<2>::full([12, 1], 3.7, (&device, dtype));
        let expected = Singular { group: 1, rows: 12, features: 6, pivot: 4, rank: Some(5) };
        for column in
            [second.clone() * 3.0 - third * 0.1 + 2.0, second.clone(), constant.clone(), constant * 0.0]
        {
            let singular = whiten(spoil(column.clone()), &groups, 0.0).unwrap_err();
            assert_eq!(singular, expected, "{dtype:?}");
            assert!(singular.to_string().contains("rank 5 of 6 over 12 rows"), "{singular}");
            // Moved towards the identity there is no such thing.
            assert!(whiten(spoil(column), &groups, 0.01).is_ok());
        }
        let nothing = Tensor::<2>::zeros([24, 6], (&device, dtype));
        let singular = whiten(nothing, &groups, 0.0).unwrap_err();
        assert_eq!((singular.group, singular.pivot, singular.rank), (0, 0, Some(0)));
        for broken in [f64::NAN, f64::INFINITY] {
            let singular = whiten(spoil(second.clone() * broken), &groups, 0.01).unwrap_err();
            assert_eq!((singular.group, singular.pivot, singular.rank), (1, 4, None));
            assert!(singular.to_string().contains("feature 4 of group 1 is not finite"), "{singular}");
        }
        // As many rows as features: the mean takes one direction.
        let groups = Groups::new(vec![(0..6).collect(), (6..24).collect()]);
        let singular = whiten(healthy, &groups, 0.0).unwrap_err();
        assert_eq!((singular.group, singular.rank), (0, Some(5)));
    }
}

#[test]
fn a_large_mean_is_no_reason_to_fail() {
    let input = (rows(64, 8, 4) + 500.0).cast(DType::F32);
    let groups = Groups::new(vec![(0..64).collect()]);
    let [output, _] = results(&input, &groups, 0.0).unwrap();
    let [exact, _] = results(&input.cast(DType::F64), &groups, 0.0).unwrap();
    assert_near(&numbers(output), &numbers(exact), 1e-6);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (input, groups) = (rows(200, 19, 8).cast(DType::F32), deal(200, 5));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| results(&input, &groups, 0.0).unwrap().map(Tensor::into_data))
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(on(threads), expected);
    }
}

#[test]
fn where_the_rows_lie_does_not_matter() {
    let (input, groups) = (rows(30, 5, 2).cast(DType::F32), deal(30, 2));
    let expected = whiten(input.clone(), &groups, 0.0).unwrap().into_data();
    let turned = Tensor::from_data(input.clone().transpose().into_data(), &Device::flex()).transpose();
    whiten(turned, &groups, 0.0).unwrap().into_data().assert_eq(&expected, true);
    let within = Tensor::cat(vec![input.clone().slice(0..3), input], 0).slice(3..33);
    whiten(within, &groups, 0.0).unwrap().into_data().assert_eq(&expected, true);
}

#[test]
fn nothing_makes_nothing() {
    let device = Device::flex();
    for dtype in [DType::F32, DType::F64] {
        let empty = Tensor::<2>::zeros([0, 4], (&device, dtype));
        assert_eq!(whiten(empty, &Groups::new(vec![]), 0.0).unwrap().dims(), [0, 4]);
    }
    let no_features = Tensor::<2>::zeros([3, 0], &device);
    assert_eq!(whiten(no_features, &Groups::new(vec![vec![0, 1, 2]]), 0.0).unwrap().dims(), [3, 0]);
}

#[test]
fn a_number_of_groups_that_repeats_is_the_same_as_each_alone() {
    let input = rows(40, 6, 12).cast(DType::F32);
    let both = whiten(input.clone(), &Groups::new(vec![(0..20).collect(), (20..40).collect()]), 0.0).unwrap();
    let alone = Groups::new(vec![(0..20).collect()]);
    let parts = [0..20, 20..40].map(|part| whiten(input.clone().slice(part), &alone, 0.0).unwrap());
    Tensor::cat(parts.to_vec(), 0)
        .into_data()
        .assert_approx_eq::<f32>(&both.into_data(), Tolerance::absolute(0.0));
}

#[test]
#[should_panic = "row 2 is in two groups"]
fn groups_share_no_row() {
    Groups::new(vec![vec![0, 2], vec![1, 2]]);
}

#[test]
#[should_panic = "one row has no covariance"]
fn a_group_has_more_than_one_row() {
    Groups::new(vec![vec![0, 2], vec![1]]);
}

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor};

use super::*;

/// Lengths about the parts and the vectors.
const LENGTHS: [usize; 6] = [0, 1, 7, 33, (1 << 14) + 5, 50_000];

fn values(length: usize, seed: f64) -> Vec<f64> {
    (0..length).map(|at| (0.37 * at as f64 + seed).sin() * 2.0).collect()
}

fn tensor(values: &[f64], dtype: DType) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::<1>::from_floats(values.as_slice(), &Device::flex()).cast(dtype)
}

#[track_caller]
fn assert_close(tensor: &Tensor<1>, expected: &[f64]) {
    let found: Vec<f64> = tensor.to_data().iter::<f64>().collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 2e-6 * expected.abs().max(1.0), "{found} instead of {expected}");
    }
}

/// The same for the fast version and, in `f64`, for the portable one.
fn for_both(check: impl Fn(DType)) {
    [DType::F32, DType::F64].into_iter().for_each(check);
}

#[test]
fn momentum_steps_equal_their_formula() {
    for_both(|dtype| {
        for length in LENGTHS {
            for (nesterov, scale, weight_decay) in
                [(false, None, 0.0), (true, None, 0.1), (false, Some(0.3), 0.1)]
            {
                let [w, g, b] = [0.1, 1.2, 2.3].map(|seed| values(length, seed));
                let step = MomentumStep { weight_decay, momentum: 0.9, nesterov, lr: 0.05 };
                let scale_tensor = scale.map(|scale| tensor(&[scale], dtype));
                let [parameter, gradient, momentum] = [&w, &g, &b].map(|values| tensor(values, dtype));
                let (parameter, momentum) = momentum_step(parameter, gradient, momentum, scale_tensor, step);

                let pulls: Vec<f64> =
                    w.iter().zip(&g).map(|(w, g)| scale.unwrap_or(1.0) * (g + weight_decay * w)).collect();
                let momenta: Vec<f64> = b.iter().zip(&pulls).map(|(b, pull)| 0.9 * b + pull).collect();
                let direction =
                    |at: usize| if nesterov { pulls[at] + 0.9 * momenta[at] } else { momenta[at] };
                let parameters: Vec<f64> = (0..length).map(|at| w[at] - 0.05 * direction(at)).collect();
                assert_close(&momentum, &momenta);
                assert_close(&parameter, &parameters);
            }
        }
    });
}

#[test]
fn adam_steps_equal_their_formula() {
    for_both(|dtype| {
        for length in LENGTHS {
            for decoupled in [false, true] {
                let [w, g, m] = [0.1, 1.2, 2.3].map(|seed| values(length, seed));
                let v: Vec<f64> = values(length, 3.4).iter().map(|value| value * value).collect();
                let step = AdamStep {
                    beta_1: 0.8,
                    beta_2: 0.95,
                    epsilon: 1e-3,
                    weight_decay: 0.1,
                    decoupled,
                    lr: 0.05,
                    count: 3,
                };
                let [parameter, gradient, first, second] =
                    [&w, &g, &m, &v].map(|values| tensor(values, dtype));
                let (parameter, [first, second]) = adam_step(parameter, gradient, [first, second], step);

                let mut expected = [vec![], vec![], vec![]];
                for at in 0..length {
                    let pull = g[at] + if decoupled { 0.0 } else { 0.1 * w[at] };
                    let first = 0.8 * m[at] + 0.2 * pull;
                    let second = 0.95 * v[at] + 0.05 * pull * pull;
                    let corrected = [first / (1.0 - 0.8_f64.powi(3)), second / (1.0 - 0.95_f64.powi(3))];
                    let shrunk = if decoupled { w[at] - 0.05 * 0.1 * w[at] } else { w[at] };
                    let parameter = shrunk - 0.05 * corrected[0] / (corrected[1].sqrt() + 1e-3);
                    expected.iter_mut().zip([parameter, first, second]).for_each(|(all, one)| all.push(one));
                }
                assert_close(&parameter, &expected[0]);
                assert_close(&first, &expected[1]);
                assert_close(&second, &expected[2]);
            }
        }
    });
}

#[test]
fn weighted_sums_and_norms_equal_their_formulas() {
    for_both(|dtype| {
        for length in LENGTHS {
            let [left, right] = [0.1, 1.2].map(|seed| values(length, seed));
            let sum = weighted_sum(tensor(&left, dtype), 0.99, tensor(&right, dtype), 0.01);
            let expected: Vec<f64> = left.iter().zip(&right).map(|(l, r)| 0.99 * l + 0.01 * r).collect();
            assert_close(&sum, &expected);
            let squares = left.iter().map(|value| value * value).sum();
            assert_close(&squared_norm(tensor(&left, dtype)), &[squares]);
        }
    });
}

#[test]
fn what_others_hold_stays_as_it_is() {
    let [w, g, b] = [0.1, 1.2, 2.3].map(|seed| tensor(&values(9, seed), DType::F32));
    let step = MomentumStep { weight_decay: 0.1, momentum: 0.9, nesterov: false, lr: 0.05 };
    momentum_step(w.clone(), g.clone(), b.clone(), None, step);
    for (tensor, seed) in [(w, 0.1), (g, 1.2), (b, 2.3)] {
        assert_close(&tensor, &values(9, seed));
    }
}

#[test]
fn the_norm_does_not_depend_on_threads() {
    let vector = tensor(&values(300_000, 0.5), DType::F32);
    let norm = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| squared_norm(vector.clone()).into_scalar::<f32>().to_bits())
    };
    assert_eq!(norm(1), norm(3));
}

#[test]
#[should_panic = "differ in length"]
fn tensors_of_different_lengths_are_refused() {
    weighted_sum(tensor(&[1.0], DType::F32), 1.0, tensor(&[1.0, 2.0], DType::F32), 1.0);
}

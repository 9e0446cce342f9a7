//! What the slow, obvious references of the losses share.

use burn::tensor::{Device, Tensor, TensorData};

use crate::Random;
use crate::golden::{assert_close, host};

/// Vectors in double precision.
pub type Rows = Vec<Vec<f64>>;

/// The cosine of two vectors.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The mean of the rows' cosines.
pub fn mean_cosine(a: &Rows, b: &Rows) -> f64 {
    a.iter().zip(b).map(|(a, b)| cosine(a, b)).sum::<f64>() / a.len() as f64
}

/// Random rows at an address.
pub fn rows([rows, dim]: [usize; 2], mut random: Random) -> Rows {
    (0..rows).map(|_| (0..dim).map(|_| f64::from(random.normal())).collect()).collect()
}

fn tensor(rows: &Rows) -> Tensor<2> {
    let values: Vec<f32> = rows.iter().flatten().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, [rows.len(), rows[0].len()]), &Device::default().autodiff())
}

/// Checks `fast` against `slow` on random inputs of this size: its value, its gradients for the first `learned` inputs against differences
/// of `slow`, and that the others have none.
pub fn check<const N: usize>(
    size: [usize; 2],
    learned: usize,
    slow: impl Fn(&[Rows; N]) -> f64,
    fast: impl Fn([Tensor<2>; N]) -> Tensor<1>,
) {
    let random = Random::new(5).at(size[0] as u64).at(size[1] as u64);
    let mut inputs: [Rows; N] = std::array::from_fn(|input| rows(size, random.at(input as u64)));
    let tensors = inputs.each_ref().map(|rows| tensor(rows).require_grad());
    let loss = fast(tensors.clone());
    assert_eq!(loss.dims(), [1]);
    assert_close(&host(&loss), &[slow(&inputs)], 1e-5);
    let gradients = loss.backward();
    for input in 0..N {
        let found = tensors[input].grad(&gradients);
        if input >= learned {
            assert!(found.is_none(), "input {input} is a constant");
            continue;
        }
        let mut expected = Vec::new();
        for row in 0..size[0] {
            for column in 0..size[1] {
                let mut at = |shift: f64| {
                    inputs[input][row][column] += shift;
                    let value = slow(&inputs);
                    inputs[input][row][column] -= shift;
                    value
                };
                expected.push((at(1e-5) - at(-1e-5)) / 2e-5);
            }
        }
        let found = host(&found.unwrap());
        // Rows of one number have the cosine 1 or −1 whatever they are.
        let scale = expected.iter().fold(1e-2f64, |largest, value| largest.max(value.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5 * scale + 1e-8, "{found} is not {expected}");
        }
    }
}

//! Layers against what they are made of, written out.

use selfsame_core::nn::Parameters;
use selfsame_core::{Random, host};

use super::*;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    host::values(tensor.without_autodiff()).unwrap().into_iter().map(f64::from).collect()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * (1.0 + expected.abs()), "{found} is not {expected}");
    }
}

fn input(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    let mut random = Random::new(7).at(columns as u64);
    let values: Vec<f32> = (0..rows * columns).map(|_| random.normal()).collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([rows, columns])
}

#[test]
fn a_noisy_layer_is_a_layer_of_noisy_weights() {
    let device = Device::default();
    let layer = NoisyLinear::new([3, 2], 0.5, &Random::new(1), &device);
    let x = values(input(4, 3, &device));
    let noise = Random::new(5);
    let factor = |length: usize, mut random: Random| -> Vec<f64> {
        let normal = |_| f64::from(random.normal());
        (0..length).map(normal).map(|z: f64| z.signum() * z.abs().sqrt()).collect()
    };
    let (of_input, of_output) = (factor(3, noise.named("input")), factor(2, noise.named("output")));
    let [weight, bias] = [values(layer.mean.weight.val()), values(layer.mean.bias.clone().unwrap().val())];
    let (of_weight, of_bias) = (0.5 / 3.0f64.sqrt(), 0.5 / 2.0f64.sqrt());
    let mut expected = Vec::new();
    for row in x.chunks(3) {
        for output in 0..2 {
            let noisy =
                |input: usize| weight[output * 3 + input] + of_weight * of_output[output] * of_input[input];
            let sum: f64 = (0..3).map(|input| noisy(input) * row[input]).sum();
            expected.push(sum + bias[output] + of_bias * of_output[output]);
        }
    }
    assert_close(&values(layer.forward(input(4, 3, &device), Some(&noise))), &expected, 1e-5);
    let still = values(layer.forward(input(4, 3, &device), None));
    assert_close(&still, &values(layer.mean.forward(input(4, 3, &device))), 0.0);
}

#[test]
fn noise_is_that_of_its_address() {
    let device = Device::default();
    let head = Duelling::new([3, 4], [2, 5], 0.5, &Random::new(1), &device);
    let at = |random: &Random| values(head.forward(input(2, 3, &device), Some(random)));
    let mut used = Random::new(9);
    used.bits();
    assert_eq!(at(&Random::new(9)), at(&used));
    assert_ne!(at(&Random::new(9)), at(&Random::new(9).at(1)));
}

#[test]
fn the_advantages_of_a_duelling_head_have_no_mean() {
    let device = Device::default();
    let mut head = Duelling::new([3, 4], [2, 5], 0.5, &Random::new(1), &device);
    let logits = values(head.forward(input(2, 3, &device), None));
    // With the stream of advantages silent only the value is left: the mean over the actions.
    head.update(&mut |name, value| name.starts_with("advantage.mean").then(|| value * 0.0));
    let mean = |row: usize, atom: usize| (logits[row * 10 + atom] + logits[row * 10 + 5 + atom]) / 2.0;
    let expected: Vec<f64> = (0..2)
        .flat_map(|row| (0..10).map(move |at| (row, at % 5)))
        .map(|(row, atom)| mean(row, atom))
        .collect();
    assert_close(&values(head.forward(input(2, 3, &device), None)), &expected, 1e-5);
}

#[test]
fn orthogonal_weights_keep_lengths() {
    let device = Device::default();
    let size = crate::view::Size { channels: 3, height: 11, width: 11 };
    let encoder = PixelEncoder::new(size, [2, 6, 4], &Random::new(2), &device).unwrap();
    for parameter in encoder.parameters() {
        let found = values(parameter.value);
        match *parameter.shape.as_slice() {
            [rows, columns] => {
                for one in 0..rows {
                    for other in 0..rows {
                        let dot: f64 =
                            (0..columns).map(|c| found[one * columns + c] * found[other * columns + c]).sum();
                        assert!((dot - f64::from(u8::from(one == other))).abs() < 1e-5);
                    }
                }
            }
            [rows, columns, ..] => {
                let middle = |row: usize, column: usize| found[(row * columns + column) * 9 + 4];
                for one in 0..columns {
                    for other in 0..columns {
                        let dot: f64 = (0..rows).map(|row| middle(row, one) * middle(row, other)).sum();
                        assert!((dot - 2.0 * f64::from(u8::from(one == other))).abs() < 1e-5);
                    }
                }
                let elsewhere = found.iter().enumerate().filter(|(at, _)| at % 9 != 4);
                assert!(elsewhere.into_iter().all(|(_, value)| *value == 0.0));
            }
            _ if parameter.name.ends_with("norm.weight") => assert!(found.iter().all(|value| *value == 1.0)),
            _ => assert!(found.iter().all(|value| *value == 0.0), "{}", parameter.name),
        }
    }
}

#[test]
fn what_a_policy_draws_has_the_density_that_it_says() {
    let device = Device::default();
    let mut actor = Actor::new([3, 3, 8, 1], &Random::new(3), &device).unwrap();
    // A policy that explores: ln σ is −10 + 6 (1 + tanh 0.7).
    actor.update(&mut |name, value| match name {
        "trunk.layers.2.bias" => Some(Tensor::from_floats([0.1, 0.7], &value.device())),
        "trunk.layers.2.weight" => Some(value * 0.0),
        _ => None,
    });
    // One state, many draws: how often an action falls near a place is its density there.
    let rows = 40_000;
    let state = Tensor::<2>::from_floats([[0.5, -1.0, 2.0]], &device).repeat_dim(0, rows);
    let drawn = actor.draw(state, &Random::new(4));
    let (actions, log_probability) = (values(drawn.actions), values(drawn.log_probability));
    let mean = log_probability.iter().sum::<f64>() / rows as f64;
    assert!(mean.is_finite() && actions.iter().all(|action| action.abs() <= 1.0));
    for place in [-0.5, 0.0, 0.6] {
        let near: Vec<usize> = (0..rows).filter(|&at| (actions[at] - place).abs() < 0.05).collect();
        let measured = near.len() as f64 / rows as f64 / 0.1;
        let said = near.iter().map(|&at| log_probability[at].exp()).sum::<f64>() / near.len().max(1) as f64;
        assert!(near.len() > 300, "only {} draws near {place}", near.len());
        assert!((measured / said - 1.0).abs() < 0.1, "{measured} near {place}, said to be {said}");
    }
}

#[test]
fn actions_at_the_ends_have_finite_densities() {
    let device = Device::default();
    let mut actor = Actor::new([1, 1, 4, 1], &Random::new(3), &device).unwrap();
    actor.update(&mut |name, value| {
        (name == "trunk.layers.2.bias").then(|| Tensor::from_floats([60.0, 0.0], &value.device()))
    });
    let drawn = actor.draw(Tensor::zeros([3, 1], &device), &Random::new(4));
    assert_eq!(values(drawn.actions), [1.0; 3]);
    assert!(values(drawn.log_probability).iter().all(|value| value.is_finite()));
}

#[test]
fn actions_become_numbers() {
    let device = Device::default();
    let discrete =
        action_features(&[Action::Discrete(2), Action::Discrete(0)], Actions::Discrete(3), &device);
    assert_eq!(values(discrete), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    let continuous = action_features(&[Action::Continuous(vec![0.5, -1.0])], Actions::Continuous(2), &device);
    assert_eq!(values(continuous), [0.5, -1.0]);
}

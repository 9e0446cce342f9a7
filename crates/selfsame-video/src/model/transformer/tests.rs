#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use selfsame_core::nn::Parameters;

use super::*;

type Rows = Vec<Vec<f64>>;

/// The parameters of a Transformer, and what it computes, in plain loops.
struct Slow {
    values: HashMap<String, Vec<f64>>,
    heads: usize,
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f32>().iter::<f64>().collect()
}

fn add(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}

impl Slow {
    fn new(transformer: &Transformer, heads: usize) -> Self {
        let values = transformer.parameters().into_iter().map(|p| (p.name, host(p.value))).collect();
        Self { values, heads }
    }

    fn linear(&self, name: &str, x: &Rows) -> Rows {
        let (weight, bias) = (&self.values[&format!("{name}.weight")], &self.values[&format!("{name}.bias")]);
        let row = |row: &Vec<f64>| {
            let output = |at: usize| -> f64 {
                let weights = &weight[at * row.len()..(at + 1) * row.len()];
                bias[at] + row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>()
            };
            (0..bias.len()).map(output).collect()
        };
        x.iter().map(row).collect()
    }

    fn norm(&self, name: &str, x: &Rows) -> Rows {
        let (gamma, beta) = (&self.values[&format!("{name}.gamma")], &self.values[&format!("{name}.beta")]);
        let row = |row: &Vec<f64>| {
            let mean = row.iter().sum::<f64>() / row.len() as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
            let normal =
                |(at, x): (usize, &f64)| (x - mean) / (variance + 1e-5).sqrt() * gamma[at] + beta[at];
            row.iter().enumerate().map(normal).collect()
        };
        x.iter().map(row).collect()
    }

    fn attention(&self, name: &str, query: &Rows, key: &Rows, value: &Rows) -> Rows {
        let query = self.linear(&format!("{name}.query"), query);
        let key = self.linear(&format!("{name}.key"), key);
        let value = self.linear(&format!("{name}.value"), value);
        let size = query[0].len() / self.heads;
        let mut context = vec![vec![0.0; query[0].len()]; query.len()];
        for head in 0..self.heads {
            let features = head * size..(head + 1) * size;
            for (query, context) in query.iter().zip(&mut context) {
                let product = |key: &Vec<f64>| features.clone().map(|f| query[f] * key[f]).sum::<f64>();
                let scores: Vec<f64> =
                    key.iter().map(|key| (product(key) / (size as f64).sqrt()).exp()).collect();
                let sum = scores.iter().sum::<f64>();
                for (score, value) in scores.iter().zip(&value) {
                    features.clone().for_each(|f| context[f] += score / sum * value[f]);
                }
            }
        }
        self.linear(&format!("{name}.output"), &context)
    }

    fn feed_forward(&self, name: &str, x: &Rows) -> Rows {
        let mut inner = self.linear(&format!("{name}.feed_forward.inner"), x);
        inner.iter_mut().flatten().for_each(|x| *x = x.max(0.0));
        self.linear(&format!("{name}.feed_forward.outer"), &inner)
    }

    fn forward(&self, layers: [usize; 2], memory: &Rows, positions: &Rows, queries: &Rows) -> Rows {
        let mut memory = memory.clone();
        for layer in 0..layers[0] {
            let name = format!("encoder.{layer}");
            let placed = add(&memory, positions);
            let attended = self.attention(&format!("{name}.attention"), &placed, &placed, &memory);
            memory = self.norm(&format!("{name}.norm1"), &add(&memory, &attended));
            memory = self.norm(&format!("{name}.norm2"), &add(&memory, &self.feed_forward(&name, &memory)));
        }
        let mut x = vec![vec![0.0; memory[0].len()]; queries.len()];
        for layer in 0..layers[1] {
            let name = format!("decoder.{layer}");
            let placed = add(&x, queries);
            let own = self.attention(&format!("{name}.own"), &placed, &placed, &x);
            x = self.norm(&format!("{name}.norm1"), &add(&x, &own));
            let attended = self.attention(
                &format!("{name}.attention"),
                &add(&x, queries),
                &add(&memory, positions),
                &memory,
            );
            x = self.norm(&format!("{name}.norm2"), &add(&x, &attended));
            x = self.norm(&format!("{name}.norm3"), &add(&x, &self.feed_forward(&name, &x)));
        }
        x
    }
}

fn config(heads: usize) -> TransformerConfig {
    TransformerConfig { features: 8, heads, encoder_layers: 2, decoder_layers: 3, dropout: 0.1 }
}

/// With larger weights than at first, and biases.
fn transformer(heads: usize, device: &Device) -> Transformer {
    let mut transformer = config(heads).init(&Random::new(1), device).unwrap();
    transformer.update(&mut |name, value| {
        let mut random = Random::new(2).named(name);
        let values: Vec<f32> = (0..value.dims()[0]).map(|_| 0.5 * random.normal()).collect();
        Some(value + Tensor::<1>::from_data(values.as_slice(), &Device::default()))
    });
    transformer
}

fn wave<const D: usize>(shape: [usize; D], phase: f64, device: &Device) -> Tensor<D> {
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|at| (1.7 * at as f64 + phase).sin() as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn rows<const D: usize>(tensor: Tensor<D>) -> Rows {
    let features = tensor.dims()[D - 1];
    host(tensor).chunks(features).map(<[f64]>::to_vec).collect()
}

#[test]
fn it_computes_what_plain_loops_do() {
    let device = Device::default();
    for heads in [1, 4] {
        let transformer = transformer(heads, &device);
        let (memory, positions, queries) =
            (wave([2, 5, 8], 0.1, &device), wave([5, 8], 0.2, &device), wave([3, 8], 0.3, &device));
        let output = transformer.forward(memory.clone(), positions.clone(), queries.clone(), None);
        assert_eq!(output.dims(), [2, 3, 8]);
        let slow = Slow::new(&transformer, heads);
        for (instance, found) in rows(output).chunks(3).enumerate() {
            let memory = rows(memory.clone())[instance * 5..(instance + 1) * 5].to_vec();
            let expected = slow.forward([2, 3], &memory, &rows(positions.clone()), &rows(queries.clone()));
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
            }
        }
    }
}

#[test]
fn gradients_reach_every_parameter_and_what_goes_in() {
    let device = Device::default().autodiff();
    let transformer = transformer(2, &device);
    let [positions, queries] =
        [([5, 8], 0.2), ([3, 8], 0.3)].map(|(shape, phase)| wave(shape, phase, &device).require_grad());
    let memory = wave([2, 5, 8], 0.1, &device).require_grad();
    let noise = Noise::new(&Random::new(4), 0);
    let output = transformer.forward(memory.clone(), positions.clone(), queries.clone(), Some(&noise));
    let mut gradients = (output * wave([2, 3, 8], 0.7, &device)).sum().backward();
    for tensor in [positions, queries] {
        assert!(host(tensor.grad(&gradients).unwrap()).iter().any(|&gradient| gradient != 0.0));
    }
    assert!(host(memory.grad(&gradients).unwrap()).iter().any(|&gradient| gradient != 0.0));
    let found = transformer.gradients(&mut gradients);
    assert_eq!(found.len(), transformer.parameters().len());
    for (name, gradient) in found {
        let reached = host(gradient).iter().any(|&gradient| gradient != 0.0);
        // A shift of all keys changes no weight of attention, and the decoder begins with the same zeros at all places, among which its first
        // attention has nothing to choose.
        let inputs = ["decoder.0.own.query", "decoder.0.own.key", "decoder.0.own.value.weight"];
        let is_exempt = name.ends_with("key.bias") || inputs.iter().any(|input| name.starts_with(input));
        assert!(reached || is_exempt, "{name} has no gradient");
    }
}

#[test]
fn noise_decides_the_output_and_follows_the_instance() {
    let device = Device::default();
    let transformer = transformer(2, &device);
    let forward = |instances: std::ops::Range<usize>, noise: Option<&Noise>| {
        let memory = wave([4, 5, 8], 0.1, &device).slice([instances]);
        host(transformer.forward(memory, wave([5, 8], 0.2, &device), wave([3, 8], 0.3, &device), noise))
    };
    let noise = |seed, first| Noise::new(&Random::new(seed), first);
    let all = forward(0..4, Some(&noise(5, 0)));
    assert_eq!(all, forward(0..4, Some(&noise(5, 0))));
    assert_ne!(all, forward(0..4, Some(&noise(6, 0))));
    assert_ne!(all, forward(0..4, None));
    let second = forward(2..4, Some(&noise(5, 2)));
    for (together, apart) in all[2 * 3 * 8..].iter().zip(&second) {
        assert!((together - apart).abs() < 1e-5);
    }
}

#[test]
fn what_cannot_be_built_is_refused() {
    let device = Device::default();
    for wrong in [
        TransformerConfig { heads: 3, ..config(1) },
        TransformerConfig { heads: 0, ..config(1) },
        TransformerConfig { dropout: 1.0, ..config(1) },
        TransformerConfig { dropout: f32::NAN, ..config(1) },
    ] {
        assert_eq!(wrong.init(&Random::new(0), &device).unwrap_err().exit_code(), 2);
    }
}

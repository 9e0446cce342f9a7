//! A random walk on which optimisers are compared with slow references, and what holds for all of them.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};

use super::{OptimizerConfig, OptimizerName};
use crate::Random;
use crate::golden::{assert_close, host};

/// A starting point and the gradients of six steps.
pub struct Walk {
    pub start: Vec<f64>,
    pub gradients: Vec<Vec<f64>>,
    pub lr: f64,
}

impl Walk {
    pub fn new() -> Self {
        let mut random = Random::new(11);
        let mut vector = || (0..13).map(|_| f64::from(random.normal())).collect::<Vec<_>>();
        Self { start: vector(), gradients: (0..6).map(|_| vector()).collect(), lr: 0.05 }
    }
}

fn tensor(values: &[f64]) -> Tensor<1> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Tensor::from_floats(values.as_slice(), &Device::default())
}

/// Asserts that the optimiser ends the walk where the reference does.
pub fn compare(config: &OptimizerConfig, adapted: bool, slow: impl Fn(&Walk) -> Vec<f64>) {
    let walk = Walk::new();
    let mut optimizer = config.init();
    let end = walk.gradients.iter().fold(tensor(&walk.start), |weights, gradient| {
        optimizer.update("w", weights, tensor(gradient), walk.lr, adapted)
    });
    assert_close(&host(&end), &slow(&walk), 1e-5);
}

const ALL: [OptimizerName; 4] =
    [OptimizerName::Sgd, OptimizerName::Adam, OptimizerName::AdamW, OptimizerName::Lars];

#[test]
fn loaded_state_continues_bit_for_bit() {
    let walk = Walk::new();
    for name in ALL {
        let config = OptimizerConfig { name, ..Default::default() };
        let (mut original, mut weights) = (config.init(), tensor(&walk.start));
        for gradient in &walk.gradients[..3] {
            weights = original.update("layer.w", weights, tensor(gradient), 0.1, true);
        }
        let mut loaded = config.init();
        loaded.load_state(original.state().into_iter().collect()).unwrap();
        let mut resumed = weights.clone();
        for gradient in &walk.gradients[3..] {
            weights = original.update("layer.w", weights, tensor(gradient), 0.1, true);
            resumed = loaded.update("layer.w", resumed, tensor(gradient), 0.1, true);
        }
        assert_eq!(host(&weights), host(&resumed), "{name:?}");
    }
}

#[test]
fn state_is_named_after_the_parameters() {
    let expected = [
        (OptimizerName::Sgd, vec!["momentum.a.w", "momentum.b.w"]),
        (
            OptimizerName::Adam,
            vec![
                "first_moment.a.w",
                "first_moment.b.w",
                "second_moment.a.w",
                "second_moment.b.w",
                "step.a.w",
                "step.b.w",
            ],
        ),
        (OptimizerName::Lars, vec!["momentum.a.w", "momentum.b.w"]),
    ];
    for (name, expected) in expected {
        let mut optimizer = OptimizerConfig { name, ..Default::default() }.init();
        for parameter in ["b.w", "a.w"] {
            optimizer.update(parameter, tensor(&[1.0]), tensor(&[2.0]), 0.1, true);
        }
        let names: Vec<String> = optimizer.state().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn the_state_of_another_optimiser_is_refused() {
    let mut adam = OptimizerConfig { name: OptimizerName::Adam, ..Default::default() }.init();
    let foreign = adam.load_state(BTreeMap::from([("momentum.w".to_owned(), tensor(&[0.0]))]));
    assert!(foreign.unwrap_err().to_string().contains("`momentum.w`"));
    let partial = adam.load_state(BTreeMap::from([
        ("first_moment.w".to_owned(), tensor(&[0.0])),
        ("step.w".to_owned(), tensor(&[1.0])),
    ]));
    assert!(partial.unwrap_err().to_string().contains("`second_moment.w`"));
}

//! Rainbow's head: how the return of each action is distributed.

use burn::module::Module;
use burn::tensor::activation::relu;
use selfsame_core::Random;
use selfsame_core::tensor::{Device, Tensor};

use super::NoisyLinear;

/// Two streams of noisy layers, one for the value of the state and one for the advantages of the actions (Wang et al. 2016, arXiv 1511.06581), put together
/// atom by atom: `v_i + a_i − mean_a a_i` (Rainbow, arXiv 1710.02298, section "The Integrated Agent").
#[derive(Module, Debug)]
pub struct Duelling {
    value_hidden: NoisyLinear,
    value: NoisyLinear,
    advantage_hidden: NoisyLinear,
    advantage: NoisyLinear,
    actions: usize,
    atoms: usize,
}

impl Duelling {
    /// For so many features, with so many hidden units in each stream; `noise` is σ₀.
    pub fn new(
        [features, hidden]: [usize; 2],
        [actions, atoms]: [usize; 2],
        noise: f64,
        random: &Random,
        device: &Device,
    ) -> Self {
        let layer = |sizes, name: &str| NoisyLinear::new(sizes, noise, &random.named(name), device);
        Self {
            value_hidden: layer([features, hidden], "value_hidden"),
            value: layer([hidden, atoms], "value"),
            advantage_hidden: layer([features, hidden], "advantage_hidden"),
            advantage: layer([hidden, actions * atoms], "advantage"),
            actions,
            atoms,
        }
    }

    /// Logits of the distributions, `[batch, actions, atoms]`, of features `[batch, features]`.
    pub fn forward(&self, features: Tensor<2>, noise: Option<&Random>) -> Tensor<3> {
        let stream = |hidden: &NoisyLinear, output: &NoisyLinear, name: &str| {
            let [first, second] = [0, 1].map(|layer| noise.map(|noise| noise.named(name).at(layer)));
            output.forward(relu(hidden.forward(features.clone(), first.as_ref())), second.as_ref())
        };
        let value = stream(&self.value_hidden, &self.value, "value");
        let advantage = stream(&self.advantage_hidden, &self.advantage, "advantage");
        let batch = value.dims()[0];
        let value = value.reshape([batch, 1, self.atoms]);
        let advantage = advantage.reshape([batch, self.actions, self.atoms]);
        value + (advantage.clone() - advantage.mean_dim(1))
    }
}

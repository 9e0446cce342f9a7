//! SAC's networks: the policy, two critics, the temperature.

use burn::module::{Module, Param};
use burn::tensor::activation::softplus;
use selfsame_core::head::{Mlp, MlpConfig};
use selfsame_core::nn::Mode;
use selfsame_core::tensor::{Device, Tensor, TensorData};
use selfsame_core::{Random, Result};

use super::{Summary, orthogonal};

/// The range of ln σ, as in SAC-AE and CURL.
const LOG_DEVIATION: [f64; 2] = [-10.0, 2.0];

/// A perceptron with two hidden layers, with orthogonal weights.
fn perceptron(input: usize, hidden: usize, output: usize, random: &Random, device: &Device) -> Result<Mlp> {
    let mut mlp = MlpConfig::new(input, &[hidden; 2], output).without_batch_norm().init(random, device)?;
    orthogonal(&mut mlp, &random.named("orthogonal"))?;
    Ok(mlp)
}

/// The policy: actions are tanh of normal numbers whose mean and deviation depend on features (Haarnoja et al. 2018, arXiv 1812.05905, appendix C). It makes
/// these of the critics' convolutions by layers of its own.
#[derive(Module, Debug)]
pub struct Actor {
    summary: Summary,
    trunk: Mlp,
    actions: usize,
}

/// Actions that a policy draws.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// `[batch, actions]` in `-1..=1`.
    pub actions: Tensor<2>,
    /// ln π of them, `[batch]`.
    pub log_probability: Tensor<1>,
}

impl Actor {
    /// # Errors
    /// Layers without units.
    pub fn new(
        [cells, features, hidden, actions]: [usize; 4],
        random: &Random,
        device: &Device,
    ) -> Result<Self> {
        let mut summary = Summary::new([cells, features], &random.named("summary"), device);
        orthogonal(&mut summary, &random.named("summary").named("orthogonal"))?;
        Ok(Self { summary, trunk: perceptron(features, hidden, 2 * actions, random, device)?, actions })
    }

    /// `[batch, 2 · actions]`.
    fn output(&self, maps: Tensor<2>) -> Tensor<2> {
        self.trunk.forward(self.summary.forward(maps), &Mode::Evaluate)
    }

    /// The most probable actions, `[batch, actions]`, given what the convolutions make of pictures, `[batch, cells]`.
    pub fn mean(&self, maps: Tensor<2>) -> Tensor<2> {
        self.output(maps).narrow(1, 0, self.actions).tanh()
    }

    /// Draws an action for each row of `[batch, cells]`; gradients flow through the draw.
    pub fn draw(&self, maps: Tensor<2>, random: &Random) -> Drawn {
        let output = self.output(maps);
        let rows = output.dims()[0];
        let [mean, spread] = [0, 1].map(|part| output.clone().narrow(1, part * self.actions, self.actions));
        let [low, high] = LOG_DEVIATION;
        let log_deviation = (spread.tanh() + 1.0) * (0.5 * (high - low)) + low;
        let noise = normal([rows, self.actions], random, &mean.device());
        let before = mean + noise.clone() * log_deviation.clone().exp();
        // Of the normal numbers; through tanh, ln |d tanh(u) / du| = ln(1 − tanh² u) = 2 (ln 2 − u − softplus(−2u)), which is finite for all u.
        let constant = 0.5 * std::f64::consts::TAU.ln();
        let normal = noise.square() * -0.5 - log_deviation - constant;
        let squeezed =
            (softplus(before.clone() * -2.0, 1.0) + before.clone()) * -2.0 + 2.0 * std::f64::consts::LN_2;
        let log_probability = (normal - squeezed).sum_dim(1).reshape([rows]);
        Drawn { actions: before.tanh(), log_probability }
    }
}

fn normal([rows, columns]: [usize; 2], random: &Random, device: &Device) -> Tensor<2> {
    let mut random = random.clone();
    let values: Vec<f32> = (0..rows * columns).map(|_| random.normal()).collect();
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

/// Two functions of features and action, of which the lesser is believed (Fujimoto et al. 2018, arXiv 1802.09477).
#[derive(Module, Debug)]
pub struct TwinCritics {
    first: Mlp,
    second: Mlp,
}

impl TwinCritics {
    /// # Errors
    /// Layers without units.
    pub fn new([features, hidden, actions]: [usize; 3], random: &Random, device: &Device) -> Result<Self> {
        let critic = |name: &str| perceptron(features + actions, hidden, 1, &random.named(name), device);
        Ok(Self { first: critic("first")?, second: critic("second")? })
    }

    /// Q₁ and Q₂, `[batch]` each, of `[batch, features]` and `[batch, actions]`.
    pub fn values(&self, features: Tensor<2>, actions: Tensor<2>) -> [Tensor<1>; 2] {
        let rows = features.dims()[0];
        let input = Tensor::cat(vec![features, actions], 1);
        [&self.first, &self.second]
            .map(|critic| critic.forward(input.clone(), &Mode::Evaluate).reshape([rows]))
    }
}

/// α, the worth of entropy: what is learned is its logarithm.
#[derive(Module, Debug)]
pub struct Temperature {
    log: Param<Tensor<1>>,
}

impl Temperature {
    /// Beginning with this α.
    pub fn new(start: f64, device: &Device) -> Self {
        Self { log: Param::from_tensor(Tensor::full([1], start.ln(), device)) }
    }

    /// α, `[1]`.
    pub fn value(&self) -> Tensor<1> {
        self.log.val().exp()
    }
}

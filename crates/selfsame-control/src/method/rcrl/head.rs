//! What RCRL trains beside the encoder: φ(x, a), and what is made of two of them.

use burn::module::{Module, Param};
use selfsame_core::head::{Mlp, MlpConfig};
use selfsame_core::nn::{LayerNorm, Linear, LinearConfig, Mode};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Random, Result};

use super::Objective;

/// φ(x, a).
#[derive(Module, Debug)]
pub(super) struct Pair {
    linear: Linear,
    norm: LayerNorm,
}

impl Pair {
    pub fn forward(&self, features: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        self.norm.forward(self.linear.forward(Tensor::cat(vec![features, actions], 1)))
    }
}

/// What is trained beside the encoder.
#[derive(Module, Debug)]
pub(super) struct Head {
    pub pair: Pair,
    pub score: Score,
}

/// What is made of two pairs.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a training")]
pub(super) enum Score {
    /// w on [φ₁; φ₂; |φ₁ − φ₂|].
    Discriminator(Mlp),
    /// φ₁ᵀ W φ₂.
    Bilinear(Bilinear),
}

#[derive(Module, Debug)]
pub(super) struct Bilinear {
    /// W, `[dimension, dimension]`.
    pub weight: Param<Tensor<2>>,
}

impl Head {
    pub fn new(sizes: [usize; 4], objective: Objective, random: &Random, device: &Device) -> Result<Self> {
        let [features, actions, dimension, hidden] = sizes;
        let pair = Pair {
            linear: LinearConfig::new(features + actions, dimension).init(&random.named("pair"), device),
            norm: LayerNorm::new(dimension, device),
        };
        let score = match objective {
            Objective::Discriminator => {
                let mlp = MlpConfig::new(3 * dimension, &[hidden], 1).without_batch_norm();
                Score::Discriminator(mlp.init(&random.named("discriminator"), device)?)
            }
            // Scores begin as inner products, of the size of cosines.
            Objective::InfoNce => {
                let weight = Tensor::eye(dimension, device) / dimension as f64;
                Score::Bilinear(Bilinear { weight: Param::from_tensor(weight) })
            }
        };
        Ok(Self { pair, score })
    }
}

/// w(φ₁, φ₂), `[n]`.
pub(super) fn discriminate(discriminator: &Mlp, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
    let rows = first.dims()[0];
    let apart = (first.clone() - second.clone()).abs();
    let input = Tensor::cat(vec![first, second, apart], 1);
    discriminator.forward(input, &Mode::Evaluate).reshape([rows])
}

//! Projectors: what is trained on top of the backbone and thrown away afterwards.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::nn::{BatchNorm, BatchNormConfig, Epilogue, Linear, LinearConfig, Mode};
use crate::{Error, Random, Result};

/// The kinds of projector that SimCLR compares (section 4.2, figure 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectorKind {
    /// The representation itself.
    None,
    /// One linear layer.
    Linear,
    /// Linear–BN–ReLU–Linear.
    Mlp,
}

/// Configuration of a [`Projector`].
#[derive(Clone, Debug)]
pub struct ProjectorConfig {
    /// Which layers.
    pub kind: ProjectorKind,
    /// Features of the backbone.
    pub input: usize,
    /// Features of the hidden layer (MLP).
    pub hidden: usize,
    /// Features that the objective sees.
    pub output: usize,
}

impl ProjectorConfig {
    /// # Errors
    /// When a layer would have no features.
    pub fn init(&self, random: &Random, device: &Device) -> Result<Projector> {
        if self.hidden == 0 || self.output == 0 {
            return Err(Error::config(
                format!("the projector's sizes are {} and {}", self.hidden, self.output),
                "give method.projector_hidden and method.projector_dimension values of at least 1",
            ));
        }
        let linear =
            |name: &str, input, output| LinearConfig::new(input, output).init(&random.named(name), device);
        Ok(match self.kind {
            ProjectorKind::None => Projector { linear1: None, bn1: None, linear2: None },
            ProjectorKind::Linear => Projector {
                linear1: None,
                bn1: None,
                linear2: Some(linear("linear2", self.input, self.output)),
            },
            ProjectorKind::Mlp => Projector {
                linear1: Some(
                    LinearConfig::new(self.input, self.hidden)
                        .without_bias()
                        .init(&random.named("linear1"), device),
                ),
                bn1: Some(BatchNormConfig::new(self.hidden).init(device)),
                linear2: Some(linear("linear2", self.hidden, self.output)),
            },
        })
    }
}

/// A projector of at most two layers.
#[derive(Module, Debug)]
pub struct Projector {
    linear1: Option<Linear>,
    bn1: Option<BatchNorm>,
    linear2: Option<Linear>,
}

impl Projector {
    /// `[batch, input]` to `[batch, output]`.
    pub fn forward(&self, representation: Tensor<2>, mode: &Mode) -> Tensor<2> {
        let mut x = representation;
        if let Some(linear) = &self.linear1 {
            x = linear.forward(x);
        }
        if let Some(norm) = &self.bn1 {
            x = norm.forward_then(x, Epilogue::relu(), mode);
        }
        if let Some(linear) = &self.linear2 {
            x = linear.forward(x);
        }
        x
    }
}

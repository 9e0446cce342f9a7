//! What BYOL, SimSiam, MixSiam and SCRL are built from: an encoder, and a predictor that foresees another projection from its own.

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::head::{Mlp, MlpConfig};
use selfsame_core::method::Step;
use selfsame_core::momentum_encoder::MomentumEncoder;
use selfsame_core::nn::{Mode, Parameters};
use selfsame_core::schedule::MomentumSchedule;
use selfsame_core::{Error, Result};

use super::encoder::Encoder;
use super::{Build, Layer};
use crate::model::ResNet;

/// What is trained: f, g and the predictor h (BYOL's q).
#[derive(Module, Debug)]
pub struct Siamese {
    pub backbone: ResNet,
    pub projector: Mlp,
    pub predictor: Mlp,
}

/// What the network makes of one view of a batch.
pub struct Seen {
    /// f(x), `[batch, features]`.
    pub representations: Tensor<2>,
    /// z = g(f(x)), `[batch, dimension]`.
    pub projections: Tensor<2>,
    /// p = h(z), `[batch, dimension]`.
    pub predictions: Tensor<2>,
}

impl Siamese {
    /// With heads that fit onto a backbone of so many features.
    ///
    /// # Errors
    /// Layers without features, initial weights that cannot be used.
    pub fn new(
        from: &Build<'_>,
        backbone: ResNet,
        projector: &MlpConfig,
        predictor: &MlpConfig,
    ) -> Result<Self> {
        let head = |config: &MlpConfig, name| config.init(&from.random.named(name), &from.device);
        Ok(Self {
            backbone,
            projector: head(projector, "projector")?,
            predictor: head(predictor, "predictor")?,
        })
    }

    /// One view by itself, so that batch norm sees no other.
    pub fn see(&self, images: Tensor<4>, mode: &Mode) -> Seen {
        let representations = self.backbone.forward(images, mode);
        let projections = self.projector.forward(representations.clone(), mode);
        let predictions = self.predictor.forward(projections.clone(), mode);
        Seen { representations, projections, predictions }
    }

    /// f and g by themselves; batch norm's running statistics are a copy.
    pub fn encoder(&self) -> Encoder {
        Encoder { backbone: self.backbone.clone(), projector: self.projector.clone() }
    }

    /// See [`ImageMethod::represent`](super::ImageMethod::represent).
    pub fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.encoder().represent(images, layer)
    }
}

/// A network and its target encoder, which follows with a momentum that rises to 1 (BYOL, section 3.3).
#[derive(Debug)]
pub struct Bootstrap {
    pub online: Siamese,
    pub target: MomentumEncoder<Encoder>,
    momentum: f64,
}

/// The heads of BYOL and SCRL: Linear–BN–ReLU–Linear, the last layer without bias as in the authors' codes.
#[derive(Clone, Copy, Debug)]
pub struct BootstrapHeads {
    pub projector_hidden: usize,
    pub projector_dimension: usize,
    pub predictor_hidden: usize,
}

impl Bootstrap {
    /// With heads on `input` features and a target whose momentum begins with `momentum`.
    ///
    /// # Errors
    /// A momentum that is not in 0 to 1, and those of [`Siamese::new`].
    pub fn new(from: &Build<'_>, input: usize, heads: BootstrapHeads, momentum: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&momentum) {
            return Err(Error::config(
                format!("method.momentum is {momentum}, which is not in 0 to 1"),
                "it is what the target keeps of itself in a step: 0.97 to 0.99 for a short training, 0.996 for a long one",
            ));
        }
        let BootstrapHeads { projector_hidden, projector_dimension, predictor_hidden } = heads;
        let projector = MlpConfig::new(input, &[projector_hidden], projector_dimension).without_output_bias();
        let predictor = MlpConfig::new(projector_dimension, &[predictor_hidden], projector_dimension);
        let online = Siamese::new(from, from.backbone()?, &projector, &predictor.without_output_bias())?;
        Ok(Self { target: MomentumEncoder::new(&online.encoder()), online, momentum })
    }

    /// Lets the target follow after a step.
    ///
    /// # Errors
    /// Never: the momentum was checked.
    pub fn follow(&mut self, step: &Step) -> Result<()> {
        let momentum = MomentumSchedule::new(self.momentum, step.total)?.at(step.index);
        self.target.follow(&self.online, momentum);
        Ok(())
    }

    /// See [`Method::state`](selfsame_core::method::Method::state).
    pub fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.online), ("target", self.target.module_mut())]
    }
}

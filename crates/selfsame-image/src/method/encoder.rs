//! Backbone and projector: what most methods train, and what their target encoders copy.

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::head::Mlp;
use selfsame_core::nn::Mode;

use super::Layer;
use crate::model::ResNet;

/// Backbone f and projector g.
#[derive(Module, Debug)]
pub struct Encoder {
    pub backbone: ResNet,
    pub projector: Mlp,
}

impl Encoder {
    /// Images `[batch, 3, side, side]` to representations f(x) and projections g(f(x)), `[batch, …]` each.
    pub fn see(&self, images: Tensor<4>, mode: &Mode) -> [Tensor<2>; 2] {
        let representations = self.backbone.forward(images, mode);
        let projections = self.projector.forward(representations.clone(), mode);
        [representations, projections]
    }

    /// See [`ImageMethod::represent`](super::ImageMethod::represent).
    pub fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        let frozen = self.valid();
        let representations = frozen.backbone.forward(images, &Mode::Evaluate);
        match layer {
            Layer::Backbone => representations,
            Layer::Projector => frozen.projector.forward(representations, &Mode::Evaluate),
        }
    }
}

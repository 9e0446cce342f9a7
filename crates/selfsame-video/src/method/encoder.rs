//! Backbone and projector: what most methods train, and what their target encoders copy.

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::head::Mlp;
use selfsame_core::nn::Mode;

use super::Layer;
use crate::model::Backbone;

/// Backbone f and projector g.
#[derive(Module, Debug)]
pub struct Encoder {
    pub backbone: Backbone,
    pub projector: Mlp,
}

impl Encoder {
    /// Clips `[batch, 3, frames, side, side]` to representations f(x) and projections g(f(x)), `[batch, …]` each.
    pub fn see(&self, clips: Tensor<5>, mode: &Mode) -> [Tensor<2>; 2] {
        let representations = self.backbone.forward(clips, mode);
        let projections = self.projector.forward(representations.clone(), mode);
        [representations, projections]
    }

    /// See [`VideoMethod::represent`](super::VideoMethod::represent).
    pub fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2> {
        let [representations, projections] = self.valid().see(clips, &Mode::Evaluate);
        match layer {
            Layer::Backbone => representations,
            Layer::Projector => projections,
        }
    }
}

//! MoCo v2: Improved Baselines with Momentum Contrastive Learning.
//!
//! Xinlei Chen, Haoqi Fan, Ross Girshick, Kaiming He. 2020, arXiv 2003.04297; on MoCo, CVPR 2020, arXiv 1911.05722.
//!
//! The query, one view of an instance, has to find its key, the other view, among the keys of earlier batches, which wait in a queue
//! (1911.05722, section 3.2). Keys are encoded by a momentum average of the queries' encoder (eq. 2), so that those in the queue stay comparable.

use burn::tensor::Tensor;
use selfsame_core::Result;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::loss::{info_nce, unit};
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::momentum_contrast::{Encode, MocoConfig, MomentumContrast, WaitingQueue};
use selfsame_core::nn::{Mode, Parameters};

use super::encoder::Encoder;
use super::{Build, Entry, ImageMethod, Layer};
use crate::model::ResNet;
use crate::view::Views;

/// MoCo v2 in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "moco-v2",
    title: "MoCo v2",
    paper: "Chen, Fan, Girshick, He. 2020, arXiv 2003.04297",
    summary: "each view against a queue of earlier keys; many negatives with small batches",
    views: 2,
    // The queue must not hold an instance's own keys of a moment ago, and a few hundred steps need a target that follows sooner.
    small: r#"
        [view]
        recipe = "simclr-cifar"
        [method]
        temperature = 0.2
        momentum = 0.99
        queue = "auto"
        batch_norm_group = 32
        projector_hidden = "auto"
        projector_dimension = 128
        [optimizer]
        name = "sgd"
        lr = 0.12
        weight_decay = 5e-4
        [schedule]
        warmup_epochs = 1.0
    "#,
    // 2003.04297, section 3, and the authors' code: 8 GPUs with 32 instances each.
    paper_settings: r#"
        [view]
        recipe = "moco-v2"
        image_size = 224
        [backbone]
        name = "resnet50"
        width = 1.0
        stem = "imagenet"
        [method]
        temperature = 0.2
        momentum = 0.999
        queue = 65536
        batch_norm_group = 32
        projector_dimension = 128
        [optimizer]
        name = "sgd"
        lr = 0.03
        momentum = 0.9
        weight_decay = 1e-4
        [schedule]
        epochs = 200
        warmup_epochs = 0.0
        [run]
        batch_size = 256
    "#,
    build,
};

/// Backbone and projector.
pub(super) fn encoder(config: &MocoConfig, from: &Build<'_>) -> Result<Encoder> {
    let backbone = from.backbone()?;
    let projector = config.projector(backbone.features(), &from.random.named("projector"), &from.device)?;
    Ok(Encoder { backbone, projector })
}

impl Encode<4, 2> for Encoder {
    fn encode(&self, images: Tensor<4>, mode: &Mode) -> [Tensor<2>; 2] {
        self.see(images, mode)
    }
}

/// The method.
#[derive(Debug)]
pub struct MocoV2 {
    encoders: MomentumContrast<Encoder>,
    queue: WaitingQueue,
    temperature: f64,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(MocoV2::new(&from.settings()?, from)?))
}

impl MocoV2 {
    /// # Errors
    /// A temperature that is not positive, a momentum outside `[0, 1)`, layers or a queue of nothing.
    pub fn new(config: &MocoConfig, from: &Build<'_>) -> Result<Self> {
        Ok(Self {
            encoders: config.encoders(encoder(config, from)?)?,
            queue: config.queue(config.capacity(), &from.random.named("queue"), &from.device)?,
            temperature: config.temperature,
        })
    }
}

impl Method for MocoV2 {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let [representations, queries] = self.encoders.encode_queries(views.view(0), step)?;
        let keys = self.encoders.encode_keys::<4, 2>(views.view(1), step)?;
        // Equation 1. Every query is judged by itself, so each rank judges its own.
        let contrast = info_nce(queries, keys.own(1), self.queue.keys(), self.temperature);
        self.queue.hold(unit(keys.all[1].clone()));
        let whole = |local| mean_with_gradient(local, views.instances.len(), &*step.collective);
        Ok(Objective {
            loss: whole(contrast.loss)?,
            terms: vec![("proxy_accuracy", whole(contrast.accuracy)?)],
            representations: [representations.without_autodiff(), keys.own(0)],
        })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.encoders.queries
    }

    fn after_step(&mut self, _step: &Step) -> Result<()> {
        self.encoders.follow();
        self.queue.enqueue();
        Ok(())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        self.encoders.state().into_iter().chain([("queue", self.queue.state())]).collect()
    }
}

impl ImageMethod for MocoV2 {
    fn backbone(&self) -> &ResNet {
        &self.encoders.queries.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.encoders.queries.represent(images, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

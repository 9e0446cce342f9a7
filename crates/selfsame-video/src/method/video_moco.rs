//! MoCo v2 on clips.
//!
//! Xinlei Chen, Haoqi Fan, Ross Girshick, Kaiming He. *Improved Baselines with Momentum Contrastive Learning*. 2020, arXiv 2003.04297; on clips of a
//! video in place of views of an image it is the baseline of the video methods (Wang et al. 2021, arXiv 2009.05769, section 3.3).
//!
//! The query, one clip of a video, has to find its key, another clip of the same video, among the keys of earlier batches, which wait in a queue.
//! Keys are encoded by a momentum average of the queries' encoder. As in the authors' code of Background Erasing, the key can be of the query's own time, and
//! a clip of another time of the same video a negative: what both have in common, the background, then tells the key from nothing.

use burn::tensor::Tensor;
use selfsame_core::Result;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::loss::{info_nce, info_nce_with_own, unit};
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::momentum_contrast::{Encode, MocoConfig, MomentumContrast, WaitingQueue};
use selfsame_core::nn::{Mode, Parameters};
use serde::Deserialize;

use super::encoder::Encoder;
use super::{Build, Entry, Layer, VideoMethod};
use crate::model::Backbone;
use crate::view::{Arrangement, ClipViews};

/// MoCo on clips in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "video-moco",
    title: "MoCo v2 on clips",
    paper: "Chen, Fan, Girshick, He. 2020, arXiv 2003.04297",
    summary: "each clip against a queue of earlier ones; the baseline, which may learn backgrounds",
    arrangement: |settings| Ok(settings.section::<TimeConfig>("method")?.arrangement()),
    // As MoCo v2's on images: the queue must not hold a video's own keys of a moment ago, and a few hundred steps need a target that follows sooner.
    small: r#"
        [method]
        time_negative = false
        temperature = 0.2
        momentum = 0.99
        queue = "auto"
        batch_norm_group = 16
        projector_hidden = "auto"
        projector_dimension = 128
        [optimizer]
        name = "sgd"
        lr = 0.12
        weight_decay = 5e-4
        [schedule]
        warmup_epochs = 1.0
    "#,
    // As the authors of Background Erasing run it.
    paper_settings: r#"
        [view]
        recipe = "moco-v2"
        image_size = 112
        frames = 16
        stride = 4
        [backbone]
        name = "r3d_18"
        width = 1.0
        [method]
        temperature = 0.07
        momentum = 0.999
        queue = 16384
        batch_norm_group = 8
        projector_dimension = 128
        [optimizer]
        name = "sgd"
        lr = 0.003
        lr_scaling = "none"
        momentum = 0.9
        weight_decay = 1e-4
        [schedule]
        kind = "step"
        milestones = [120.0, 160.0, 200.0]
        epochs = 240
        warmup_epochs = 0.0
        [run]
        batch_size = 64
    "#,
    build,
};

/// What is compared in time, in section `[method]` beside [`MocoConfig`].
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct TimeConfig {
    /// Whether the key is of the query's own time, and a clip of another time of the same video is a negative.
    #[serde(default)]
    pub time_negative: bool,
}

impl TimeConfig {
    fn arrangement(self) -> Arrangement {
        match self.time_negative {
            true => Arrangement::SameAndOtherTime,
            false => Arrangement::Independent(2),
        }
    }
}

impl Encode<5, 2> for Encoder {
    fn encode(&self, clips: Tensor<5>, mode: &Mode) -> [Tensor<2>; 2] {
        self.see(clips, mode)
    }
}

/// The method.
#[derive(Debug)]
pub struct VideoMoco {
    encoders: MomentumContrast<Encoder>,
    queue: WaitingQueue,
    temperature: f64,
    time: TimeConfig,
}

pub(super) fn build(from: &Build<'_>) -> Result<Box<dyn VideoMethod>> {
    Ok(Box::new(VideoMoco::new(&from.settings()?, from)?))
}

impl VideoMoco {
    /// # Errors
    /// A temperature that is not positive, a momentum outside `[0, 1)`, layers or a queue of nothing.
    pub fn new(config: &MocoConfig, from: &Build<'_>) -> Result<Self> {
        let (features, head) = (from.backbone.features(), from.random.named("projector"));
        let projector = config.projector(features, &head, &from.device)?;
        let encoder = Encoder { backbone: from.backbone()?, projector };
        Ok(Self {
            encoders: config.encoders(encoder)?,
            queue: config.queue(config.capacity(), &from.random.named("queue"), &from.device)?,
            temperature: config.temperature,
            time: from.settings()?,
        })
    }
}

impl Method for VideoMoco {
    type Views = ClipViews;

    fn objective(&mut self, views: &ClipViews, step: &Step) -> Result<Objective> {
        let [representations, queries] = self.encoders.encode_queries(views.view(0), step)?;
        let keys = self.encoders.encode_keys::<5, 2>(views.view(1), step)?;
        let whole = |local| mean_with_gradient(local, views.instances.len(), &*step.collective);
        let (queue, mut terms) = (self.queue.keys(), Vec::new());
        // Equation 1 of MoCo. Every query is judged by itself, so each rank judges its own.
        let contrast = match self.time.time_negative {
            true => {
                let others = unit(self.encoders.encode_keys::<5, 2>(views.view(2), step)?.own(1));
                terms.push(("time_accuracy", whole(nearer(&queries, keys.own(1), others.clone()))?));
                info_nce_with_own(queries, keys.own(1), queue, others.unsqueeze_dim(1), self.temperature)
            }
            false => info_nce(queries, keys.own(1), queue, self.temperature),
        };
        self.queue.hold(unit(keys.all[1].clone()));
        terms.insert(0, ("proxy_accuracy", whole(contrast.accuracy)?));
        Ok(Objective {
            loss: whole(contrast.loss)?,
            terms,
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

/// The share of the queries that are more similar to their keys than to `others`, of unit length, `[1]`.
fn nearer(queries: &Tensor<2>, keys: Tensor<2>, others: Tensor<2>) -> Tensor<1> {
    let queries = queries.clone().without_autodiff();
    let similarity = |rows: Tensor<2>| (queries.clone() * rows).sum_dim(1);
    similarity(unit(keys)).greater(similarity(others)).float().mean()
}

impl VideoMethod for VideoMoco {
    fn backbone(&self) -> &Backbone {
        &self.encoders.queries.backbone
    }

    fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2> {
        self.encoders.queries.represent(clips, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

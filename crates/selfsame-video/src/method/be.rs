//! BE: Removing the Background by Adding the Background, towards background-robust self-supervised video representation learning.
//!
//! Jinpeng Wang, Yuting Gao, Ke Li, Yiqi Lin, Andy J. Ma, Hao Cheng, Pai Peng, Feiyue Huang, Rongrong Ji, Xing Sun. CVPR 2021, arXiv 2009.05769.
//!
//! One frame of a clip, added to all its frames, disturbs what stands still and keeps what moves (section 3.2). Who has to find another clip of the
//! same video from such a *distracting* clip had better look at the motion. It goes with any method: [`Erasing`] gives its first clip away
//! distracted. `be` by itself is MoCo with it (section 3.3). The features of a clip and of what was made of it can be pulled together besides.

use burn::tensor::Tensor;
use rayon::prelude::*;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::loss::feature_consistency;
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::{Parameters, device_of};
use selfsame_core::{Error, Random, Result};
use serde::{Deserialize, Serialize};

use super::{Entry, Layer, VideoMethod, video_moco};
use crate::model::Backbone;
use crate::view::{ClipViews, erase_background};

/// MoCo with background erasing in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "be",
    title: "Background Erasing",
    paper: "Wang, Gao, Li, Lin, Ma, Cheng et al. CVPR 2021, arXiv 2009.05769",
    summary: "MoCo on clips whose background is disturbed; where backgrounds mislead",
    // As MoCo's on clips.
    small: r#"
        [method]
        erase_background = 0.3
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
    // Section 4.1, and the authors' code, which draws one share a batch.
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
        erase_background = 0.3
        erase_by = "batch"
        time_negative = true
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
    ..video_moco::ENTRY
};

/// The settings of background erasing, in section `[method]` beside those of the method that it goes with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ErasingConfig {
    /// γ: the largest share λ that the added frame has; 0 to add none.
    pub erase_background: f64,
    /// For what λ is drawn.
    pub erase_by: ErasedBy,
    /// What the loss gets of the mean squared difference between the features of a distracting clip and those of the clip itself; 0 for nothing.
    pub erase_consistency: f64,
}

/// For what the share of the added frame is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErasedBy {
    /// For every clip by itself.
    Instance,
    /// For all clips of a step, as in the authors' code.
    Batch,
}

impl ErasingConfig {
    /// # Errors
    /// A share that is not in `[0, 1]`, a weight below 0, or a weight where nothing is erased.
    pub fn validate(&self) -> Result<()> {
        let Self { erase_background: largest, erase_consistency: weight, .. } = *self;
        if !(0.0..=1.0).contains(&largest) {
            return Err(Error::config(
                format!("method.erase_background is {largest}, which is not in [0, 1]"),
                "it is the largest share of the frame that is added to a clip: 0.3 is the paper's, 0 adds none",
            ));
        }
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err(Error::config(
                format!("method.erase_consistency is {weight}, which is not 0 or more"),
                "it weighs how much erasing a background changes the features; 0 leaves that out",
            ));
        }
        if weight > 0.0 && largest == 0.0 {
            return Err(Error::config(
                format!("method.erase_consistency is {weight}, but no background is erased"),
                "erase some: --erase-background 0.3, or set method.erase_consistency to 0",
            ));
        }
        Ok(())
    }

    /// Equation 1 on the first clip of every video: λ ~ U(0, γ), and the frame k any of the clip's. `random` is the stream of the step.
    pub fn distract(&self, views: &mut ClipViews, random: &Random) {
        let Self { erase_background: largest, erase_by, .. } = *self;
        let random = random.named("erase background");
        let (frames, area) = (views.frames, views.clips[0].len() / views.instances.len().max(1));
        let clips = views.clips[0].par_chunks_exact_mut(area.max(1)).zip(&views.instances);
        clips.for_each(|(clip, &instance)| {
            let own = random.at(instance as u64);
            let mut share = match erase_by {
                ErasedBy::Instance => own.named("share"),
                ErasedBy::Batch => random.named("share"),
            };
            let share = share.range(0.0, largest as f32);
            erase_background(clip, frames, own.named("frame").below(frames), share);
        });
    }
}

/// Any method, with distracting clips in place of its first ones.
pub struct Erasing {
    method: Box<dyn VideoMethod>,
    config: ErasingConfig,
}

impl Erasing {
    /// Around a method.
    pub fn new(method: Box<dyn VideoMethod>, config: ErasingConfig) -> Self {
        Self { method, config }
    }

    /// MSE(f(x̂), f(x)) over the batch of all ranks, f being the backbone.
    fn consistency(&self, distracting: &ClipViews, views: &ClipViews, step: &Step) -> Result<Tensor<1>> {
        let (backbone, mode) = (self.method.backbone(), step.mode());
        let device = device_of(backbone)?;
        let features = |views: &ClipViews| backbone.forward(views.tensor(0, &device), &mode);
        let local = feature_consistency(features(distracting), features(views));
        mean_with_gradient(local, views.instances.len(), &*step.collective)
    }
}

impl Method for Erasing {
    type Views = ClipViews;

    fn objective(&mut self, views: &ClipViews, step: &Step) -> Result<Objective> {
        let mut distracting = views.clone();
        self.config.distract(&mut distracting, &step.random);
        let mut objective = self.method.objective(&distracting, step)?;
        let weight = self.config.erase_consistency;
        if weight > 0.0 {
            let consistency = self.consistency(&distracting, views, step)?;
            objective.loss = objective.loss + consistency.clone() * weight;
            objective.terms.push(("consistency", consistency));
        }
        Ok(objective)
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        self.method.trained()
    }

    fn follows_schedule(&self, name: &str) -> bool {
        self.method.follows_schedule(name)
    }

    fn after_step(&mut self, step: &Step) -> Result<()> {
        self.method.after_step(step)
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        self.method.state()
    }
}

impl VideoMethod for Erasing {
    fn backbone(&self) -> &Backbone {
        self.method.backbone()
    }

    fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2> {
        self.method.represent(clips, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

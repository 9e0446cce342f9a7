//! CSTP: Contrastive Spatio-Temporal Pretext Learning for Self-Supervised Video Representation.
//!
//! Yujia Zhang, Lai-Man Po, Xuyuan Xu, Mengyang Liu, Yexin Wang, Weifeng Ou, Yuzhi Zhao, Wing-Yin Yu. AAAI 2022, arXiv 2112.08913.
//!
//! Two clips of a video overlap by a rate in time and in space that the network has to recognise from both (STOR, section 3.2); from each clip alone it
//! has to recognise how fast it is played and how it is turned (section 3.3). BYOL between both clips (section 3.1) keeps the representation
//! general.

mod config;

pub use config::CstpConfig;

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::collective::{Collective, mean_with_gradient};
use selfsame_core::head::{Mlp, MlpConfig};
use selfsame_core::loss::{byol, classification};
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::momentum_encoder::MomentumEncoder;
use selfsame_core::nn::{Mode, Parameters, device_of};
use selfsame_core::schedule::MomentumSchedule;
use selfsame_core::{Error, Result};

use super::encoder::Encoder;
use super::{Build, Entry, Layer, VideoMethod};
use crate::model::Backbone;
use crate::view::overlap::{OVERLAP_RATES, STRIDES};
use crate::view::{Arrangement, ClipViews, Labels};

/// CSTP in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "cstp",
    title: "CSTP",
    paper: "Zhang, Po, Xu, Liu, Wang, Ou, Zhao, Yu. AAAI 2022, arXiv 2112.08913",
    summary: "recognises overlap, speed and rotation of two clips, beside BYOL; small batches will do",
    arrangement: |settings| Ok(Arrangement::Pair(settings.section::<CstpConfig>("method")?.tasks())),
    // As BYOL's on images: a target that follows within a hundred steps, heads to scale.
    small: r#"
        [method]
        overlap = true
        rate = true
        rotation = true
        byol_weight = 0.1
        space_weight = 1.0
        time_weight = 1.0
        rate_weight = 1.0
        rotation_weight = 1.0
        momentum = 0.99
        projector_hidden = "auto"
        projector_dimension = 128
        predictor_hidden = "auto"
        [optimizer]
        name = "adam"
        lr = 1e-3
        lr_scaling = "none"
        weight_decay = 1e-6
        [schedule]
        warmup_epochs = 1.0
    "#,
    // Section 4.2, on UCF101, and the authors' code.
    paper_settings: r#"
        [view]
        recipe = "moco-v2"
        image_size = 112
        frames = 16
        [backbone]
        name = "r2plus1d_18"
        width = 1.0
        [method]
        momentum = 0.996
        projector_hidden = 4096
        projector_dimension = 512
        predictor_hidden = 4096
        [optimizer]
        name = "sgd"
        lr = 0.03
        lr_scaling = "none"
        momentum = 0.9
        weight_decay = 5e-4
        clip = 18.0
        [schedule]
        epochs = 300
        warmup_epochs = 10.0
        [run]
        batch_size = 60
    "#,
    build,
};

/// What is trained: BYOL's networks, and the heads of the tasks on the backbone's features.
#[derive(Module, Debug)]
pub struct Online {
    backbone: Backbone,
    projector: Mlp,
    predictor: Mlp,
    space: Option<Mlp>,
    time: Option<Mlp>,
    rate: Option<Mlp>,
    rotation: Option<Mlp>,
}

impl Online {
    fn new(config: &CstpConfig, from: &Build<'_>) -> Result<Self> {
        let features = from.backbone.features();
        let head = |name, config: MlpConfig| config.init(&from.random.named(name), &from.device);
        let projector_hidden = config.projector_hidden.or(4 * features);
        let predictor_hidden = config.predictor_hidden.or(projector_hidden);
        let dimension = config.projector_dimension;
        let on_pair = |name| head(name, MlpConfig::new(2 * features, &[2 * features], OVERLAP_RATES.len()));
        let on_clip = |name, classes| head(name, MlpConfig::new(features, &[features], classes));
        Ok(Self {
            backbone: from.backbone()?,
            projector: head("projector", MlpConfig::new(features, &[projector_hidden], dimension))?,
            predictor: head("predictor", MlpConfig::new(dimension, &[predictor_hidden], dimension))?,
            space: config.overlap.then(|| on_pair("space")).transpose()?,
            time: config.overlap.then(|| on_pair("time")).transpose()?,
            rate: config.rate.then(|| on_clip("rate", STRIDES.len())).transpose()?,
            rotation: config.rotation.then(|| on_clip("rotation", 4)).transpose()?,
        })
    }

    fn encoder(&self) -> Encoder {
        Encoder { backbone: self.backbone.clone(), projector: self.projector.clone() }
    }
}

/// A head's answers: its terms' names, its weight, and for each thing it looks at the scores and the labels.
struct Answers {
    names: [&'static str; 4],
    weight: f64,
    given: Vec<(Tensor<2>, Vec<usize>)>,
}

/// The method.
#[derive(Debug)]
pub struct Cstp {
    online: Online,
    target: MomentumEncoder<Encoder>,
    config: CstpConfig,
}

fn build(from: &Build<'_>) -> Result<Box<dyn VideoMethod>> {
    Ok(Box::new(Cstp::new(from.settings()?, from)?))
}

impl Cstp {
    /// # Errors
    /// A momentum that is not in 0 to 1, weights that are negative, layers without features.
    pub fn new(config: CstpConfig, from: &Build<'_>) -> Result<Self> {
        config.validate()?;
        let online = Online::new(&config, from)?;
        Ok(Self { target: MomentumEncoder::new(&online.encoder()), online, config })
    }

    /// What the heads say of the representations of both clips.
    fn answers(&self, representations: &[Tensor<2>; 2], labels: &[Labels], mode: &Mode) -> Vec<Answers> {
        let (online, config) = (&self.online, &self.config);
        let labels = |of: fn(&Labels) -> usize| labels.iter().map(of).collect::<Vec<_>>();
        let pair = Tensor::cat(representations.to_vec(), 1);
        let [first, second] = representations;
        let on_pair = |head: &Mlp, of| vec![(head.forward(pair.clone(), mode), labels(of))];
        let on_clips = |head: &Mlp, of: [_; 2]| {
            let clips = [first, second].into_iter().zip(of);
            clips.map(|(clip, of)| (head.forward(clip.clone(), mode), labels(of))).collect()
        };
        let mut answers = Vec::new();
        let mut add = |names, weight, given: Option<_>| {
            answers.extend(given.map(|given| Answers { names, weight, given }));
        };
        let space = online.space.as_ref().map(|head| on_pair(head, |labels| labels.space));
        add(["space", "space_accuracy", "space_chance", "space_entropy"], config.space_weight, space);
        let time = online.time.as_ref().map(|head| on_pair(head, |labels| labels.time));
        add(["time", "time_accuracy", "time_chance", "time_entropy"], config.time_weight, time);
        let rate = online.rate.as_ref().map(|head| on_clips(head, [|labels| labels.rate; 2]));
        add(["rate", "rate_accuracy", "rate_chance", "rate_entropy"], config.rate_weight, rate);
        let rotation = online
            .rotation
            .as_ref()
            .map(|head| on_clips(head, [|labels| labels.rotations[0], |labels| labels.rotations[1]]));
        add(
            ["rotation", "rotation_accuracy", "rotation_chance", "rotation_entropy"],
            config.rotation_weight,
            rotation,
        );
        answers
    }
}

/// The cross-entropy of who knows how often each label occurs and nothing else: the entropy of labels of which these, of all ranks, are a sample, with
/// Miller and Madow's correction, as few labels look more ordered than they are.
fn entropy(labels: &[usize], classes: usize, collective: &dyn Collective) -> Result<f64> {
    let occurs = |label| labels.iter().filter(|found| **found == label).count() as f32;
    let by_rank = collective.all_gather(&(0..classes).map(occurs).collect::<Vec<_>>())?;
    let of_all = |label| by_rank.iter().skip(label).step_by(classes).map(|&count| f64::from(count)).sum();
    let counts: Vec<f64> = (0..classes).map(of_all).filter(|count| *count > 0.0).collect();
    let all = counts.iter().sum::<f64>().max(1.0);
    let correction = counts.len().saturating_sub(1) as f64 / (2.0 * all);
    Ok(correction - counts.iter().map(|count| count / all * (count / all).ln()).sum::<f64>())
}

impl Method for Cstp {
    type Views = ClipViews;

    fn objective(&mut self, views: &ClipViews, step: &Step) -> Result<Objective> {
        let (device, mode) = (device_of(&self.online)?, step.mode());
        let clips = [0, 1].map(|view| views.tensor(view, &device));
        // Each clip by itself: batch norm never sees both.
        let representations = clips.clone().map(|clips| self.online.backbone.forward(clips, &mode));
        let predictions = representations.clone().map(|representations| {
            let projections = self.online.projector.forward(representations, &mode);
            self.online.predictor.forward(projections, &mode)
        });
        let targets = clips.map(|clips| {
            let [_, projections] = self.target.module().see(clips.without_autodiff(), &mode);
            projections
        });
        let count = views.instances.len();
        if views.labels.len() != count {
            return Err(Error::Internal(format!("{} labels of {count} pairs of clips", views.labels.len())));
        }
        let whole = |local| mean_with_gradient(local, count, &*step.collective);
        let foreseen = whole(byol(predictions, targets))?;
        let mut loss = foreseen.clone() * self.config.byol_weight;
        let mut terms = vec![("byol", foreseen)];
        for Answers { names, weight, given } in self.answers(&representations, &views.labels, &mode) {
            let asked = given.len() as f64;
            let (mut of_head, mut accuracy, mut chance, mut entropies) = (Vec::new(), Vec::new(), 0.0, 0.0);
            for (scores, labels) in given {
                let [_, classes] = scores.dims();
                let found = classification(scores, &labels);
                of_head.push(found.loss);
                accuracy.push(found.accuracy);
                // No label is more frequent than the first: it always fits. Who knows nothing had better say it.
                let first = labels.iter().filter(|label| **label == 0).count();
                chance += first as f64 / (count.max(1) as f64 * asked);
                entropies += entropy(&labels, classes, &*step.collective)?;
            }
            let of_head = whole(Tensor::cat(of_head, 0).sum())?;
            loss = loss + of_head.clone() * weight;
            let number = |value: f64| Tensor::from_floats([value as f32], &device.clone().inner());
            let accuracy = whole(Tensor::cat(accuracy, 0).mean())?;
            let measures = [of_head, accuracy, whole(number(chance))?, number(entropies)];
            terms.extend(names.into_iter().zip(measures));
        }
        Ok(Objective { loss, terms, representations: representations.map(Tensor::without_autodiff) })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.online
    }

    fn after_step(&mut self, step: &Step) -> Result<()> {
        let momentum = MomentumSchedule::new(self.config.momentum, step.total)?.at(step.index);
        self.target.follow(&self.online, momentum);
        Ok(())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.online), ("target", self.target.module_mut())]
    }
}

impl VideoMethod for Cstp {
    fn backbone(&self) -> &Backbone {
        &self.online.backbone
    }

    fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2> {
        self.online.encoder().represent(clips, layer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

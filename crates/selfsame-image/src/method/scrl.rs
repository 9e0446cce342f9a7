//! SCRL: Spatially Consistent Representation Learning.
//!
//! Byungseok Roh, Wuhyun Shin, Ildoo Kim, Sungwoong Kim. CVPR 2021, arXiv 2103.06122.
//!
//! BYOL with boxes in place of whole images: random boxes in what two views of an instance both show are read out of the backbone's map of each
//! view by RoIAlign, and what the online network makes of a box in one view foresees what the target makes of the same place in the other
//! (section 3). The representation learns where things are, not only what an image shows.

mod config;

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::collective::mean_with_gradient;
use selfsame_core::loss::byol;
use selfsame_core::method::{Method, Objective, Step};
use selfsame_core::nn::{Mode, Parameters, Region, RoiAlign, Statistic, device_of, mean_pool2d, roi_align};
use selfsame_core::settings::Auto;
use selfsame_core::{Random, Result};

use super::encoder::Encoder;
use super::siamese::{Bootstrap, BootstrapHeads};
use super::{Build, Entry, ImageMethod, Layer};
use crate::model::ResNet;
use crate::view::Views;
use crate::view::boxes::{Overlap, jittered};
use config::{check, default_min_size};

pub use config::ScrlConfig;

/// SCRL in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "scrl",
    title: "SCRL",
    paper: "Roh, Shin, Kim, Kim. CVPR 2021, arXiv 2103.06122",
    summary: "BYOL on boxes that two views share, for detection and segmentation",
    views: 2,
    // BYOL's.
    small: r#"
        [view]
        recipe = "simsiam-cifar"
        [method]
        momentum = 0.9
        projector_hidden = "auto"
        projector_dimension = 128
        predictor_hidden = "auto"
        boxes = 10
        min_size = "auto"
        box_jitter = 0.0
        stage = 4
        [optimizer]
        name = "adam"
        lr = 2e-3
        lr_scaling = "none"
        weight_decay = 1e-6
        [schedule]
        warmup_epochs = "auto"
    "#,
    // Section 4 and the authors' code: 200 epochs of LARS with lr = 0.45 x N / 256, decay 1e-6, ten epochs of warm-up.
    paper_settings: r#"
        [view]
        recipe = "scrl"
        image_size = 224
        [backbone]
        name = "resnet50"
        width = 1.0
        stem = "imagenet"
        [method]
        momentum = 0.97
        projector_hidden = 4096
        projector_dimension = 256
        predictor_hidden = 4096
        min_size = 32
        [optimizer]
        name = "lars"
        lr_scaling = "linear"
        lr = 0.45
        weight_decay = 1e-6
        [schedule]
        epochs = 200
        warmup_epochs = 10.0
        [run]
        batch_size = 8192
    "#,
    build,
};

/// The method.
#[derive(Debug)]
pub struct Scrl {
    networks: Bootstrap,
    skipped: Skipped,
    boxes: usize,
    min_size: Auto<usize>,
    box_jitter: f32,
    stage: usize,
    /// How boxes are read: the mean of what a map has there.
    reading: RoiAlign,
}

/// How many batches had no box on any rank, so far.
#[derive(Module, Debug)]
struct Skipped {
    batches: Statistic,
}

fn build(from: &Build<'_>) -> Result<Box<dyn ImageMethod>> {
    Ok(Box::new(Scrl::new(&from.settings()?, from)?))
}

impl Scrl {
    /// # Errors
    /// Numbers out of range, a map of a single cell, layers without features.
    pub fn new(config: &ScrlConfig, from: &Build<'_>) -> Result<Self> {
        let &ScrlConfig { momentum, projector_dimension, boxes, min_size, box_jitter, stage, .. } = config;
        let side = from.settings.integer("view", "image_size").and_then(|side| usize::try_from(side).ok());
        check(config, from.backbone.stem, side)?;
        let features = from.backbone.stage_features(stage);
        let projector_hidden = config.projector_hidden.or(4 * features);
        let predictor_hidden = config.predictor_hidden.or(projector_hidden);
        let heads = BootstrapHeads { projector_hidden, projector_dimension, predictor_hidden };
        Ok(Self {
            networks: Bootstrap::new(from, features, heads, momentum)?,
            skipped: Skipped { batches: Statistic::new(Tensor::zeros([1], &from.device)) },
            boxes,
            min_size,
            box_jitter: box_jitter as f32,
            stage,
            reading: RoiAlign {
                output: 1,
                scale: 1.0 / from.backbone.stem.stage_reduction(stage) as f32,
                sampling: 0,
                aligned: false,
            },
        })
    }

    /// The boxes of a batch in view 0 and in view 1 (section 3.2); those of an instance do not depend on the rank that has it.
    fn regions(&self, views: &Views, step: &Step) -> [Vec<Region>; 2] {
        let random = step.random.named("boxes");
        let min_size = self.min_size.or(default_min_size(views.side)) as f32;
        let mut regions = [Vec::new(), Vec::new()];
        for (image, (&instance, (&one, &other))) in
            views.instances.iter().zip(views.geometry[0].iter().zip(&views.geometry[1])).enumerate()
        {
            let random = random.at(instance as u64);
            let Some(overlap) = Overlap::new([one, other], views.side) else { continue };
            for (number, drawn) in overlap.draw(&random, self.boxes, min_size).iter().enumerate() {
                for (view, regions) in regions.iter_mut().enumerate() {
                    let mut seen = overlap.in_view(drawn, view);
                    if self.box_jitter > 0.0 {
                        let random: &mut Random =
                            &mut random.named("jitter").at(number as u64).at(view as u64);
                        seen = jittered(&seen, self.box_jitter, views.side, random);
                    }
                    let (right, bottom) = (seen.left + seen.width, seen.top + seen.height);
                    regions.push(Region { image, left: seen.left, top: seen.top, right, bottom });
                }
            }
        }
        regions
    }

    /// What a backbone's map has in every region, `[regions, channels]`.
    fn read(&self, maps: &[Tensor<4>; 4], regions: &[Region]) -> Tensor<2> {
        let map = &maps[self.stage - 1];
        let [_, _, _, channels] = map.dims();
        roi_align(map.clone(), regions, self.reading).reshape([regions.len(), channels])
    }
}

impl Method for Scrl {
    type Views = Views;

    fn objective(&mut self, views: &Views, step: &Step) -> Result<Objective> {
        let Bootstrap { online, target, .. } = &self.networks;
        let (device, mode) = (device_of(online)?, step.mode());
        let regions = self.regions(views, step);
        let count = regions[0].len();
        let all: f32 = step.collective.all_gather(&[count as f32])?.iter().sum();
        let images = [0, 1].map(|view| views.tensor(view, &device));
        let maps = images.clone().map(|images| online.backbone.forward_stages(images, &mode));
        let representations =
            maps.each_ref().map(|[_, _, _, last]| mean_pool2d(last.clone()).without_autodiff());

        let loss = if all > 0.0 {
            // A rank without boxes takes part in the other ranks' statistics; there are none of no boxes at all.
            let shared = matches!(mode, Mode::Train { ranks: Some(_) });
            let of_heads = if count > 0 || shared { mode.clone() } else { Mode::Evaluate };
            // Each view by itself: batch norm never sees both.
            let predictions = [0, 1].map(|view| {
                let projections = online.projector.forward(self.read(&maps[view], &regions[view]), &of_heads);
                online.predictor.forward(projections, &of_heads)
            });
            let Encoder { backbone, projector } = target.module();
            let targets = [0, 1].map(|view| {
                let maps = backbone.forward_stages(images[view].clone().without_autodiff(), &mode);
                projector.forward(self.read(&maps, &regions[view]), &of_heads)
            });
            // Equations 3 and 4: BYOL's loss, the mean over all boxes.
            mean_with_gradient(byol(predictions, targets), count, &*step.collective)?
        } else {
            self.skipped.batches.set(self.skipped.batches.value() + 1.0);
            Tensor::zeros([1], &device.clone().without_autodiff())
        };
        let instances = (views.instances.len() * step.collective.size()).max(1) as f32;
        let of_instance = Tensor::from_floats([all / instances], &device.without_autodiff());
        let skipped = self.skipped.batches.value().without_autodiff();
        Ok(Objective { loss, terms: vec![("boxes", of_instance), ("skipped", skipped)], representations })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.networks.online
    }

    fn after_step(&mut self, step: &Step) -> Result<()> {
        self.networks.follow(step)
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        let mut state = self.networks.state();
        state.push(("skipped", &mut self.skipped));
        state
    }
}

impl ImageMethod for Scrl {
    fn backbone(&self) -> &ResNet {
        &self.networks.online.backbone
    }

    fn represent(&self, images: Tensor<4>, layer: Layer) -> Tensor<2> {
        match layer {
            Layer::Backbone => self.networks.online.represent(images, layer),
            // Of the box that is the whole image.
            Layer::Projector => {
                let frozen = self.networks.online.valid();
                let maps = frozen.backbone.forward_stages(images, &Mode::Evaluate);
                frozen.projector.forward(mean_pool2d(maps[self.stage - 1].clone()), &Mode::Evaluate)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

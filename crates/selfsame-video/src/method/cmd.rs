//! CMD: Self-supervised Video Representation Learning by Context and Motion Decoupling.
//!
//! Lianghua Huang, Yu Liu, Bin Wang, Pan Pan, Yinghui Xu, Rong Jin. CVPR 2021, arXiv 2104.00862.
//!
//! A compressed video tells by itself what stays, in its key frames, and what moves, in its motion vectors. From a clip the network has to find the
//! key frame of its video (context matching, section 3.2), and to foresee the motion that follows it, place by place (motion prediction,
//! section 3.3).

mod config;
mod networks;

pub use config::CmdConfig;
pub use networks::Networks;

use burn::module::Module;
use burn::tensor::Tensor;
use selfsame_core::Result;
use selfsame_core::method::{Method, Objective, Step, check_temperature};
use selfsame_core::nn::{Mode, Noise, Parameters, device_of, mean_pool3d};

use super::{Build, Entry, Layer, VideoMethod};
use crate::model::Backbone;
use crate::view::ClipViews;

/// CMD in the table of methods.
pub const ENTRY: Entry = Entry {
    name: "cmd",
    title: "CMD",
    paper: "Huang, Liu, Wang, Pan, Xu, Jin. CVPR 2021, arXiv 2104.00862",
    summary: "foresees the motion that the compressed stream holds and finds its key frame; no labels, no optical flow",
    arrangement: |settings| settings.section::<CmdConfig>("method")?.arrangement(),
    // Networks to scale. With the paper's dropout the Transformer does not tell one place from another in its first 170 steps, with or without Adam.
    small: r#"
        [view]
        without = ["jitter", "grayscale", "blur"]
        [method]
        motion = true
        context = true
        temperature = 0.1
        motion_frames = 8
        future_interval = 2
        negatives = 3
        features = "auto"
        heads = 4
        encoder_layers = 2
        decoder_layers = 4
        dropout = 0.0
        head_hidden = "auto"
        head_dimension = 128
        [optimizer]
        name = "adam"
        lr = 1e-3
        lr_scaling = "none"
        weight_decay = 1e-6
        clip = 15.0
        [schedule]
        warmup_epochs = 2.0
    "#,
    // Section 4.1, and the authors' code: the learning rate is 5e-4 times the batch.
    paper_settings: r#"
        [view]
        image_size = 112
        frames = 16
        stride = 4
        [backbone]
        name = "r3d_26"
        width = 1.0
        [method]
        features = 512
        heads = 8
        dropout = 0.1
        head_hidden = 2048
        head_dimension = 512
        [optimizer]
        name = "sgd"
        lr = 0.128
        lr_scaling = "linear"
        momentum = 0.9
        nesterov = true
        weight_decay = 1e-3
        [schedule]
        epochs = 120
        warmup_epochs = 5.0
        [run]
        batch_size = 64
    "#,
    build,
};

/// The method.
#[derive(Debug)]
pub struct Cmd {
    networks: Networks,
    temperature: f64,
    /// Batches of the current step so far; a step may accumulate several.
    batches: u64,
}

fn build(from: &Build<'_>) -> Result<Box<dyn VideoMethod>> {
    Ok(Box::new(Cmd::new(&from.settings()?, from)?))
}

impl Cmd {
    /// # Errors
    /// A temperature that is not positive, no task, layers without features, heads that cannot share the features.
    pub fn new(config: &CmdConfig, from: &Build<'_>) -> Result<Self> {
        check_temperature(config.temperature)?;
        Ok(Self { networks: Networks::new(config, from)?, temperature: config.temperature, batches: 0 })
    }
}

impl Method for Cmd {
    type Views = ClipViews;

    fn objective(&mut self, views: &ClipViews, step: &Step) -> Result<Objective> {
        let (device, mode) = (device_of(&self.networks)?, step.mode());
        let first = step.collective.rank() * views.instances.len();
        let noise = Noise::new(&step.random.named("dropout").at(self.batches), first);
        self.batches += 1;
        let map = self.networks.encoders.clip_map(views.tensor(0, &device), &mode);
        let representations = mean_pool3d(map.clone().without_autodiff());
        let (loss, terms) = self.networks.tasks(map, views, self.temperature, &noise, step)?;
        // There is one clip of a video: the measure of how near two views are says nothing here.
        Ok(Objective { loss, terms, representations: [representations.clone(), representations] })
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        &mut self.networks
    }

    fn after_step(&mut self, _step: &Step) -> Result<()> {
        self.batches = 0;
        Ok(())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.networks)]
    }
}

impl VideoMethod for Cmd {
    fn backbone(&self) -> &Backbone {
        &self.networks.encoders.backbone
    }

    fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2> {
        let frozen = self.networks.valid();
        match layer {
            Layer::Backbone => frozen.encoders.backbone.forward(clips, &Mode::Evaluate),
            Layer::Projector => frozen.project(frozen.encoders.clip_map(clips, &Mode::Evaluate)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

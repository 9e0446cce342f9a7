//! The whole network trained on with labels; CMD's motion prediction may help (Huang et al. 2021, arXiv 2104.00862, section 4.4).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::data::BadFile;
use selfsame_core::eval::{self, FinetuneConfig, FinetuneResult, Finetuned};
use selfsame_core::host::values;
use selfsame_core::loss::classification;
use selfsame_core::method::Step;
use selfsame_core::nn::{Linear, LinearConfig, Mode, Noise, Parameters, mean_pool3d};
use selfsame_core::pretrain::Preset;
use selfsame_core::probe::Outcome;
use selfsame_core::settings::{Layers, Resolved};
use selfsame_core::{Error, Result};
use selfsame_image::view::Recipe;
use selfsame_image::view::recipe::{EVALUATION, MOCO_V2};
use serde::Serialize;

use super::{Extraction, LabelledSet, Split};
use crate::data::VideoRender;
use crate::method::{self, Build, CmdConfig, CmdNetworks};
use crate::model::{Backbone, BackboneConfig, Classifier};
use crate::settings::defaults;
use crate::view::{Arrangement, ClipTime, ClipViews, VideoPipeline};

/// Crops and flips only: what a network that is already good is spoiled least by.
const LIGHT: Recipe = Recipe { framing: MOCO_V2.framing, flip: 0.5, ..EVALUATION };

/// How videos are fine-tuned on.
#[derive(Clone, Debug)]
pub struct Finetuning {
    /// What is the same for all kinds of data.
    pub config: FinetuneConfig,
    /// How clips lie in time.
    pub time: ClipTime,
    /// Clips of a video, over whose scores the mean is taken when it is classified.
    pub clips: usize,
    /// CMD's motion prediction beside the labels.
    pub auxiliary: Option<Auxiliary>,
}

/// CMD's motion prediction, with networks of its own that start from random weights. It is what the paper adds to labels, without context matching.
#[derive(Clone, Debug)]
pub struct Auxiliary {
    settings: Resolved,
    weight: f64,
}

impl Auxiliary {
    /// Added to the loss of the labels with this weight, for clips of this kind.
    ///
    /// # Errors
    /// A weight that is not positive.
    pub fn motion_prediction(weight: f64, time: ClipTime, side: usize) -> Result<Self> {
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(Error::config(
                format!("the weight of the auxiliary task is {weight}"),
                "it must be positive: 1 weighs it as the labels",
            ));
        }
        let mut settings = Layers::new(defaults(method::by_name("cmd")?, Preset::Small)?);
        for (key, value) in [("image_size", side), ("frames", time.frames), ("stride", time.stride)] {
            settings = settings.set(&format!("view.{key}={value}"))?;
        }
        let settings = settings.set("method.context=false")?.resolve();
        Ok(Self { settings, weight })
    }

    fn config(&self) -> Result<CmdConfig> {
        self.settings.section("method")
    }
}

/// The result of [`finetune`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VideoFinetuneResult {
    /// What every fine-tuning tells.
    #[serde(flatten)]
    pub result: FinetuneResult,
    /// Clips of a video over which the mean was taken.
    pub clips: usize,
    /// The weight of motion prediction, where it helped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion_weight: Option<f64>,
}

/// Trains a copy of the backbone and a new linear layer on labelled videos, and measures it once, at the end. `progress` is told the
/// epoch, from 1, and its mean loss.
///
/// # Errors
/// Settings that cannot be used, data that cannot be read, and a loss that is not finite.
pub fn finetune(
    backbone: &Backbone,
    of: &BackboneConfig,
    split: &Split,
    finetuning: &Finetuning,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<VideoFinetuneResult> {
    // The detour over `valid` gives the copy's batch norms running statistics of their own.
    let backbone = backbone.valid().set_require_grad(true).train();
    let device = backbone.devices().first().cloned().unwrap_or_default().inner().autodiff();
    let network = Network::new(backbone, of, split.classes.len(), finetuning, &device)?;
    let mut trained = Trained { network, device, finetuning };
    let result = eval::finetune(&mut trained, split, &finetuning.config, progress)?;
    let motion_weight = finetuning.auxiliary.as_ref().map(|auxiliary| auxiliary.weight);
    Ok(VideoFinetuneResult { result, clips: finetuning.clips, motion_weight })
}

/// What is trained.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it, and a module cannot be boxed")]
enum Network {
    /// Backbone and classifier.
    Alone(Classifier),
    /// The same, with networks that foresee motion from the backbone's map.
    Helped(Helped),
}

#[derive(Module, Debug)]
struct Helped {
    networks: CmdNetworks,
    fc: Linear,
}

impl Network {
    fn new(
        backbone: Backbone,
        of: &BackboneConfig,
        classes: usize,
        finetuning: &Finetuning,
        device: &Device,
    ) -> Result<Self> {
        let (random, features) = (finetuning.config.random(), of.features());
        let Some(auxiliary) = &finetuning.auxiliary else {
            return Ok(Self::Alone(Classifier::on(backbone, features, classes, &random, device)));
        };
        let build = Build {
            backbone: of.clone(),
            initial: None,
            settings: &auxiliary.settings,
            random: random.named("cmd"),
            device: device.clone(),
        };
        let mut networks = CmdNetworks::new(&auxiliary.config()?, &build)?;
        networks.encoders.backbone = backbone;
        let fc = LinearConfig::new(features, classes).init(&random.named("fc"), device);
        Ok(Self::Helped(Helped { networks, fc }))
    }

    /// Clips to scores before the softmax, `[batch, classes]`.
    fn scores(&self, clips: Tensor<5>, mode: &Mode) -> Tensor<2> {
        match self {
            Self::Alone(classifier) => classifier.forward(clips, mode),
            Self::Helped(Helped { networks, fc }) => {
                fc.forward(mean_pool3d(networks.encoders.clip_map(clips, mode)))
            }
        }
    }
}

struct Trained<'a> {
    network: Network,
    /// With gradients.
    device: Device,
    finetuning: &'a Finetuning,
}

impl Finetuned for Trained<'_> {
    type Render = VideoRender;

    fn render(&self, set: &LabelledSet) -> Result<VideoRender> {
        let Finetuning { config, time, auxiliary, .. } = self.finetuning;
        let arrangement = match auxiliary {
            Some(auxiliary) => auxiliary.config()?.arrangement()?,
            None => Arrangement::Independent(1),
        };
        let pipeline = VideoPipeline::new(LIGHT, *time, config.image_size, arrangement)?;
        Ok(VideoRender::new(set.dataset.clone(), pipeline))
    }

    fn loss(&mut self, views: &ClipViews, labels: &[usize], step: &Step) -> Result<Tensor<1>> {
        let (clips, mode) = (views.tensor(0, &self.device), step.mode());
        match (&self.network, &self.finetuning.auxiliary) {
            (Network::Helped(Helped { networks, fc }), Some(auxiliary)) => {
                let map = networks.encoders.clip_map(clips, &mode);
                let scores = fc.forward(mean_pool3d(map.clone()));
                let noise = Noise::new(&step.random.named("dropout"), 0);
                let temperature = auxiliary.config()?.temperature;
                let (foreseen, _) = networks.tasks(map, views, temperature, &noise, step)?;
                Ok(classification(scores, labels).loss + foreseen * auxiliary.weight)
            }
            (network, _) => Ok(classification(network.scores(clips, &mode), labels).loss),
        }
    }

    fn network(&mut self) -> &mut dyn Parameters {
        &mut self.network
    }

    fn classify(&self, set: &LabelledSet) -> Result<(Outcome, Vec<BadFile>)> {
        let network = self.network.valid();
        let Finetuning { config, time, clips, .. } = self.finetuning;
        let scores = Extraction {
            time: *time,
            side: config.image_size,
            clips: *clips,
            device: self.device.clone().inner(),
            workers: config.workers,
            represent: &|clips| network.scores(clips, &Mode::Evaluate),
            progress: &|_| (),
        };
        let scores = scores.features(set)?;
        let outcome = Outcome::of_scores(&values(scores.labelled.features)?, &scores.labelled.labels);
        Ok((outcome, scores.bad_files))
    }
}

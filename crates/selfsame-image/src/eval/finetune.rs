//! The whole network trained on with labels (SimCLR, arXiv 2002.05709, appendix B.5).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use selfsame_core::Result;
use selfsame_core::data::BadFile;
use selfsame_core::eval::{self, FinetuneConfig, FinetuneResult, Finetuned};
use selfsame_core::host::values;
use selfsame_core::loss::classification;
use selfsame_core::method::Step;
use selfsame_core::nn::{Mode, Parameters};
use selfsame_core::probe::Outcome;

use super::{Extraction, LabelledSet, Split};
use crate::data::PictureRender;
use crate::model::{Classifier, ResNet};
use crate::view::recipe::{EVALUATION, SIMCLR};
use crate::view::{Pipeline, Recipe, Views};

/// Crops and flips only: what a network that is already good is spoiled least by.
const LIGHT: Recipe = Recipe { framing: SIMCLR.framing, flip: 0.5, ..EVALUATION };

/// Trains a copy of the backbone and a new linear layer on labelled pictures, and measures it once, at the
/// end. Returns the result and the network. `progress` is told the epoch, from 1, and its mean loss.
///
/// # Errors
/// Settings that cannot be used, data that cannot be read, and a loss that is not finite.
pub fn finetune(
    backbone: &ResNet,
    split: &Split,
    config: &FinetuneConfig,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<(FinetuneResult, Classifier)> {
    // The detour over `valid` gives the copy's batch norms running statistics of their own.
    let backbone = backbone.valid().set_require_grad(true).train();
    let device = backbone.devices().first().cloned().unwrap_or_default().inner().autodiff();
    let network = Classifier::on(backbone, split.classes.len(), &config.random(), &device);
    let mut trained = Trained { network, device, config };
    let result = eval::finetune(&mut trained, split, config, progress)?;
    Ok((result, trained.network.valid()))
}

struct Trained<'a> {
    network: Classifier,
    /// With gradients.
    device: Device,
    config: &'a FinetuneConfig,
}

impl Finetuned for Trained<'_> {
    type Render = PictureRender;

    fn render(&self, set: &LabelledSet) -> Result<PictureRender> {
        let pipeline = Pipeline::new(LIGHT, self.config.image_size, 1)?;
        Ok(PictureRender::new(set.dataset.clone(), pipeline))
    }

    fn loss(&mut self, views: &Views, labels: &[usize], step: &Step) -> Result<Tensor<1>> {
        let scores = self.network.forward(views.tensor(0, &self.device), &step.mode());
        Ok(classification(scores, labels).loss)
    }

    fn network(&mut self) -> &mut dyn Parameters {
        &mut self.network
    }

    fn classify(&self, set: &LabelledSet) -> Result<(Outcome, Vec<BadFile>)> {
        let network = self.network.valid();
        let scores = Extraction {
            pipeline: Pipeline::new(EVALUATION, self.config.image_size, 1)?,
            device: network.devices().first().cloned().unwrap_or_default(),
            workers: self.config.workers,
            represent: &|images| network.forward(images, &Mode::Evaluate),
            progress: &|_| (),
        };
        let scores = scores.features(set)?;
        let outcome = Outcome::of_scores(&values(scores.labelled.features)?, &scores.labelled.labels);
        Ok((outcome, scores.bad_files))
    }
}

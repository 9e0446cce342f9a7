//! What holds for every method.

mod determinism;
pub(crate) mod law;
mod monitors;
mod resume;

use std::sync::Arc;

use selfsame_core::collective::{Collective, Single};
use selfsame_core::method::{Objective, Step};
use selfsame_core::optimizer::{Optimizer, OptimizerConfig};
use selfsame_core::pretrain::Preset;
use selfsame_core::schedule::ScheduleConfig;
use selfsame_core::settings::Layers;
use selfsame_core::stop::StopSignal;
use selfsame_core::train::{
    Batches, Checkpoints, Epoch, Outcome, Plan, Progress, Recorder, Session, Yardstick, train,
};

use super::*;
use crate::model::Architecture;
use crate::settings::{ViewSettings, defaults};
use crate::view::{Labels, VideoPipeline};

/// Of the views, in pixels.
pub(crate) const SIDE: usize = 32;

/// What makes a method trainable on the few and small clips of these tests, where its defaults do not.
const SMALL: &[(&str, &[&str])] = &[
    ("video-moco", &["method.queue=20", "method.batch_norm_group=6"]),
    ("be", &["method.queue=20", "method.batch_norm_group=6"]),
    ("cmd", &["method.negatives=2", "method.features=16", "method.head_dimension=12"]),
];

fn small(name: &str) -> &'static [&'static str] {
    SMALL.iter().find(|(method, _)| *method == name).map_or(&[], |(_, settings)| settings)
}

/// A method's settings with some set by the user, over those that fit these tests.
pub(crate) fn settings(name: &str, set: &[&str]) -> Resolved {
    let mut layers = Layers::new(defaults(by_name(name).unwrap(), Preset::Small).unwrap());
    let side = format!("view.image_size={SIDE}");
    for assignment in [side.as_str(), "view.frames=8"].iter().chain(small(name)).chain(set) {
        layers = layers.set(assignment).unwrap();
    }
    layers.resolve()
}

/// A method on a thin R3D-18, trainable on the CPU; the same one every time.
pub(crate) fn build(name: &str, width: f64, set: &[&str]) -> Result<Box<dyn VideoMethod>> {
    build_with(name, width, set, |from| super::build(by_name(name)?, from))
}

/// What `new` builds for a method as [`build`] builds it.
pub(crate) fn build_with<T>(
    name: &str,
    width: f64,
    set: &[&str],
    new: impl FnOnce(&Build<'_>) -> Result<T>,
) -> Result<T> {
    new(&Build {
        backbone: BackboneConfig { architecture: Architecture::R3d18, width },
        initial: None,
        settings: &settings(name, set),
        random: Random::new(1).named("parameters"),
        device: Device::default().autodiff(),
    })
}

/// The views that a method needs of `count` videos that are noise, different in every epoch and place; the clips of a video resemble each other.
pub(crate) fn noise(settings: &Resolved, count: usize, epoch: usize, place: usize) -> ClipViews {
    let view: ViewSettings = settings.section("view").unwrap();
    let entry = by_name(settings.text("method.name")).unwrap();
    let recipe = selfsame_image::view::recipe::MOCO_V2;
    let arrangement = (entry.arrangement)(settings).unwrap();
    let pipeline = VideoPipeline::new(recipe, view.time(), view.image_size, arrangement).unwrap();
    let mut views = pipeline.batch((0..count).collect());
    for (instance, out) in views.rows_mut().into_iter().enumerate() {
        let address = Random::new(8).at(epoch as u64).at(place as u64).at(instance as u64);
        let clips = out.clips.into_iter().enumerate();
        clips.for_each(|(clip, out)| {
            let (mut shared, mut own) = (address.named("shared"), address.at(clip as u64));
            out.iter_mut().for_each(|value| *value = shared.normal() + 0.5 * own.normal());
        });
        let mut motion = address.named("motion");
        out.motion.iter_mut().for_each(|value| *value = motion.range(-1.0, 1.0));
        let mut key_frame = address.named("key frame");
        out.key_frame.iter_mut().for_each(|value| *value = key_frame.normal());
    }
    if let Arrangement::Pair(_) = arrangement {
        let labels = |instance: usize| {
            let mut random = Random::new(9).at(place as u64).at(instance as u64);
            let [space, time] = [(); 2].map(|()| random.below(5));
            Labels { space, time, rate: random.below(4), rotations: [(); 2].map(|()| random.below(4)) }
        };
        views.labels = (0..count).map(labels).collect();
    }
    views
}

/// The part of a batch that rank `rank` of `ranks` gets.
pub(crate) fn part(whole: &ClipViews, rank: usize, ranks: usize) -> ClipViews {
    let floats = |values: &Vec<f32>| {
        let length = values.len() / ranks;
        values[rank * length..(rank + 1) * length].to_vec()
    };
    let count = whole.instances.len() / ranks;
    let labels = whole.labels.len() / ranks;
    ClipViews {
        instances: whole.instances[rank * count..(rank + 1) * count].to_vec(),
        clips: whole.clips.iter().map(floats).collect(),
        labels: whole.labels[rank * labels..(rank + 1) * labels].to_vec(),
        motion: floats(&whole.motion),
        key_frames: floats(&whole.key_frames),
        ..*whole
    }
}

/// The first step of a training.
pub(crate) fn first_step(collective: Arc<dyn Collective>) -> Step {
    let random = Random::new(2).named("step").at(0);
    Step { index: 0, total: 10, epoch: 0, random, collective, sync_batch_norm: true }
}

/// Tensors by name.
pub(crate) type Named = Vec<(String, Vec<f32>)>;

/// Everything that a method keeps.
pub(crate) fn state(method: &mut dyn VideoMethod) -> Named {
    let mut found = Vec::new();
    for (part, module) in method.state() {
        for parameter in module.parameters() {
            let values = parameter.value.into_data().try_to_vec().unwrap();
            found.push((format!("{part}.{}", parameter.name), values));
        }
    }
    found
}

/// Batches of noise, of which a rank sees its part.
struct Noisy {
    settings: Resolved,
    steps: usize,
    batch: usize,
    rank: usize,
    ranks: usize,
}

impl Batches<ClipViews> for Noisy {
    fn size(&self) -> usize {
        self.batch / self.ranks
    }

    fn epoch(&self, epoch: usize, first: usize) -> Result<Epoch<'_, ClipViews>> {
        let batch = move |place| {
            let whole = noise(&self.settings, self.batch, epoch, place);
            Ok(part(&whole, self.rank, self.ranks))
        };
        Ok(Box::new((first..self.steps).map(batch)))
    }
}

/// Whole steps of training on batches of `batch` over all ranks; what the method keeps afterwards.
fn train_steps(
    name: &str,
    width: f64,
    set: &[&str],
    [steps, batch]: [usize; 2],
    optimizer: &OptimizerConfig,
    collective: Arc<dyn Collective>,
) -> Named {
    let method = &mut *build(name, width, set).unwrap();
    let plan = Plan { steps_per_epoch: steps, clip: optimizer.clip, ..plan() };
    let mut training =
        Training { plan, batch, optimizer: optimizer.init(), collective, progress: Progress::default() };
    training.run(&settings(name, set), method, optimizer.lr, &Checkpoints::none());
    state(method)
}

fn plan() -> Plan {
    Plan {
        epochs: 1,
        steps_per_epoch: 1,
        accumulate: 1,
        clip: 0.0,
        log_every: 10,
        checkpoint_steps: 0,
        measure_every: 0,
        patience: 0,
        yardstick: Yardstick::KNN,
        instances: "videos",
        stop_on_collapse: false,
        sync_batch_norm: true,
        seed: 3,
    }
}

/// A training on batches of noise.
struct Training {
    plan: Plan,
    batch: usize,
    optimizer: Optimizer,
    collective: Arc<dyn Collective>,
    progress: Progress,
}

impl Training {
    fn run(&mut self, settings: &Resolved, method: &mut dyn VideoMethod, lr: f64, checkpoints: &Checkpoints) {
        let Plan { epochs, steps_per_epoch: steps, accumulate, .. } = self.plan;
        let schedule = ScheduleConfig { epochs, ..ScheduleConfig::default() }.init(lr, steps).unwrap();
        let (rank, ranks) = (self.collective.rank(), self.collective.size());
        let outcome = train(Session {
            plan: self.plan.clone(),
            method,
            batches: &Noisy {
                settings: settings.clone(),
                steps: steps * accumulate,
                batch: self.batch,
                rank,
                ranks,
            },
            optimizer: &mut self.optimizer,
            schedule: &schedule,
            collective: self.collective.clone(),
            measure: &mut |_| Ok(None),
            recorder: &mut Recorder::silent(),
            checkpoints,
            stop: &StopSignal::manual(),
            progress: &mut self.progress,
        });
        assert_eq!(outcome.unwrap(), Outcome::Finished);
    }
}

fn distance(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
}

/// The numbers of a tensor, row by row.
pub(crate) fn rows(tensor: Tensor<2>) -> Vec<Vec<f64>> {
    let [_, features] = tensor.dims();
    let values: Vec<f32> = tensor.without_autodiff().into_data().try_to_vec().unwrap();
    values.chunks(features).map(|row| row.iter().map(|&value| value.into()).collect()).collect()
}

/// The only number of a tensor.
pub(crate) fn number(tensor: &Tensor<1>) -> f64 {
    tensor.clone().without_autodiff().into_data().try_to_vec::<f32>().unwrap()[0].into()
}

/// The terms of an objective by name.
pub(crate) fn terms(objective: &Objective) -> std::collections::HashMap<&'static str, f64> {
    objective.terms.iter().map(|(name, term)| (*name, number(term))).collect()
}

/// The names of all parameters that get a gradient, which all must be numbers.
pub(crate) fn learning(method: &mut dyn VideoMethod, objective: &Objective) -> Vec<String> {
    let gradients = method.trained().gradients(&mut objective.loss.backward());
    for (name, gradient) in &gradients {
        let values: Vec<f32> = gradient.clone().into_data().try_to_vec().unwrap();
        assert!(values.iter().all(|value| value.is_finite()), "{name}");
    }
    gradients.into_iter().map(|(name, _)| name).collect()
}

/// The names of what a method trains.
pub(crate) fn trained(method: &mut dyn VideoMethod) -> Vec<String> {
    let names = method.trained().parameters().into_iter().map(|parameter| parameter.name);
    names.filter(|name| !name.contains("running_")).collect()
}

/// Every part of a method's settings for `--preset paper`.
pub(crate) fn paper_settings<T: serde::de::DeserializeOwned>(entry: &Entry, section: &str) -> T {
    Layers::new(defaults(entry, Preset::Paper).unwrap()).resolve().section(section).unwrap()
}

pub(crate) fn alone() -> Arc<dyn Collective> {
    Arc::new(Single)
}

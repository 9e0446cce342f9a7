//! What holds for every method.

mod determinism;
pub(crate) mod law;
mod resume;

use std::sync::Arc;

use burn::tensor::Device;
use selfsame_core::collective::{Collective, Single};
use selfsame_core::method::{Objective, Step};
use selfsame_core::optimizer::{Optimizer, OptimizerConfig};
use selfsame_core::schedule::ScheduleConfig;
use selfsame_core::settings::{Layers, Resolved};
use selfsame_core::stop::StopSignal;
use selfsame_core::train::{
    Batches, Checkpoints, Epoch, Outcome, Plan, Progress, Recorder, Session, Yardstick, train,
};
use selfsame_core::{Random, Result};

use super::*;
use crate::model::{Depth, Stem};
use crate::settings::{Preset, defaults};
use crate::view::{Crop, Geometry};

/// Of the views, in pixels.
pub(crate) const SIDE: usize = 16;

/// What makes a method trainable on the few and small images of these tests, where its defaults do not.
const SMALL: &[(&str, &[&str])] = &[
    ("moco-v2", &["method.queue=20", "method.batch_norm_group=6"]),
    (
        "mochi",
        &[
            "method.queue=20",
            "method.batch_norm_group=6",
            "method.hard_negatives=5",
            "method.mix_from_epoch=0",
        ],
    ),
    ("densecl", &["method.queue=20", "method.batch_norm_group=6"]),
    ("w-mse", &["method.projector_dimension=3", "method.w_size=6"]),
];

fn small(name: &str) -> &'static [&'static str] {
    SMALL.iter().find(|(method, _)| *method == name).map_or(&[], |(_, settings)| settings)
}

/// The views of an instance that a method needs with its [`small`] settings.
fn views(name: &str) -> usize {
    by_name(name).unwrap().views(&settings(name, small(name)))
}

/// A method's settings with some set by the user.
pub(crate) fn settings(name: &str, set: &[&str]) -> Resolved {
    let mut layers = Layers::new(defaults(by_name(name).unwrap(), Preset::Small).unwrap());
    for assignment in set {
        layers = layers.set(assignment).unwrap();
    }
    layers.resolve()
}

/// A method on a thin ResNet-18, trainable on the CPU; the same one every time.
pub(crate) fn build(name: &str, width: f64, set: &[&str]) -> Result<Box<dyn ImageMethod>> {
    build_with(name, width, set, by_name(name)?.build)
}

/// What `new` builds for a method as [`build`] builds it.
pub(crate) fn build_with<T>(
    name: &str,
    width: f64,
    set: &[&str],
    new: impl FnOnce(&Build<'_>) -> Result<T>,
) -> Result<T> {
    new(&Build {
        backbone: ResNetConfig { depth: Depth::ResNet18, width, stem: Stem::Cifar },
        initial: None,
        settings: &settings(name, set),
        random: Random::new(1).named("parameters"),
        device: Device::default().autodiff(),
    })
}

/// Noise in place of pictures, different in every epoch and place; the views of an instance resemble each other.
pub(crate) fn noise(side: usize, count: usize, views: usize, epoch: usize, place: usize) -> Views {
    let area = 3 * side * side;
    let pixels = |view: usize| {
        let pixels = (0..count).flat_map(|instance| {
            let address = Random::new(8).at(epoch as u64).at(place as u64).at(instance as u64);
            let (mut shared, mut own) = (address.named("shared"), address.at(view as u64));
            (0..area).map(move |_| shared.normal() + 0.5 * own.normal()).collect::<Vec<_>>()
        });
        pixels.collect()
    };
    // What the views show is made up, too.
    let geometry = |view: usize| {
        let place = |instance: usize| {
            let address =
                Random::new(8).at(epoch as u64).at(place as u64).at(instance as u64).named("geometry");
            let mut random = address.at(view as u64);
            let crop = Crop::random(&mut random, 40, 30, [0.2, 1.0], [0.75, 4.0 / 3.0]);
            Geometry { source_height: 30, source_width: 40, crop, flipped: random.chance(0.5) }
        };
        (0..count).map(place).collect()
    };
    Views {
        side,
        instances: (0..count).collect(),
        pixels: (0..views).map(pixels).collect(),
        geometry: (0..views).map(geometry).collect(),
    }
}

/// The part of a batch that rank `rank` of `ranks` gets.
pub(crate) fn part(whole: &Views, rank: usize, ranks: usize) -> Views {
    let count = whole.instances.len() / ranks;
    let rows = rank * count..(rank + 1) * count;
    let area = 3 * whole.side * whole.side;
    let pixels = whole.pixels.iter().map(|view| view[rows.start * area..rows.end * area].to_vec());
    Views {
        side: whole.side,
        instances: whole.instances[rows.clone()].to_vec(),
        pixels: pixels.collect(),
        geometry: whole.geometry.iter().map(|view| view[rows.clone()].to_vec()).collect(),
    }
}

/// The first step of a training.
pub(crate) fn first_step(collective: Arc<dyn Collective>) -> Step {
    let random = Random::new(2).named("step").at(0);
    Step { index: 0, total: 10, epoch: 0, random, collective, sync_batch_norm: true }
}

/// Tensors by name.
type Named = Vec<(String, Vec<f32>)>;

/// Everything that a method keeps.
pub(crate) fn state(method: &mut dyn ImageMethod) -> Named {
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
struct Noise {
    views: usize,
    steps: usize,
    batch: usize,
    rank: usize,
    ranks: usize,
}

impl Batches<Views> for Noise {
    fn size(&self) -> usize {
        self.batch / self.ranks
    }

    fn epoch(&self, epoch: usize, first: usize) -> Result<Epoch<'_, Views>> {
        let batch = move |place| {
            let whole = noise(SIDE, self.batch, self.views, epoch, place);
            Ok(part(&whole, self.rank, self.ranks))
        };
        Ok(Box::new((first..self.steps).map(batch)))
    }
}

/// Whole steps of training on batches of `batch` over all ranks; what the method keeps afterwards.
fn train_steps(
    name: &str,
    width: f64,
    steps: usize,
    batch: usize,
    optimizer: &OptimizerConfig,
    collective: Arc<dyn Collective>,
) -> Named {
    let method = &mut *build(name, width, small(name)).unwrap();
    let plan = Plan { steps_per_epoch: steps, clip: optimizer.clip, ..plan() };
    let mut training =
        Training { plan, batch, optimizer: optimizer.init(), collective, progress: Progress::default() };
    training.run(name, method, optimizer.lr, &Checkpoints::none());
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
        instances: "images",
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
    fn run(&mut self, name: &str, method: &mut dyn ImageMethod, lr: f64, checkpoints: &Checkpoints) {
        let Plan { epochs, steps_per_epoch: steps, accumulate, .. } = self.plan;
        let schedule = ScheduleConfig { epochs, ..ScheduleConfig::default() }.init(lr, steps).unwrap();
        let (rank, ranks) = (self.collective.rank(), self.collective.size());
        let outcome = train(Session {
            plan: self.plan.clone(),
            method,
            batches: &Noise { views: views(name), steps: steps * accumulate, batch: self.batch, rank, ranks },
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

/// Below what length a tensor is nothing but rounding: what batch norm has centred before has the mean 0.
fn rounding(name: &str, values: &[f32]) -> f64 {
    if name.ends_with("running_mean") { 1e-3 * (values.len() as f64).sqrt() } else { 0.0 }
}

/// Asserts that two lists of named tensors differ by at most `relative` of each tensor's length.
fn assert_near(found: &[(String, Vec<f32>)], expected: &[(String, Vec<f32>)], relative: f64) {
    assert_eq!(found.len(), expected.len());
    for ((name, found), (other, expected)) in found.iter().zip(expected) {
        assert_eq!((name, found.len()), (other, expected.len()));
        let length = distance(expected, &vec![0.0; expected.len()]).max(rounding(name, expected));
        let apart = distance(found, expected);
        assert!(apart <= relative * length, "{name} is {:e} of its length apart", apart / length);
    }
}

/// The numbers of a tensor, row by row.
pub(crate) fn rows(tensor: Tensor<2>) -> Vec<Vec<f64>> {
    let [_, features] = tensor.dims();
    let values: Vec<f32> = tensor.without_autodiff().into_data().try_to_vec().unwrap();
    values.chunks(features).map(|row| row.iter().map(|&value| value.into()).collect()).collect()
}

/// The mean over the rows of the cosine of one row and the other.
pub(crate) fn mean_cosine(one: &[Vec<f64>], other: &[Vec<f64>]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    one.iter().zip(other).map(|(a, b)| cosine(a, b)).sum::<f64>() / one.len() as f64
}

/// The only number of a tensor.
pub(crate) fn number(tensor: &Tensor<1>) -> f64 {
    tensor.clone().without_autodiff().into_data().try_to_vec::<f32>().unwrap()[0].into()
}

/// The names of all parameters that get a gradient, which all must be numbers.
pub(crate) fn learning(method: &mut dyn ImageMethod, objective: &Objective) -> Vec<String> {
    let gradients = method.trained().gradients(&mut objective.loss.backward());
    for (name, gradient) in &gradients {
        let values: Vec<f32> = gradient.clone().into_data().try_to_vec().unwrap();
        assert!(values.iter().all(|value| value.is_finite()), "{name}");
    }
    gradients.into_iter().map(|(name, _)| name).collect()
}

/// The names and shapes of what a method trains below this name, without it.
pub(crate) fn shapes(method: &mut dyn ImageMethod, below: &str) -> Vec<(String, Vec<usize>)> {
    let parameters = method.trained().parameters().into_iter();
    parameters
        .filter(|p| !p.name.contains("running_"))
        .filter_map(|p| Some((p.name.strip_prefix(below)?.to_owned(), p.shape)))
        .collect()
}

/// Every part of a method's settings for `--preset paper`.
pub(crate) fn paper_settings<T: serde::de::DeserializeOwned>(entry: &Entry, section: &str) -> T {
    Layers::new(defaults(entry, Preset::Paper).unwrap()).resolve().section(section).unwrap()
}

pub(crate) fn alone() -> Arc<dyn Collective> {
    Arc::new(Single)
}

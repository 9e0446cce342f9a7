//! What holds for every method.

mod determinism;
mod law;
mod resume;

use std::sync::Arc;

use burn::tensor::Device;
use selfsame_core::collective::{Collective, Single};
use selfsame_core::method::Step;
use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::schedule::ScheduleConfig;
use selfsame_core::settings::{Layers, Resolved};
use selfsame_core::stop::StopSignal;
use selfsame_core::train::{Batches, Checkpoints, Epoch, Outcome, Plan, Progress, Recorder, Session, train};
use selfsame_core::{Random, Result};

use super::*;
use crate::model::{Depth, Stem};
use crate::settings::{Preset, defaults};

/// Of the views, in pixels.
const SIDE: usize = 16;

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

/// As [`build`], by a function of the method's own.
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
    Views {
        side,
        instances: (0..count).collect(),
        pixels: (0..views).map(pixels).collect(),
        geometry: vec![Vec::new(); views],
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
        geometry: whole.geometry.clone(),
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
    let mut method = build(name, width, small(name)).unwrap();
    let views = views(name);
    let plan = Plan {
        epochs: 1,
        steps_per_epoch: steps,
        accumulate: 1,
        clip: optimizer.clip,
        log_every: 10,
        checkpoint_steps: 0,
        measure_every: 0,
        stop_on_collapse: false,
        sync_batch_norm: true,
        seed: 3,
    };
    let schedule =
        ScheduleConfig { epochs: 1, ..ScheduleConfig::default() }.init(optimizer.lr, steps).unwrap();
    let (rank, ranks) = (collective.rank(), collective.size());
    let outcome = train(Session {
        plan,
        method: &mut *method,
        batches: &Noise { views, steps, batch, rank, ranks },
        optimizer: &mut optimizer.init(),
        schedule: &schedule,
        collective,
        measure: &mut |_| Ok(None),
        recorder: &mut Recorder::silent(),
        checkpoints: &Checkpoints::none(),
        stop: &StopSignal::manual(),
        progress: &mut Progress::default(),
    });
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    state(&mut *method)
}

fn distance(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
}

/// Asserts that two lists of named tensors differ by at most `relative` of each tensor's length.
fn assert_near(found: &[(String, Vec<f32>)], expected: &[(String, Vec<f32>)], relative: f64) {
    assert_eq!(found.len(), expected.len());
    for ((name, found), (other, expected)) in found.iter().zip(expected) {
        assert_eq!((name, found.len()), (other, expected.len()));
        let (apart, length) = (distance(found, expected), distance(expected, &vec![0.0; expected.len()]));
        assert!(apart <= relative * length, "{name} is {:e} of its length apart", apart / length);
    }
}

pub(crate) fn alone() -> Arc<dyn Collective> {
    Arc::new(Single)
}

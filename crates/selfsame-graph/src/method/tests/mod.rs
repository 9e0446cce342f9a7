//! What holds for every graph method.

mod golden;
mod law;
mod training;

use std::collections::BTreeMap;

use selfsame_core::collective::{Collective, Single};
use selfsame_core::method::{Objective, Step};
use selfsame_core::pretrain::Preset;
use selfsame_core::settings::Layers as Settings;
use selfsame_core::tensor::{Tensor, TensorData};

use super::*;
use crate::data::{PairSampler, PowerLaw, Visits, power_law};
use crate::pretrain::{GraphBatches, MODALITY};
use selfsame_core::train::Batches;

/// Tensors by name.
pub type Named = BTreeMap<String, Vec<f32>>;

/// Interactions with tastes, so that there is something to learn.
pub fn interactions() -> Arc<Interactions> {
    let law = PowerLaw { users: 60, items: 40, interactions: 500, ..PowerLaw::default() };
    Arc::new(power_law(&law, 3).unwrap())
}

/// A method's settings with some set by the user.
pub fn settings(name: &str, set: &[&str]) -> Resolved {
    let about = by_name(name).unwrap().about;
    let mut layers = Settings::new(MODALITY.defaults(&about, Preset::Small).unwrap());
    for assignment in ["backbone.dimension=8"].iter().chain(set) {
        layers = layers.set(assignment).unwrap();
    }
    layers.resolve()
}

/// A method with its initial embeddings; the same ones every time.
pub fn build(name: &str, interactions: &Interactions, set: &[&str]) -> Result<Box<dyn GraphMethod>> {
    (by_name(name)?.build)(&Build {
        interactions,
        settings: &settings(name, set),
        random: Random::new(1).named("parameters"),
        device: Device::default().autodiff(),
    })
}

/// Batches of so many pairs for a method.
pub fn batches(method: &dyn GraphMethod, interactions: &Arc<Interactions>, size: usize) -> GraphBatches {
    let sampler = PairSampler::new(interactions.clone(), Visits::Interactions, 5);
    GraphBatches::new(sampler, interactions.clone(), method.thinning(), size, 5)
}

/// The part of a batch that this rank gets.
pub fn part(whole: &Batch, collective: &dyn Collective) -> Batch {
    let count = whole.pairs.users.len() / collective.size();
    let own = |ids: &[u32]| ids[collective.rank() * count..][..count].to_vec();
    let PairBatch { users, positives, negatives } = &whole.pairs;
    let pairs = PairBatch { users: own(users), positives: own(positives), negatives: own(negatives) };
    Batch { pairs, views: whole.views.clone() }
}

pub fn first_step(collective: Arc<dyn Collective>) -> Step {
    let random = Random::new(2).named("step").at(0);
    Step { index: 0, total: 10, epoch: 0, random, collective, sync_batch_norm: false }
}

pub fn alone() -> Arc<dyn Collective> {
    Arc::new(Single)
}

pub fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().without_autodiff().into_data().try_into_vec().unwrap()
}

/// The gradients of a loss.
pub fn gradients(method: &mut dyn GraphMethod, objective: &Objective) -> Named {
    let found = method.trained().gradients(&mut objective.loss.backward());
    found.into_iter().map(|(name, gradient)| (name, numbers(&gradient))).collect()
}

/// Everything that a method keeps.
pub fn state(method: &mut dyn GraphMethod) -> Named {
    let mut found = Named::new();
    for (part, module) in method.state() {
        for parameter in module.parameters() {
            found.insert(format!("{part}.{}", parameter.name), numbers(&parameter.value));
        }
    }
    found
}

/// Gives a method these embeddings.
pub fn set_table(method: &mut dyn GraphMethod, values: &[f32]) {
    let values = Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::default());
    method.trained().update(&mut |_, _| Some(values.clone()));
}

/// Asserts that numbers differ by at most `relative` of the largest.
#[track_caller]
pub fn assert_near(found: &[f32], expected: &[f32], relative: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= relative * largest, "number {at}: {found} is not {expected}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let interactions = interactions();
    for (name, set, message) in [
        ("mf", "backbone.dimension=0", "backbone.dimension is 0"),
        ("mf", "method.l2=-1", "method.l2 is -1"),
        ("mf", "method.sampling=both", "method.sampling"),
        ("lightgcn", "backbone.layers=0", "backbone.layers = 0"),
        ("lightgcn", "method.l2=nan", "method.l2 is NaN"),
        ("sgl", "backbone.layers=0", "backbone.layers = 0"),
        ("sgl", "view.ratio=1.0", "a share of 1 of the graph cannot be dropped"),
        ("sgl", "view.ratio=-0.1", "a share of -0.1"),
        ("sgl", "view.augmentation=edges", "view.augmentation"),
        ("sgl", "method.temperature=0", "method.temperature is 0"),
        ("sgl", "method.ssl_weight=-0.1", "method.ssl_weight is -0.1"),
        ("sgl", "method.ids=some", "method.ids"),
    ] {
        let error = build(name, &interactions, &[set]).err().unwrap_or_else(|| panic!("{set} was accepted"));
        assert_eq!(error.exit_code(), 2, "{set}: {error}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
    let error = by_name("lightgnc").err().unwrap();
    assert!(error.to_string().contains("did you mean `lightgcn`"), "{error}");
}

#[test]
fn every_method_learns_its_table_and_nothing_else() {
    let interactions = interactions();
    for entry in METHODS {
        let mut method = build(entry.about.name, &interactions, &[]).unwrap();
        let batch = batches(&*method, &interactions, 64).epoch(0, 0).unwrap().next().unwrap().unwrap();
        let objective = method.objective(&batch, &first_step(alone())).unwrap();
        let found = gradients(&mut *method, &objective);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["weight"]);
        assert!(found["weight"].len() == 800 && found["weight"].iter().all(|value| value.is_finite()));
        for view in objective.representations {
            assert!(view.dims() == [64, 8] && !view.is_autodiff());
        }
    }
}

//! What a method keeps is all that its next steps depend on.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use selfsame_core::checkpoint::Checkpoint;
use selfsame_core::train::restore;

use super::*;

/// A step of plain gradient descent on two accumulated batches.
fn descend(method: &mut dyn ImageMethod, name: &str, index: usize) {
    let random = Random::new(2).named("step").at(index as u64);
    let step = Step { index, total: 10, epoch: index, random, collective: alone(), sync_batch_norm: true };
    for place in 0..2 {
        let objective = method.objective(&noise(SIDE, 7, views(name), index, place), &step).unwrap();
        let gradients = method.trained().gradients(&mut objective.loss.backward());
        method.trained().update(&mut |name, value| {
            let (_, gradient) = gradients.iter().find(|(known, _)| known == name)?;
            Some(value - gradient.clone() * 0.05)
        });
    }
    method.after_step(&step).unwrap();
}

fn checkpoint(method: &mut dyn ImageMethod) -> Checkpoint {
    let mut tensors = BTreeMap::new();
    for (part, module) in method.state() {
        for parameter in module.parameters() {
            let values: Vec<f32> = parameter.value.into_data().try_to_vec().unwrap();
            tensors.insert(format!("{part}.{}", parameter.name), TensorData::new(values, parameter.shape));
        }
    }
    Checkpoint::new("any", &Progress::default(), tensors).unwrap()
}

#[test]
fn a_method_from_its_state_goes_on_as_the_original() {
    for entry in METHODS {
        let name = entry.name;
        let new = || build(name, 0.125, small(name)).unwrap();
        let (mut original, mut loaded) = (new(), new());
        (0..2).for_each(|index| descend(&mut *original, name, index));
        let mut saved = checkpoint(&mut *original);
        restore(&mut saved, &mut *loaded, None).unwrap();
        saved.finish().unwrap();
        assert_eq!(state(&mut *loaded), state(&mut *original), "{name}");
        (2..4).for_each(|index| {
            descend(&mut *original, name, index);
            descend(&mut *loaded, name, index);
        });
        assert_eq!(state(&mut *loaded), state(&mut *original), "{name}");
    }
}

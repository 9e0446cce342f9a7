use burn::module::Module;
use selfsame_core::optimizer::{OptimizerConfig, OptimizerName};
use selfsame_core::settings::Layers;

use super::*;
use crate::method::tests::{alone, build_with, first_step, noise, state};
use crate::settings::{BackboneSettings, Preset, RunSettings, ViewSettings, defaults};

fn try_moco(set: &[&str]) -> Result<MocoV2> {
    build_with("moco-v2", 1.0 / 16.0, set, |from| MocoV2::new(&from.settings()?, from))
}

fn numbers(tensor: Tensor<1>) -> Vec<f64> {
    let values: Vec<f32> = tensor.without_autodiff().into_data().try_to_vec().unwrap();
    values.into_iter().map(f64::from).collect()
}

fn rows(tensor: Tensor<2>) -> Vec<Vec<f64>> {
    let [count, columns] = tensor.dims();
    numbers(unit(tensor).reshape([count * columns])).chunks(columns).map(<[f64]>::to_vec).collect()
}

#[test]
fn the_objective_is_equation_1_on_the_projections() {
    let mut method = try_moco(&["method.queue=9", "method.batch_norm_group=0"]).unwrap();
    let views = noise(8, 5, 2, 0, 0);
    let (copy, device) = (method.encoders.queries.valid(), burn::tensor::Device::default());
    let project = |view| copy.clone().encode(views.tensor(view, &device), &Mode::train());
    // In the first step both encoders are the same.
    let ([first, queries], [second, keys]) = (project(0), project(1));
    let (queries, keys, queue) = (rows(queries), rows(keys), rows(method.queue.keys()));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut loss, mut hits) = (0.0, 0.0);
    for (query, key) in queries.iter().zip(&keys) {
        let positive = (dot(query, key) / 0.2).exp();
        let negatives: Vec<f64> = queue.iter().map(|negative| (dot(query, negative) / 0.2).exp()).collect();
        loss -= (positive / (positive + negatives.iter().sum::<f64>())).ln() / 5.0;
        hits += f64::from(u8::from(negatives.iter().all(|negative| *negative < positive))) / 5.0;
    }

    let objective = method.objective(&views, &first_step(alone())).unwrap();
    let found = numbers(objective.loss)[0];
    assert!((found - loss).abs() < 1e-5 * loss, "{found} is not {loss}");
    let (name, accuracy) = objective.terms[0].clone();
    assert_eq!(name, "proxy_accuracy");
    assert!((numbers(accuracy)[0] - hits).abs() < 1e-6);
    let [one, other] = objective.representations;
    assert!(!one.is_autodiff() && !other.is_autodiff());
    assert_eq!([rows(one), rows(other)], [rows(first), rows(second)]);
}

#[test]
fn every_parameter_of_the_queries_encoder_learns_and_no_other() {
    let mut method = try_moco(&["method.queue=9", "method.batch_norm_group=2"]).unwrap();
    let before = state(&mut method);
    let objective = method.objective(&noise(8, 4, 2, 0, 0), &first_step(alone())).unwrap();
    let mut gradients = objective.loss.backward();
    let names: Vec<_> =
        method.trained().gradients(&mut gradients).into_iter().map(|(name, _)| name).collect();
    let parameters = method.trained().parameters().into_iter().map(|p| p.name);
    assert_eq!(names, parameters.filter(|name| !name.contains("running")).collect::<Vec<_>>());
    for ((name, now), (_, before)) in state(&mut method).iter().zip(&before) {
        assert!(now == before || name.contains("running"), "{name} moved without a step");
    }
    // The step moves the queries' encoder, then the keys'.
    method.trained().update(&mut |name, value| (!name.contains("running")).then(|| value + 0.5));
    method.after_step(&first_step(alone())).unwrap();
    for ((name, now), (_, before)) in state(&mut method).iter().zip(&before) {
        if name.starts_with("target.") && !name.contains("running") {
            let moved = now.iter().zip(before).all(|(now, before)| (now - before - 0.005).abs() < 1e-5);
            assert!(moved, "{name}");
        }
    }
}

#[test]
fn batches_of_any_size_go_round_the_queue() {
    let mut method = try_moco(&["method.queue=7", "method.batch_norm_group=2"]).unwrap();
    let step = first_step(alone());
    let mut latest = Vec::new();
    for (place, count) in [3, 5, 9, 2, 4].into_iter().enumerate() {
        let views = noise(8, count, 2, 0, place);
        let objective = method.objective(&views, &step).unwrap();
        assert!(numbers(objective.loss)[0].is_finite());
        latest.extend(rows(Tensor::cat(method.queue.waiting.clone(), 0)));
        method.after_step(&step).unwrap();
    }
    let mut held = rows(method.queue.keys());
    let mut newest = latest[latest.len() - 7..].to_vec();
    for keys in [&mut held, &mut newest] {
        keys.sort_by(|a, b| a[0].total_cmp(&b[0]));
    }
    for (held, newest) in held.concat().iter().zip(newest.concat()) {
        assert!((held - newest).abs() < 1e-6);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("method.temperature=0", "method.temperature is 0"),
        ("method.temperature=nan", "method.temperature is NaN"),
        ("method.momentum=1", "method.momentum is 1"),
        ("method.queue=0", "a queue of 0 keys"),
        ("method.queue=many", "method.queue"),
        ("method.batch_norm_group=1", "method.batch_norm_group is 1"),
        ("method.projector_dimension=0", "64, 64, 0"),
        ("method.projector_hidden=0", "64, 0, 128"),
    ] {
        let error =
            build_with("moco-v2", 0.125, &[set], |from| MocoV2::new(&from.settings()?, from)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
}

#[test]
fn representations_come_from_the_layer_that_is_asked_for() {
    let mut method = try_moco(&["method.projector_dimension=12"]).unwrap();
    let images = noise(8, 3, 2, 0, 0).tensor(0, &burn::tensor::Device::default());
    let before = state(&mut method);
    assert_eq!(method.represent(images.clone(), Layer::Backbone).dims(), [3, 32]);
    assert_eq!(method.represent(images, Layer::Projector).dims(), [3, 12]);
    assert_eq!(state(&mut method), before, "looking changes nothing");
}

#[test]
fn the_papers_settings_are_the_papers() {
    let settings = Layers::new(defaults(&ENTRY, Preset::Paper).unwrap()).resolve();
    let optimizer: OptimizerConfig = settings.section("optimizer").unwrap();
    assert_eq!((optimizer.name, optimizer.weight_decay, optimizer.momentum), (OptimizerName::Sgd, 1e-4, 0.9));
    let run: RunSettings = settings.section("run").unwrap();
    assert!((optimizer.scaled_lr(run.batch_size) - 0.03).abs() < 1e-9);
    let method: MocoConfig = settings.section("method").unwrap();
    assert_eq!((method.temperature, method.momentum, method.capacity()), (0.2, 0.999, 65536));
    assert_eq!(run.batch_size / method.batch_norm_group, 8);
    let backbone: BackboneSettings = settings.section("backbone").unwrap();
    assert_eq!((backbone.name.as_str(), backbone.width), ("resnet50", 1.0));
    let view: ViewSettings = settings.section("view").unwrap();
    assert_eq!((view.recipe.as_str(), view.image_size), ("moco-v2", 224));
}

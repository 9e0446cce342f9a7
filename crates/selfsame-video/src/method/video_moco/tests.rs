use burn::tensor::Device;
use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::pretrain::RunSettings;

use super::*;
use crate::method::tests::{
    alone, build, build_with, first_step, learning, noise, number, paper_settings, rows, settings, state,
    terms, trained,
};
use crate::settings::{BackboneSettings, ViewSettings};

const BARE: &[&str] = &["method.queue=9", "method.batch_norm_group=0"];

fn moco(set: &[&str]) -> Result<VideoMoco> {
    build_with("video-moco", 1.0 / 16.0, set, |from| VideoMoco::new(&from.settings()?, from))
}

#[test]
fn the_objective_is_equation_1_on_both_clips() {
    let mut method = moco(BARE).unwrap();
    let views = noise(&settings("video-moco", BARE), 5, 0, 0);
    let copy = burn::module::Module::valid(&method.encoders.queries);
    let project = |view| copy.clone().encode(views.tensor(view, &Device::default()), &Mode::train());
    // In the first step both encoders are the same.
    let ([first, queries], [second, keys]) = (project(0), project(1));
    let (queries, keys, queue) = (rows(unit(queries)), rows(unit(keys)), rows(method.queue.keys()));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut loss, mut hits) = (0.0, 0.0);
    for (query, key) in queries.iter().zip(&keys) {
        let positive = (dot(query, key) / 0.2).exp();
        let negatives: Vec<f64> = queue.iter().map(|negative| (dot(query, negative) / 0.2).exp()).collect();
        loss -= (positive / (positive + negatives.iter().sum::<f64>())).ln() / 5.0;
        hits += f64::from(u8::from(negatives.iter().all(|negative| *negative < positive))) / 5.0;
    }
    let objective = method.objective(&views, &first_step(alone())).unwrap();
    let found = number(&objective.loss);
    assert!((found - loss).abs() < 1e-5 * loss, "{found} is not {loss}");
    assert!((terms(&objective)["proxy_accuracy"] - hits).abs() < 1e-6);
    assert_eq!(objective.representations.map(rows), [first, second].map(rows));
}

#[test]
fn a_clip_of_another_time_is_a_negative_beside_the_queue() {
    let set = &[BARE, &["method.time_negative=true"]].concat();
    let mut method = moco(set).unwrap();
    let views = noise(&settings("video-moco", set), 5, 0, 0);
    assert_eq!(views.clips.len(), 3);
    let copy = burn::module::Module::valid(&method.encoders.queries);
    let project =
        |view| rows(unit(copy.encode(views.tensor(view, &Device::default()), &Mode::train())[1].clone()));
    let (queries, keys, others, queue) = (project(0), project(1), project(2), rows(method.queue.keys()));
    let logit = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / 0.2;
    let (mut loss, mut nearer) = (0.0, 0.0);
    for ((query, key), other) in queries.iter().zip(&keys).zip(&others) {
        let (of_key, of_other) = (logit(query, key), logit(query, other));
        let negatives = queue.iter().map(|negative| logit(query, negative).exp()).sum::<f64>();
        loss -= (of_key.exp() / (of_key.exp() + of_other.exp() + negatives)).ln() / 5.0;
        nearer += f64::from(u8::from(of_key > of_other)) / 5.0;
    }
    let before = rows(method.queue.keys());
    let objective = method.objective(&views, &first_step(alone())).unwrap();
    let found = number(&objective.loss);
    assert!((found - loss).abs() < 1e-5 * loss, "{found} is not {loss}");
    assert!((terms(&objective)["time_accuracy"] - nearer).abs() < 1e-6);
    method.after_step(&first_step(alone())).unwrap();
    let waiting = rows(method.queue.keys()).into_iter().filter(|key| !before.contains(key));
    assert_eq!(waiting.count(), 5, "only the keys wait in the queue");
}

#[test]
fn every_parameter_of_the_queries_encoder_learns_and_keys_wait_for_the_step() {
    let mut method = moco(&["method.queue=9", "method.batch_norm_group=2"]).unwrap();
    let before = rows(method.queue.keys());
    let views = noise(&settings("video-moco", &[]), 4, 0, 0);
    let objective = method.objective(&views, &first_step(alone())).unwrap();
    assert_eq!(learning(&mut method, &objective), trained(&mut method));
    assert_eq!(rows(method.queue.keys()), before);
    method.after_step(&first_step(alone())).unwrap();
    let after = rows(method.queue.keys());
    assert_eq!(after.iter().filter(|key| before.contains(key)).count(), 5);
}

#[test]
fn representations_come_from_the_layer_that_is_asked_for() {
    let mut method = moco(&["method.projector_dimension=12"]).unwrap();
    let clips = noise(&settings("video-moco", &[]), 3, 0, 0).tensor(0, &Device::default());
    let before = state(&mut method);
    assert_eq!(method.represent(clips.clone(), Layer::Backbone).dims(), [3, 32]);
    assert_eq!(method.represent(clips.clone(), Layer::Projector).dims(), [3, 12]);
    assert_eq!(method.represent_map(clips).dims(), [3, 32, 1, 2, 2]);
    assert_eq!(state(&mut method), before, "looking changes nothing");
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("method.temperature=0", "method.temperature is 0"),
        ("method.momentum=1", "method.momentum is 1"),
        ("method.queue=0", "a queue of 0 keys"),
        ("method.batch_norm_group=1", "method.batch_norm_group is 1"),
        ("method.projector_dimension=0", "features"),
        ("method.erase_background=1.5", "method.erase_background is 1.5"),
        ("method.erase_background=nan", "method.erase_background is NaN"),
        ("method.erase_by=frame", "method.erase_by"),
    ] {
        let error = build("video-moco", 0.0625, &[set]).err().unwrap();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
}

#[test]
fn the_papers_settings_are_the_papers() {
    let method: MocoConfig = paper_settings(&ENTRY, "method");
    assert_eq!((method.temperature, method.momentum, method.capacity()), (0.07, 0.999, 16384));
    let optimizer: OptimizerConfig = paper_settings(&ENTRY, "optimizer");
    let run: RunSettings = paper_settings(&ENTRY, "run");
    assert!((optimizer.scaled_lr(run.batch_size) - 0.003).abs() < 1e-9);
    let view: ViewSettings = paper_settings(&ENTRY, "view");
    assert_eq!((view.frames, view.stride, view.image_size), (16, 4, 112));
    let backbone: BackboneSettings = paper_settings(&ENTRY, "backbone");
    assert_eq!((backbone.name.as_str(), backbone.width), ("r3d_18", 1.0));
}

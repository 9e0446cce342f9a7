use selfsame_core::nn::Mode;
use selfsame_core::optimizer::{OptimizerConfig, OptimizerName};
use selfsame_core::schedule::ScheduleConfig;

use super::*;
use crate::method::tests::{
    alone, build_with, first_step, learning, mean_cosine, noise, number, paper_settings, rows, shapes,
};
use crate::settings::{BackboneSettings, RunSettings, ViewSettings};

fn byol(set: &[&str]) -> Result<Byol> {
    build_with("byol", 1.0 / 16.0, set, |from| Byol::new(&from.settings()?, from))
}

#[test]
fn the_objective_is_equations_2_and_3_on_views_that_do_not_see_each_other() {
    let mut method = byol(&[]).unwrap();
    // The target shall not be the online network.
    let target = &mut method.networks.target;
    target
        .module_mut()
        .update(&mut |name, value| (!name.contains("running")).then(|| value.clone() + value.sin() * 0.3));
    let (online, target) = (method.networks.online.clone(), target.clone());
    let views = noise(8, 5, 2, 0, 0);
    let objective = method.objective(&views, &first_step(alone())).unwrap();

    let image = |view| views.tensor(view, &device_of(&online).unwrap());
    let seen = [0, 1].map(|view| online.see(image(view), &Mode::train()));
    let z = [0, 1]
        .map(|view| rows(target.module().see(image(view).without_autodiff(), &Mode::train())[1].clone()));
    let p = seen.each_ref().map(|seen| rows(seen.predictions.clone()));
    let expected = 4.0 - 2.0 * mean_cosine(&p[0], &z[1]) - 2.0 * mean_cosine(&p[1], &z[0]);
    let loss = number(&objective.loss);
    assert!((loss - expected).abs() < 1e-5 * expected, "{loss} is not {expected}");
    for (found, seen) in objective.representations.into_iter().zip(seen) {
        assert!(!found.is_autodiff());
        assert_eq!(rows(found), rows(seen.representations));
    }
}

#[test]
fn everything_but_the_target_learns() {
    let mut method = byol(&["method.projector_dimension=24", "method.predictor_hidden=40"]).unwrap();
    let before = method.networks.target.module().parameters();
    let objective = method.objective(&noise(8, 6, 2, 0, 0), &first_step(alone())).unwrap();
    let all: Vec<String> = shapes(&mut method, "").into_iter().map(|(name, _)| name).collect();
    assert_eq!(learning(&mut method, &objective), all);
    for (now, before) in method.networks.target.module().parameters().iter().zip(before) {
        let same = now.value.to_data() == before.value.to_data();
        assert_eq!(same, !now.name.contains("running"), "{}", now.name);
    }
}

#[test]
fn the_target_follows_with_a_momentum_that_rises_to_one() {
    for (index, share) in [(0, 0.2), (5, 0.1), (10, 0.0)] {
        let mut method = byol(&["method.momentum=0.8"]).unwrap();
        let weight = |parameters: Vec<selfsame_core::nn::Parameter>| -> Vec<f32> {
            let found = parameters.into_iter().find(|p| p.name == "projector.layers.0.weight").unwrap();
            found.value.into_data().try_to_vec().unwrap()
        };
        let old = weight(method.networks.target.module().parameters());
        assert_eq!(weight(method.trained().parameters()), old, "it starts as a copy");
        method.trained().update(&mut |_, value| Some(value + 1.0));
        method.after_step(&Step { index, ..first_step(alone()) }).unwrap();
        for (now, old) in weight(method.networks.target.module().parameters()).iter().zip(old) {
            assert!((now - old - share).abs() < 1e-5, "step {index}: {now} after {old}");
        }
    }
}

#[test]
fn heads_grow_with_the_backbone_unless_told() {
    let mut method = byol(&[]).unwrap();
    let sizes = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    let expected = [
        sizes("layers.0.weight", &[128, 32]),
        sizes("layers.1.weight", &[128, 128]),
        sizes("norms.0.weight", &[128]),
        sizes("norms.0.bias", &[128]),
    ];
    assert_eq!(shapes(&mut method, "projector."), expected);
    let mut method = byol(&["method.projector_hidden=48", "method.projector_dimension=20"]).unwrap();
    let expected = [
        sizes("layers.0.weight", &[48, 20]),
        sizes("layers.1.weight", &[20, 48]),
        sizes("norms.0.weight", &[48]),
        sizes("norms.0.bias", &[48]),
    ];
    assert_eq!(shapes(&mut method, "predictor."), expected);
    assert_eq!(
        method.represent(Tensor::zeros([3, 3, 8, 8], &Default::default()), Layer::Projector).dims(),
        [3, 20]
    );
    assert_eq!(
        method.represent(Tensor::zeros([3, 3, 8, 8], &Default::default()), Layer::Backbone).dims(),
        [3, 32]
    );
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("method.momentum=1.5", "method.momentum is 1.5"),
        ("method.momentum=-0.1", "method.momentum is -0.1"),
        ("method.momentum=nan", "method.momentum is NaN"),
        ("method.projector_dimension=0", "features"),
        ("method.projector_hidden=0", "features"),
        ("method.predictor_hidden=0", "features"),
        ("method.predictor_hidden=wide", "method.predictor_hidden"),
    ] {
        let error = byol(&[set]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
}

#[test]
fn the_papers_settings_are_the_papers() {
    let optimizer: OptimizerConfig = paper_settings(&ENTRY, "optimizer");
    let run: RunSettings = paper_settings(&ENTRY, "run");
    assert_eq!((optimizer.name, optimizer.weight_decay), (OptimizerName::Lars, 1.5e-6));
    assert!((optimizer.scaled_lr(run.batch_size) - 3.2).abs() < 1e-9);
    let schedule: ScheduleConfig = paper_settings(&ENTRY, "schedule");
    assert_eq!((schedule.epochs, schedule.warmup_epochs), (1000, 10.0));
    let method: ByolConfig = paper_settings(&ENTRY, "method");
    assert_eq!((method.momentum, method.projector_dimension), (0.996, 256));
    assert_eq!((method.projector_hidden, method.predictor_hidden), (Auto::Value(4096), Auto::Value(4096)));
    let backbone: BackboneSettings = paper_settings(&ENTRY, "backbone");
    assert_eq!((backbone.name.as_str(), backbone.stem.as_str()), ("resnet50", "imagenet"));
    assert_eq!(paper_settings::<ViewSettings>(&ENTRY, "view").recipe, "byol");
}

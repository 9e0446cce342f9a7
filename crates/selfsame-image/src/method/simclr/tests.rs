use burn::tensor::Device;
use selfsame_core::optimizer::{LrScaling, OptimizerConfig, OptimizerName};
use selfsame_core::schedule::ScheduleConfig;
use selfsame_core::settings::Layers;

use super::*;
use crate::method::tests::{alone, build, build_with, first_step, noise, settings, state};
use crate::model::{Depth, ResNetConfig, Stem};
use crate::settings::{BackboneSettings, Preset, RunSettings, ViewSettings, defaults};

fn simclr(set: &[&str]) -> SimClr {
    try_simclr(set).unwrap()
}

fn try_simclr(set: &[&str]) -> Result<SimClr> {
    build_with("simclr", 1.0 / 16.0, set, |from| SimClr::new(&from.settings()?, from))
}

fn rows(tensor: Tensor<2>) -> Vec<Vec<f64>> {
    let [_, features] = tensor.dims();
    let values: Vec<f32> = tensor.into_data().try_to_vec().unwrap();
    values.chunks(features).map(|row| row.iter().map(|&value| value.into()).collect()).collect()
}

/// Equation 1 for all anchors, as it stands in the paper.
fn slow_nt_xent(first: &[Vec<f64>], second: &[Vec<f64>], temperature: f64) -> f64 {
    let all: Vec<_> = first.iter().chain(second).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let similarity = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let batch = first.len();
    let loss = |i: usize| {
        let score = |k: usize| (similarity(all[i], all[k]) / temperature).exp();
        let others: f64 = (0..2 * batch).filter(|&k| k != i).map(score).sum();
        -(score((i + batch) % (2 * batch)) / others).ln()
    };
    (0..2 * batch).map(loss).sum::<f64>() / (2 * batch) as f64
}

#[test]
fn the_objective_is_equation_1_on_the_projections() {
    for projector in ["none", "linear", "mlp"] {
        let mut method = simclr(&[&format!("method.projector={projector}"), "method.temperature=0.2"]);
        let views = noise(8, 5, 2, 0, 0);
        let step = first_step(alone());
        let device = Device::default().autodiff();
        let frozen = method.encoder.clone();
        let images = Tensor::cat(vec![views.tensor(0, &device), views.tensor(1, &device)], 0);
        let representations = frozen.backbone.forward(images, &Mode::train());
        let projections = rows(frozen.project(representations.clone(), &Mode::train()));

        let objective = method.objective(&views, &step).unwrap();
        let expected = slow_nt_xent(&projections[..5], &projections[5..], 0.2);
        let loss: f64 = objective.loss.into_data().try_to_vec::<f32>().unwrap()[0].into();
        assert!((loss - expected).abs() < 1e-5 * expected, "{projector}: {loss} is not {expected}");
        let [first, second] = objective.representations;
        assert!(!first.is_autodiff());
        assert_eq!([rows(first), rows(second)].concat(), rows(representations));
    }
}

#[test]
fn every_parameter_learns_whatever_the_projector() {
    let features = 32;
    for (projector, expected) in [
        ("none", vec![]),
        ("linear", vec![("layers.0.weight", vec![16, features]), ("layers.0.bias", vec![16])]),
        (
            "mlp",
            vec![
                ("layers.0.weight", vec![features, features]),
                ("layers.1.weight", vec![16, features]),
                ("layers.1.bias", vec![16]),
                ("norms.0.weight", vec![features]),
                ("norms.0.bias", vec![features]),
                ("norms.0.running_mean", vec![features]),
                ("norms.0.running_var", vec![features]),
            ],
        ),
    ] {
        let set = [format!("method.projector={projector}"), "method.projector_dimension=16".into()];
        let mut method = simclr(&set.each_ref().map(String::as_str));
        let parameters = method.trained().parameters();
        let found: Vec<_> = parameters
            .iter()
            .filter_map(|p| Some((p.name.strip_prefix("projector.")?, p.shape.clone())))
            .collect();
        assert_eq!(found, expected, "{projector}");

        let objective = method.objective(&noise(8, 4, 2, 0, 0), &first_step(alone())).unwrap();
        let gradients = method.trained().gradients(&mut objective.loss.backward());
        let learning = parameters.iter().filter(|p| !p.name.contains("running_"));
        let names: Vec<_> = gradients.iter().map(|(name, _)| name).collect();
        assert_eq!(names, learning.map(|p| &p.name).collect::<Vec<_>>(), "{projector}");
        for (name, gradient) in &gradients {
            let values: Vec<f32> = gradient.clone().into_data().try_to_vec().unwrap();
            assert!(values.iter().all(|value| value.is_finite()), "{name}");
        }
    }
}

#[test]
fn the_hidden_layer_is_as_wide_as_the_backbone_unless_told() {
    let hidden = |set: &[&str]| {
        let parameters = simclr(set).trained().parameters();
        parameters.into_iter().find(|p| p.name == "projector.layers.0.weight").unwrap().shape
    };
    assert_eq!(hidden(&[]), [32, 32]);
    assert_eq!(hidden(&["method.projector_hidden=auto"]), [32, 32]);
    assert_eq!(hidden(&["method.projector_hidden=24"]), [24, 32]);
}

#[test]
fn representations_come_from_the_layer_that_is_asked_for() {
    let mut method = simclr(&["method.projector_dimension=12"]);
    let views = noise(8, 3, 2, 0, 0);
    let images = views.tensor(0, &Device::default());
    let before = state(&mut method);
    assert_eq!(method.represent(images.clone(), Layer::Backbone).dims(), [3, 32]);
    assert_eq!(method.represent(images.clone(), Layer::Projector).dims(), [3, 12]);
    assert!(!method.represent(images.clone(), Layer::Backbone).is_autodiff());
    assert_eq!(state(&mut method), before, "looking changes nothing");

    // An image's representation does not depend on those beside it.
    let alone = rows(method.represent(images.clone().slice(1..2), Layer::Backbone));
    let together = rows(method.represent(images, Layer::Backbone));
    for (a, b) in alone[0].iter().zip(&together[1]) {
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()));
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("method.temperature=0", "method.temperature is 0"),
        ("method.temperature=-0.5", "method.temperature is -0.5"),
        ("method.temperature=nan", "method.temperature is NaN"),
        ("method.temperature=inf", "method.temperature is inf"),
        ("method.projector_dimension=0", "32, 32, 0"),
        ("method.projector_hidden=0", "32, 0, 128"),
        ("method.projector=deep", "method.projector"),
        ("method.projector_hidden=wide", "method.projector_hidden"),
        ("method.projector_dimension=-3", "method.projector_dimension"),
    ] {
        let error = try_simclr(&[set]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
}

#[test]
fn every_backbone_can_be_trained() {
    let settings = settings("simclr", &[]);
    for depth in Depth::ALL {
        for stem in Stem::ALL {
            let from = Build {
                backbone: ResNetConfig { depth, width: 1.0 / 64.0, stem },
                initial: None,
                settings: &settings,
                random: selfsame_core::Random::new(1),
                device: Device::default().autodiff(),
            };
            let mut method = (ENTRY.build)(&from).unwrap();
            let objective = method.objective(&noise(32, 2, 2, 0, 0), &first_step(alone())).unwrap();
            let loss = objective.loss.clone().into_data().try_to_vec::<f32>().unwrap()[0];
            assert!(loss.is_finite());
            let gradients = method.trained().gradients(&mut objective.loss.backward());
            assert_eq!(
                gradients.len(),
                method.trained().parameters().iter().filter(|p| !p.name.contains("running")).count()
            );
            assert_eq!(method.backbone().features(), from.backbone.features());
        }
    }
    assert!(build("simclr", 0.0, &[]).is_err());
}

#[test]
fn the_papers_settings_are_the_papers() {
    let settings = Layers::new(defaults(&ENTRY, Preset::Paper).unwrap()).resolve();
    let optimizer: OptimizerConfig = settings.section("optimizer").unwrap();
    optimizer.validate().unwrap();
    assert_eq!((optimizer.name, optimizer.lr_scaling), (OptimizerName::Lars, LrScaling::Linear));
    assert_eq!((optimizer.weight_decay, optimizer.momentum), (1e-6, 0.9));
    let run: RunSettings = settings.section("run").unwrap();
    run.validate().unwrap();
    assert_eq!(run.batch_size, 4096);
    assert!((optimizer.scaled_lr(run.batch_size) - 4.8).abs() < 1e-9);
    let schedule: ScheduleConfig = settings.section("schedule").unwrap();
    schedule.validate().unwrap();
    assert_eq!((schedule.epochs, schedule.warmup_epochs), (100, 10.0));
    let method: SimClrConfig = settings.section("method").unwrap();
    assert_eq!(
        (method.temperature, method.projector, method.projector_dimension),
        (0.1, ProjectorKind::Mlp, 128)
    );
    let backbone: BackboneSettings = settings.section("backbone").unwrap();
    assert_eq!(
        (backbone.name.as_str(), backbone.width, backbone.stem.as_str()),
        ("resnet50", 1.0, "imagenet")
    );
    let view: ViewSettings = settings.section("view").unwrap();
    assert_eq!((view.recipe.as_str(), view.image_size), ("simclr", 224));
}

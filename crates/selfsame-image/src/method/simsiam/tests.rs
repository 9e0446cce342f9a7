use selfsame_core::nn::Mode;
use selfsame_core::optimizer::{OptimizerConfig, OptimizerName};

use super::*;
use crate::method::tests::{
    alone, build_with, first_step, learning, mean_cosine, noise, number, paper_settings, rows, shapes,
};
use crate::settings::{RunSettings, ViewSettings};

fn simsiam(set: &[&str]) -> Result<SimSiam> {
    build_with("simsiam", 1.0 / 16.0, set, |from| SimSiam::new(&from.settings()?, from))
}

#[test]
fn the_objective_is_equation_4_on_views_that_do_not_see_each_other() {
    let mut method = simsiam(&[]).unwrap();
    let network = method.network.clone();
    let views = noise(8, 5, 2, 0, 0);
    let objective = method.objective(&views, &first_step(alone())).unwrap();
    let image = |view| views.tensor(view, &device_of(&network).unwrap());
    let seen = [0, 1].map(|view| network.see(image(view), &Mode::train()));
    let [p, z] = [
        seen.each_ref().map(|seen| rows(seen.predictions.clone())),
        seen.each_ref().map(|seen| rows(seen.projections.clone())),
    ];
    let expected = -0.5 * mean_cosine(&p[0], &z[1]) - 0.5 * mean_cosine(&p[1], &z[0]);
    let loss = number(&objective.loss);
    assert!((loss - expected).abs() < 1e-5, "{loss} is not {expected}");
    for (found, seen) in objective.representations.into_iter().zip(seen) {
        assert!(!found.is_autodiff());
        assert_eq!(rows(found), rows(seen.representations));
    }
}

#[test]
fn every_parameter_learns_with_the_layers_of_the_paper() {
    let shape = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
    for (layers, expected) in [
        (
            2,
            vec![
                shape("layers.0.weight", &[128, 32]),
                shape("layers.1.weight", &[128, 128]),
                shape("norms.0.weight", &[128]),
                shape("norms.0.bias", &[128]),
            ],
        ),
        (
            3,
            vec![
                shape("layers.0.weight", &[128, 32]),
                shape("layers.1.weight", &[128, 128]),
                shape("layers.2.weight", &[128, 128]),
                shape("norms.0.weight", &[128]),
                shape("norms.0.bias", &[128]),
                shape("norms.1.weight", &[128]),
                shape("norms.1.bias", &[128]),
            ],
        ),
    ] {
        let mut method = simsiam(&[&format!("method.projector_layers={layers}")]).unwrap();
        assert_eq!(shapes(&mut method, "projector."), expected);
        let expected = [
            shape("layers.0.weight", &[32, 128]),
            shape("layers.1.weight", &[128, 32]),
            shape("layers.1.bias", &[128]),
            shape("norms.0.weight", &[32]),
            shape("norms.0.bias", &[32]),
        ];
        assert_eq!(shapes(&mut method, "predictor."), expected);
        let objective = method.objective(&noise(8, 6, 2, 0, 0), &first_step(alone())).unwrap();
        let all: Vec<String> = shapes(&mut method, "").into_iter().map(|(name, _)| name).collect();
        assert_eq!(learning(&mut method, &objective), all);
        // Projections have mean 0 and variance 1 over the batch.
        let projections = method.represent(Tensor::ones([3, 3, 8, 8], &Default::default()), Layer::Projector);
        assert_eq!(projections.dims(), [3, 128]);
    }
}

#[test]
fn the_learning_rate_of_the_predictor_alone_stays() {
    let mut method = simsiam(&[]).unwrap();
    for parameter in method.trained().parameters() {
        let predictor = parameter.name.starts_with("predictor.");
        assert_eq!(method.follows_schedule(&parameter.name), !predictor, "{}", parameter.name);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("method.projector_layers=1", "method.projector_layers is 1"),
        ("method.projector_layers=4", "method.projector_layers is 4"),
        ("method.projector_dimension=0", "features"),
        ("method.predictor_hidden=0", "features"),
    ] {
        let error = simsiam(&[set]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
    // A quarter of one feature is one.
    simsiam(&["method.projector_dimension=1"]).unwrap();
}

#[test]
fn the_papers_settings_are_the_papers() {
    let optimizer: OptimizerConfig = paper_settings(&ENTRY, "optimizer");
    let run: RunSettings = paper_settings(&ENTRY, "run");
    assert_eq!((optimizer.name, optimizer.weight_decay, run.batch_size), (OptimizerName::Sgd, 1e-4, 512));
    assert!((optimizer.scaled_lr(run.batch_size) - 0.1).abs() < 1e-9);
    let method: SimSiamConfig = paper_settings(&ENTRY, "method");
    assert_eq!(method.projector_layers, 3);
    assert_eq!((method.projector_dimension, method.predictor_hidden), (Auto::Value(2048), Auto::Value(512)));
    assert_eq!(paper_settings::<ViewSettings>(&ENTRY, "view").recipe, "moco-v2");
}

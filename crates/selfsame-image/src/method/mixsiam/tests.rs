use selfsame_core::nn::Mode;

use super::*;
use crate::method::tests::{
    alone, build_with, first_step, learning, mean_cosine, noise, number, part, rows, shapes,
};

fn mixsiam(set: &[&str]) -> Result<MixSiam> {
    build_with("mixsiam", 1.0 / 16.0, set, |from| MixSiam::new(&from.settings()?, from))
}

#[test]
fn the_objective_is_simsiams_and_the_mixtures() {
    for (weight, views_predict) in [(1.0, "each-other"), (0.5, "maximum")] {
        let set =
            [format!("method.mixture_weight={weight:?}"), format!("method.views_predict={views_predict}")];
        let mut method = mixsiam(&set.each_ref().map(String::as_str)).unwrap();
        let network = method.network.clone();
        let (views, step) = (noise(8, 5, 2, 0, 0), first_step(alone()));
        let objective = method.objective(&views, &step).unwrap();

        let images = [0, 1].map(|view| views.tensor(view, &device_of(&network).unwrap()));
        let lambda = method.shares(&views.instances, &step);
        let mixed: Vec<_> = (0..5)
            .map(|at| {
                let [x0, x1] = images.each_ref().map(|images| images.clone().slice(at..at + 1));
                x0 * lambda[at] + x1 * (1.0 - lambda[at])
            })
            .collect();
        let seen = images.map(|images| network.see(images, &Mode::train()));
        let of_mixture = rows(network.see(Tensor::cat(mixed, 0), &Mode::train()).predictions);
        let p = seen.each_ref().map(|seen| rows(seen.predictions.clone()));
        let z = seen.each_ref().map(|seen| rows(seen.projections.clone()));
        let both: Vec<Vec<f64>> =
            z[0].iter().zip(&z[1]).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a.max(*b)).collect()).collect();
        let [t0, t1] = if views_predict == "maximum" { [&both, &both] } else { [&z[1], &z[0]] };
        let of_views = -0.5 * mean_cosine(&p[0], t0) - 0.5 * mean_cosine(&p[1], t1);
        let mixture = -mean_cosine(&of_mixture, &both);
        let names: Vec<_> = objective.terms.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["loss_views", "loss_mixture"]);
        for (found, expected) in [
            (&objective.loss, of_views + weight * mixture),
            (&objective.terms[0].1, of_views),
            (&objective.terms[1].1, mixture),
        ] {
            assert!((number(found) - expected).abs() < 2e-5, "{} is not {expected}", number(found));
        }
        let all: Vec<String> = shapes(&mut method, "").into_iter().map(|(name, _)| name).collect();
        assert_eq!(learning(&mut method, &objective), all);
    }
}

#[test]
fn a_mixture_depends_on_the_instance_and_the_step_alone() {
    let method = mixsiam(&[]).unwrap();
    let (whole, step) = (noise(8, 6, 2, 0, 0), first_step(alone()));
    let shares = method.shares(&whole.instances, &step);
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)) && shares[0] != shares[1]);
    let parts = [0, 1].map(|rank| method.shares(&part(&whole, rank, 2).instances, &step));
    assert_eq!(parts.concat(), shares);
    let next = Step { index: 1, random: step.random.at(1), ..step };
    assert_ne!(method.shares(&whole.instances, &next), shares);
}

#[test]
fn without_weight_it_is_simsiam() {
    let mut method = mixsiam(&["method.mixture_weight=0"]).unwrap();
    let views = noise(8, 5, 2, 0, 0);
    let loss = number(&method.objective(&views, &first_step(alone())).unwrap().loss);
    let mut simsiam = crate::method::tests::build("simsiam", 1.0 / 16.0, &[]).unwrap();
    let expected = number(&simsiam.objective(&views, &first_step(alone())).unwrap().loss);
    assert!((loss - expected).abs() < 1e-6);
    for parameter in method.trained().parameters() {
        let follows = simsiam.follows_schedule(&parameter.name);
        assert_eq!(method.follows_schedule(&parameter.name), follows, "{}", parameter.name);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("method.alpha=0", "method.alpha is 0"),
        ("method.alpha=-1", "method.alpha is -1"),
        ("method.alpha=inf", "method.alpha is inf"),
        ("method.mixture_weight=-1", "method.mixture_weight is -1"),
        ("method.mixture_weight=nan", "method.mixture_weight is NaN"),
        ("method.views_predict=nothing", "method.views_predict"),
        ("method.projector_layers=5", "method.projector_layers is 5"),
        ("method.predictor_hidden=0", "features"),
    ] {
        let error = mixsiam(&[set]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
}

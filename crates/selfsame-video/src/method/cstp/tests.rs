use burn::tensor::Device;
use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::schedule::ScheduleConfig;
use selfsame_core::settings::Auto;

use super::*;
use crate::method::tests::{
    alone, build_with, first_step, learning, noise, number, paper_settings, rows, settings, terms, trained,
};
use crate::settings::BackboneSettings;

fn cstp(set: &[&str]) -> Result<Cstp> {
    build_with("cstp", 1.0 / 16.0, set, |from| Cstp::new(from.settings()?, from))
}

fn views(set: &[&str], count: usize) -> ClipViews {
    noise(&settings("cstp", set), count, 0, 0)
}

/// Cross-entropy and accuracy.
fn slow(scores: &[Vec<f64>], labels: &[usize]) -> (f64, f64) {
    let (mut loss, mut hits) = (0.0, 0.0);
    for (row, &label) in scores.iter().zip(labels) {
        loss -= (row[label].exp() / row.iter().map(|score| score.exp()).sum::<f64>()).ln();
        hits += f64::from(u8::from(row.iter().all(|score| *score <= row[label])));
    }
    (loss / labels.len() as f64, hits / labels.len() as f64)
}

#[test]
fn the_objective_is_the_weighted_sum_of_byol_and_all_heads() {
    let weights = [
        "method.byol_weight=0.3",
        "method.space_weight=2",
        "method.time_weight=0.5",
        "method.rate_weight=1.5",
    ];
    let mut method = cstp(&weights).unwrap();
    // The target shall not be the online network.
    method
        .target
        .module_mut()
        .update(&mut |name, value| (!name.contains("running")).then(|| value.clone() + value.sin() * 0.3));
    let views = views(&[], 6);
    let (online, target) = (method.online.clone(), method.target.clone());
    let objective = method.objective(&views, &first_step(alone())).unwrap();
    let terms = terms(&objective);

    let mode = Mode::train();
    let clips = [0, 1].map(|view| views.tensor(view, &device_of(&online).unwrap()));
    let seen = clips.clone().map(|clips| online.backbone.forward(clips, &mode));
    let p =
        seen.clone().map(|seen| rows(online.predictor.forward(online.projector.forward(seen, &mode), &mode)));
    let z = clips.map(|clips| rows(target.module().see(clips.without_autodiff(), &mode)[1].clone()));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let direction = |p: &[Vec<f64>], z: &[Vec<f64>]| {
        p.iter().zip(z).map(|(p, z)| 2.0 - 2.0 * cosine(p, z)).sum::<f64>() / 6.0
    };
    let mut loss = 0.3 * (direction(&p[0], &z[1]) + direction(&p[1], &z[0]));
    let labels = |of: fn(&Labels) -> usize| views.labels.iter().map(of).collect::<Vec<_>>();
    let pair = Tensor::cat(seen.to_vec(), 1);
    let scores =
        |head: &Option<Mlp>, input: &Tensor<2>| rows(head.as_ref().unwrap().forward(input.clone(), &mode));
    let turns: [fn(&Labels) -> usize; 2] = [|labels| labels.rotations[0], |labels| labels.rotations[1]];
    for (name, weight, given) in [
        ("space", 2.0, vec![(scores(&online.space, &pair), labels(|labels| labels.space))]),
        ("time", 0.5, vec![(scores(&online.time, &pair), labels(|labels| labels.time))]),
        (
            "rate",
            1.5,
            seen.iter().map(|seen| (scores(&online.rate, seen), labels(|labels| labels.rate))).collect(),
        ),
        (
            "rotation",
            1.0,
            seen.iter().zip(turns).map(|(seen, of)| (scores(&online.rotation, seen), labels(of))).collect(),
        ),
    ] {
        let count = given.len() as f64;
        let found: Vec<(f64, f64)> = given.iter().map(|(scores, labels)| slow(scores, labels)).collect();
        let of_head: f64 = found.iter().map(|(loss, _)| loss).sum();
        let accuracy: f64 = found.iter().map(|(_, accuracy)| accuracy / count).sum();
        let firsts = given.iter().flat_map(|(_, labels)| labels).filter(|label| **label == 0).count();
        // What a head loses that gives every label the share it has among these, and half a sixth for every label but one.
        let entropy = |labels: &[usize]| -> f64 {
            let occurs = |label: &usize| labels.iter().filter(|other| *other == label).count() as f64;
            let kinds: std::collections::BTreeSet<_> = labels.iter().collect();
            let lost: f64 = labels.iter().map(|label| -(occurs(label) / 6.0).ln() / 6.0).sum();
            lost + (kinds.len() as f64 - 1.0) / 12.0
        };
        let entropy = given.iter().map(|(_, labels)| entropy(labels)).sum();
        let chance = firsts as f64 / (6.0 * count);
        let expected = [(name, of_head), ("accuracy", accuracy), ("chance", chance), ("entropy", entropy)];
        for (what, expected) in expected {
            let term = if what == name { name.to_owned() } else { format!("{name}_{what}") };
            let found = terms[term.as_str()];
            assert!((found - expected).abs() < 1e-5 * (1.0 + expected), "{term}: {found} is not {expected}");
        }
        loss += weight * of_head;
    }
    let found = number(&objective.loss);
    assert!((found - loss).abs() < 1e-5 * loss, "{found} is not {loss}");
    for (found, seen) in objective.representations.into_iter().zip(seen) {
        assert!(!found.is_autodiff());
        assert_eq!(rows(found), rows(seen));
    }
}

#[test]
fn every_task_can_be_left_out() {
    let all = ["overlap", "rate", "rotation"];
    for on in [&all[..], &[], &["overlap"], &["rate", "rotation"]] {
        let set: Vec<String> =
            all.iter().map(|task| format!("method.{task}={}", on.contains(task))).collect();
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let mut method = cstp(&set).unwrap();
        let before = method.target.module().parameters();
        let objective = method.objective(&views(&set, 6), &first_step(alone())).unwrap();
        assert_eq!(learning(&mut method, &objective), trained(&mut method), "{on:?}");
        let heads = trained(&mut method);
        let heads: std::collections::BTreeSet<&str> =
            heads.iter().filter_map(|name| name.split('.').next()).collect();
        let terms = terms(&objective);
        assert_eq!(heads.contains("space") && heads.contains("time"), on.contains(&"overlap"));
        for task in ["rate", "rotation"] {
            assert_eq!(heads.contains(task), on.contains(&task));
            assert_eq!(terms.contains_key(task), on.contains(&task));
        }
        if on.is_empty() {
            assert!((number(&objective.loss) - 0.1 * terms["byol"]).abs() < 1e-6);
        }
        for (now, before) in method.target.module().parameters().iter().zip(before) {
            let same = now.value.to_data() == before.value.to_data();
            assert_eq!(same, !now.name.contains("running"), "{}", now.name);
        }
    }
}

#[test]
fn the_target_follows_with_a_momentum_that_rises_to_one() {
    for (index, share) in [(0, 0.2), (5, 0.1), (10, 0.0)] {
        let mut method = cstp(&["method.momentum=0.8"]).unwrap();
        let weight = |method: &Cstp| -> Vec<f32> {
            let parameters = method.target.module().parameters().into_iter();
            let found = parameters.filter(|p| p.name == "projector.layers.0.weight").map(|p| p.value).next();
            found.unwrap().into_data().try_to_vec().unwrap()
        };
        let old = weight(&method);
        method.trained().update(&mut |_, value| Some(value + 1.0));
        method.after_step(&Step { index, ..first_step(alone()) }).unwrap();
        for (now, old) in weight(&method).iter().zip(old) {
            assert!((now - old - share).abs() < 1e-5, "step {index}: {now} after {old}");
        }
    }
}

#[test]
fn pairs_without_labels_are_refused() {
    let mut method = cstp(&[]).unwrap();
    let unlabelled = ClipViews { labels: Vec::new(), ..views(&[], 4) };
    let error = method.objective(&unlabelled, &first_step(alone())).unwrap_err();
    assert!(error.to_string().contains("0 labels of 4 pairs"), "{error}");
}

#[test]
fn representations_come_from_the_layer_that_is_asked_for() {
    let method = cstp(&["method.projector_dimension=12"]).unwrap();
    let clips = views(&[], 3).tensor(0, &Device::default());
    assert_eq!(method.represent(clips.clone(), Layer::Backbone).dims(), [3, 32]);
    assert_eq!(method.represent(clips, Layer::Projector).dims(), [3, 12]);
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        ("method.momentum=1.5", "1.5"),
        ("method.space_weight=-1", "method.space_weight is -1"),
        ("method.byol_weight=nan", "method.byol_weight is NaN"),
        ("method.projector_dimension=0", "features"),
        ("method.predictor_hidden=0", "features"),
    ] {
        let error = cstp(&[set]).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
}

#[test]
fn the_papers_settings_are_the_papers() {
    let optimizer: OptimizerConfig = paper_settings(&ENTRY, "optimizer");
    assert_eq!((optimizer.lr, optimizer.weight_decay, optimizer.clip), (0.03, 5e-4, 18.0));
    let schedule: ScheduleConfig = paper_settings(&ENTRY, "schedule");
    assert_eq!(schedule.epochs, 300);
    let method: CstpConfig = paper_settings(&ENTRY, "method");
    assert_eq!((method.momentum, method.projector_dimension), (0.996, 512));
    assert_eq!((method.projector_hidden, method.predictor_hidden), (Auto::Value(4096), Auto::Value(4096)));
    let weights = [
        method.byol_weight,
        method.space_weight,
        method.time_weight,
        method.rate_weight,
        method.rotation_weight,
    ];
    assert_eq!(weights, [0.1, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(paper_settings::<BackboneSettings>(&ENTRY, "backbone").name, "r2plus1d_18");
}

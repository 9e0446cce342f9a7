use std::sync::Arc;

use burn::tensor::Device;
use selfsame_core::collective::Collective;
use selfsame_core::optimizer::{OptimizerConfig, OptimizerName};

use super::*;
use crate::method::tests::law::{holds, on_two_ranks};
use crate::method::tests::{
    SIDE, alone, build_with, first_step, learning, mean_cosine, noise, number, paper_settings, part, rows,
    shapes, state,
};
use crate::settings::{RunSettings, ViewSettings};
use crate::view::{Crop, Geometry};

fn scrl(set: &[&str]) -> Result<Scrl> {
    build_with("scrl", 1.0 / 16.0, set, |from| Scrl::new(&from.settings()?, from))
}

/// Two places of a source that have nothing in common.
fn apart() -> [Geometry; 2] {
    [0.0, 20.0].map(|left| {
        let crop = Crop { top: 0.0, left, height: 20.0, width: 20.0 };
        Geometry { source_height: 30, source_width: 40, crop, flipped: false }
    })
}

/// A batch in which these instances have no boxes.
fn without_boxes(count: usize, instances: impl IntoIterator<Item = usize>) -> Views {
    let mut views = noise(SIDE, count, 2, 0, 0);
    for instance in instances {
        for (view, geometry) in views.geometry.iter_mut().zip(apart()) {
            view[instance] = geometry;
        }
    }
    views
}

#[test]
fn the_objective_is_byols_on_boxes() {
    let mut method = scrl(&["method.boxes=4", "method.stage=3"]).unwrap();
    let target = &mut method.networks.target;
    target
        .module_mut()
        .update(&mut |name, value| (!name.contains("running")).then(|| value.clone() + value.sin() * 0.3));
    let (online, target) = (method.networks.online.clone(), method.networks.target.clone());
    let (views, step) = (without_boxes(6, [2]), first_step(alone()));
    let regions = method.regions(&views, &step);
    assert_eq!(regions[0].len() % 4, 0);
    assert!(regions[0].len() >= 8 && regions[0].iter().all(|region| region.image != 2));

    let image = |view| views.tensor(view, &device_of(&online).unwrap());
    let maps = [0, 1].map(|view| online.backbone.forward_stages(image(view), &Mode::train()));
    let p = [0, 1].map(|view| {
        let z = online.projector.forward(method.read(&maps[view], &regions[view]), &Mode::train());
        rows(online.predictor.forward(z, &Mode::train()))
    });
    let z = [0, 1].map(|view| {
        let maps = target.module().backbone.forward_stages(image(view).without_autodiff(), &Mode::train());
        rows(target.module().projector.forward(method.read(&maps, &regions[view]), &Mode::train()))
    });
    let objective = method.objective(&views, &step).unwrap();
    let expected = 4.0 - 2.0 * mean_cosine(&p[0], &z[1]) - 2.0 * mean_cosine(&p[1], &z[0]);
    let loss = number(&objective.loss);
    assert!((loss - expected).abs() < 1e-5 * expected, "{loss} is not {expected}");
    let terms: Vec<_> = objective.terms.iter().map(|(name, term)| (*name, number(term))).collect();
    assert_eq!(terms, [("boxes", f64::from(regions[0].len() as f32 / 6.0)), ("skipped", 0.0)]);
    for (found, maps) in objective.representations.clone().into_iter().zip(maps) {
        assert!(!found.is_autodiff());
        assert_eq!(rows(found), rows(mean_pool2d(maps[3].clone())));
    }
    // Whatever comes after the stage that is read learns nothing.
    let all: Vec<String> = shapes(&mut method, "").into_iter().map(|(name, _)| name).collect();
    let expected: Vec<String> = all.into_iter().filter(|name| !name.starts_with("backbone.layer4")).collect();
    assert_eq!(learning(&mut method, &objective), expected);
}

#[test]
fn boxes_are_those_of_their_instance_on_whatever_rank() {
    for set in [vec![], vec!["method.box_jitter=0.1"]] {
        let method = scrl(&set).unwrap();
        let (whole, step) = (noise(SIDE, 6, 2, 0, 0), first_step(alone()));
        let of_whole = method.regions(&whole, &step);
        assert_eq!(of_whole[0].len(), of_whole[1].len());
        let mut of_ranks = [Vec::new(), Vec::new()];
        for rank in 0..2 {
            for (all, regions) in of_ranks.iter_mut().zip(method.regions(&part(&whole, rank, 2), &step)) {
                all.extend(
                    regions.into_iter().map(|region| Region { image: region.image + 3 * rank, ..region }),
                );
            }
        }
        assert_eq!(of_ranks, of_whole);
        let next = Step { index: 1, random: step.random.at(1), ..step };
        assert_ne!(method.regions(&whole, &next), of_whole);
    }
}

#[test]
fn a_batch_without_boxes_moves_nothing_and_is_counted() {
    let mut method = scrl(&[]).unwrap();
    let views = without_boxes(4, 0..4);
    for count in [1.0, 2.0] {
        let objective = method.objective(&views, &first_step(alone())).unwrap();
        assert!(!objective.loss.is_autodiff());
        assert_eq!(number(&objective.loss), 0.0);
        let terms: Vec<_> = objective.terms.iter().map(|(name, term)| (*name, number(term))).collect();
        assert_eq!(terms, [("boxes", 0.0), ("skipped", count)]);
    }
    // It is counted on after a checkpoint.
    assert!(state(&mut method).contains(&("skipped.batches".into(), vec![2.0])));
    assert_eq!(
        number(&method.objective(&noise(SIDE, 4, 2, 0, 0), &first_step(alone())).unwrap().terms[1].1),
        2.0
    );
}

#[test]
fn ranks_with_few_boxes_or_none_keep_the_law() {
    for none in [vec![0, 1, 4], (6..12).collect(), (0..6).collect(), (1..12).collect()] {
        // Over a few boxes, statistics round more coarsely.
        holds("scrl", &without_boxes(12, none), 1e-3);
    }
}

#[test]
fn a_rank_without_boxes_has_gradients_and_sound_statistics_by_itself() {
    let whole = without_boxes(8, 4..8);
    let results = on_two_ranks(|rank| {
        let mut method = scrl(&[]).unwrap();
        let views = part(&whole, rank.rank(), 2);
        let rank: Arc<dyn Collective> = rank;
        let step = Step { sync_batch_norm: false, ..first_step(rank.clone()) };
        let objective = method.objective(&views, &step).unwrap();
        let names = learning(&mut method, &objective);
        let sound = state(&mut method).iter().all(|(_, values)| values.iter().all(|value| value.is_finite()));
        (number(&objective.loss), names, sound)
    });
    assert_eq!(results[0], results[1]);
    assert!(results[0].0 > 0.0 && results[0].2);
}

#[test]
fn ranks_agree_that_a_batch_has_no_boxes() {
    let whole = without_boxes(8, 0..8);
    for (loss, skipped) in on_two_ranks(|rank| {
        let mut method = scrl(&[]).unwrap();
        let objective = method.objective(&part(&whole, rank.rank(), 2), &first_step(rank)).unwrap();
        (objective.loss.is_autodiff(), number(&objective.terms[1].1))
    }) {
        assert_eq!((loss, skipped), (false, 1.0));
    }
}

#[test]
fn representations_come_from_the_layer_that_is_asked_for() {
    for stage in [2, 4] {
        let method = scrl(&[&format!("method.stage={stage}"), "method.projector_dimension=12"]).unwrap();
        let images = noise(SIDE, 3, 2, 0, 0).tensor(0, &Device::default());
        assert_eq!(method.represent(images.clone(), Layer::Backbone).dims(), [3, 32]);
        assert_eq!(method.represent(images, Layer::Projector).dims(), [3, 12]);
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, messages) in [
        (&["method.stage=0"][..], &["method.stage is 0"][..]),
        (&["method.stage=5"], &["method.stage is 5"]),
        (&["method.boxes=0"], &["method.boxes is 0"]),
        (&["method.box_jitter=-0.1"], &["method.box_jitter is -0.1"]),
        (&["method.box_jitter=0.5"], &["method.box_jitter is 0.5"]),
        (&["method.min_size=0"], &["method.min_size is 0"]),
        (&["method.min_size=33", "view.image_size=32"], &["method.min_size is 33"]),
        (&["method.momentum=2"], &["method.momentum is 2"]),
        (&["method.projector_dimension=0"], &["features"]),
        (
            &["view.image_size=8"],
            &["after stage 4", "8×8", "--image-size 16", "method.stage = 3", "2×2 cells"],
        ),
        (&["view.image_size=8", "method.stage=3"], &[]),
        (&["view.image_size=4", "method.stage=3"], &["after stage 3", "--image-size 8", "method.stage = 2"]),
        (&["view.image_size=32"], &[]),
    ] {
        let error = scrl(set).map(|_| ()).err();
        assert_eq!(error.is_none(), messages.is_empty(), "{set:?}");
        for message in messages {
            let error = error.as_ref().unwrap();
            let text = format!("{error} {error:?}");
            assert!(error.exit_code() == 2 && text.contains(message), "{set:?}: {text}");
        }
    }
}

#[test]
fn the_least_box_grows_with_the_image() {
    assert_eq!([224, 128, 96, 64, 32, 8, 1].map(default_min_size), [32, 18, 14, 9, 5, 1, 1]);
}

#[test]
fn the_papers_settings_are_the_papers() {
    let optimizer: OptimizerConfig = paper_settings(&ENTRY, "optimizer");
    let run: RunSettings = paper_settings(&ENTRY, "run");
    assert_eq!((optimizer.name, optimizer.weight_decay, run.batch_size), (OptimizerName::Lars, 1e-6, 8192));
    let method: ScrlConfig = paper_settings(&ENTRY, "method");
    assert_eq!((method.momentum, method.boxes, method.min_size), (0.97, 10, Auto::Value(32)));
    assert_eq!((method.projector_hidden, method.stage), (Auto::Value(4096), 4));
    assert_eq!(paper_settings::<ViewSettings>(&ENTRY, "view").recipe, "scrl");
}

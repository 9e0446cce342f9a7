use burn::tensor::Device;
use selfsame_core::optimizer::OptimizerConfig;
use selfsame_core::pretrain::RunSettings;
use selfsame_core::schedule::ScheduleConfig;
use selfsame_core::settings::Auto;

use super::*;
use crate::method::tests::{
    alone, build_with, first_step, learning, noise, number, paper_settings, rows, settings, state, terms,
    trained,
};
use crate::settings::ViewSettings;
use crate::view::{Arrangement, MotionPlan};

fn cmd(set: &[&str]) -> Result<Cmd> {
    build_with("cmd", 1.0 / 16.0, set, |from| Cmd::new(&from.settings()?, from))
}

fn views(set: &[&str], count: usize) -> ClipViews {
    noise(&settings("cmd", set), count, 0, 0)
}

#[test]
fn the_objective_is_the_sum_of_its_tasks_and_all_of_them_learn() {
    for (set, tasks) in [
        (&[][..], &["context", "motion"][..]),
        (&["method.motion=false"], &["context"]),
        (&["method.context=false"], &["motion"]),
    ] {
        let mut method = cmd(set).unwrap();
        let objective = method.objective(&views(set, 4), &first_step(alone())).unwrap();
        let terms = terms(&objective);
        assert_eq!(terms.len(), 2 * tasks.len());
        let sum: f64 = tasks.iter().map(|task| terms[task]).sum();
        assert!((number(&objective.loss) - sum).abs() < 1e-5 * sum);
        // Networks of a task that is left out do not learn.
        let idle = |name: &String| {
            let of = |parts: &[&str]| parts.iter().any(|part| name.starts_with(&format!("encoders.{part}")));
            of(&["context."]) && !tasks.contains(&"context")
                || of(&["motion.", "reduce.", "positions", "queries", "transformer."])
                    && !tasks.contains(&"motion")
        };
        let all: Vec<String> = trained(&mut method).into_iter().filter(|name| !idle(name)).collect();
        assert_eq!(learning(&mut method, &objective), all);
        for task in ["context", "motion"] {
            assert_eq!(all.iter().any(|name| name.starts_with(task)), tasks.contains(&task));
        }
    }
}

#[test]
fn features_of_new_networks_find_their_target_as_often_as_chance() {
    // Of 4 videos, 3 windows and 4 places each: ln 48 at chance; of 4 key frames: ln 4.
    let mut method = cmd(&["method.temperature=1"]).unwrap();
    let found = terms(&method.objective(&views(&[], 4), &first_step(alone())).unwrap());
    assert!((found["motion"] - 48f64.ln()).abs() < 0.5, "{}", found["motion"]);
    assert!((found["context"] - 4f64.ln()).abs() < 0.7, "{}", found["context"]);
}

#[test]
fn the_target_of_a_place_is_that_place_in_the_first_window_of_its_video() {
    // Dropout and statistics of batch norm aside, only the first windows pull: they are where the positives are.
    let mut method = cmd(&["method.context=false", "method.dropout=0"]).unwrap();
    let views = views(&[], 3);
    let step = first_step(alone());
    let motion_term =
        |method: &mut Cmd, views: &ClipViews| terms(&method.objective(views, &step).unwrap())["motion"];
    let before = motion_term(&mut method, &views);
    // The order of the others does not matter to the loss.
    let window = views.motion.len() / (3 * 3);
    let swapped = |one: usize, other: usize| {
        let mut swapped = views.clone();
        for video in swapped.motion.chunks_mut(3 * window) {
            let (first, second) = (one * window, other * window);
            for at in 0..window {
                video.swap(first + at, second + at);
            }
        }
        swapped
    };
    assert!((motion_term(&mut method, &swapped(1, 2)) - before).abs() < 1e-4);
    assert!((motion_term(&mut method, &swapped(0, 2)) - before).abs() > 1e-3);
}

#[test]
fn accumulated_batches_of_a_step_have_their_own_noise_and_each_step_begins_anew() {
    let mut method = cmd(&["method.context=false", "method.dropout=0.5"]).unwrap();
    let (views, step) = (views(&[], 3), first_step(alone()));
    let loss = |method: &mut Cmd| number(&method.objective(&views, &step).unwrap().loss);
    let (first, second) = (loss(&mut method), loss(&mut method));
    assert_ne!(first, second);
    method.after_step(&step).unwrap();
    assert_eq!(loss(&mut method), first);
}

#[test]
fn representations_come_from_the_layer_that_is_asked_for() {
    let mut method = cmd(&["method.head_dimension=12"]).unwrap();
    let clips = views(&[], 3).tensor(0, &Device::default());
    let before = state(&mut method);
    let backbone = method.represent(clips.clone(), Layer::Backbone);
    assert_eq!(backbone.dims(), [3, 32]);
    assert_eq!(method.represent(clips.clone(), Layer::Projector).dims(), [3, 12]);
    assert_eq!(state(&mut method), before, "looking changes nothing");
    let method = cmd(&["method.context=false"]).unwrap();
    assert_eq!(rows(method.represent(clips, Layer::Projector)), rows(backbone));
}

#[test]
fn views_without_what_the_tasks_need_are_refused() {
    let mut method = cmd(&[]).unwrap();
    let whole = views(&[], 3);
    let no_motion = ClipViews { motion: Vec::new(), ..whole.clone() };
    let no_key_frames = ClipViews { key_frames: Vec::new(), ..whole };
    for (views, message) in [(no_motion, "no motion windows"), (no_key_frames, "no key frames")] {
        let error = method.objective(&views, &first_step(alone())).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    for (set, message) in [
        (&["method.temperature=0"][..], "method.temperature is 0"),
        (&["method.motion=false", "method.context=false"], "nothing to learn"),
        (&["method.heads=3"], "cannot be shared by 3 heads"),
        (&["method.features=0"], "features"),
        (&["method.head_dimension=0"], "features"),
        (&["method.dropout=1"], "dropout"),
    ] {
        let error = cmd(set).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{set:?}");
        assert!(error.to_string().contains(message), "{set:?}: {error}");
    }
}

#[test]
fn the_papers_settings_are_the_papers() {
    let method: CmdConfig = paper_settings(&ENTRY, "method");
    let motion = MotionPlan { frames: 8, interval: 2, negatives: 3 };
    let expected = Arrangement::Surroundings { motion: Some(motion), key_frame: true };
    assert_eq!(method.arrangement().unwrap(), expected);
    assert_eq!((method.temperature, method.features, method.heads), (0.1, Auto::Value(512), 8));
    assert_eq!((method.encoder_layers, method.decoder_layers, method.dropout), (2, 4, 0.1));
    assert_eq!((method.head_hidden, method.head_dimension), (Auto::Value(2048), 512));
    let optimizer: OptimizerConfig = paper_settings(&ENTRY, "optimizer");
    let run: RunSettings = paper_settings(&ENTRY, "run");
    assert!((optimizer.scaled_lr(run.batch_size) - 5e-4 * run.batch_size as f64).abs() < 1e-9);
    assert_eq!((optimizer.weight_decay, optimizer.clip, optimizer.nesterov), (1e-3, 15.0, true));
    let schedule: ScheduleConfig = paper_settings(&ENTRY, "schedule");
    assert_eq!((schedule.epochs, schedule.warmup_epochs), (120, 5.0));
    let view: ViewSettings = paper_settings(&ENTRY, "view");
    assert_eq!((view.frames, view.stride, view.without.len()), (16, 4, 3));
}

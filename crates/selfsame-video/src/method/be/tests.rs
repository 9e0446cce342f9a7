use std::sync::{Arc, Mutex};

use super::*;
use crate::method::tests::{alone, build, first_step, noise, number, paper_settings, settings, state};

/// A method that only remembers what it saw.
struct Watcher {
    method: Box<dyn VideoMethod>,
    seen: Arc<Mutex<Vec<ClipViews>>>,
}

impl Method for Watcher {
    type Views = ClipViews;

    fn objective(&mut self, views: &ClipViews, step: &Step) -> Result<Objective> {
        self.seen.lock().unwrap().push(views.clone());
        self.method.objective(views, step)
    }

    fn trained(&mut self) -> &mut dyn Parameters {
        self.method.trained()
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        self.method.state()
    }
}

impl VideoMethod for Watcher {
    fn backbone(&self) -> &Backbone {
        self.method.backbone()
    }

    fn represent(&self, clips: Tensor<5>, layer: Layer) -> Tensor<2> {
        self.method.represent(clips, layer)
    }
}

fn plain() -> Box<dyn VideoMethod> {
    build("video-moco", 0.0625, &[]).unwrap()
}

/// What a method inside sees of `views`.
fn distracted(views: &ClipViews, erase_by: ErasedBy, step: &Step) -> ClipViews {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watcher = Box::new(Watcher { method: plain(), seen: seen.clone() });
    let config = ErasingConfig { erase_background: 0.3, erase_by, erase_consistency: 0.0 };
    Erasing::new(watcher, config).objective(views, step).unwrap();
    let seen = seen.lock().unwrap().pop();
    seen.unwrap()
}

/// λ and k of a clip, found from what was done to it.
fn found(clip: &[f32], erased: &[f32], frames: usize) -> (f64, usize) {
    let area = clip.len() / (3 * frames);
    let moved = |frame: usize| -> f64 {
        let places = frame * area..(frame + 1) * area;
        places.map(|at| f64::from((clip[at] - erased[at]).abs())).sum()
    };
    let frame = (0..frames).min_by(|a, b| moved(*a).total_cmp(&moved(*b))).unwrap();
    let other = (frame + 1) % frames;
    let (mut above, mut below) = (0.0, 0.0);
    for at in 0..area {
        let towards = f64::from(clip[frame * area + at] - clip[other * area + at]);
        above += f64::from(erased[other * area + at] - clip[other * area + at]) * towards;
        below += towards * towards;
    }
    (above / below, frame)
}

fn all_found(views: &ClipViews, erased: &ClipViews) -> Vec<(f64, usize)> {
    let length = views.clips[0].len() / views.instances.len();
    let clips = views.clips[0].chunks(length).zip(erased.clips[0].chunks(length));
    clips.map(|(clip, erased)| found(clip, erased, views.frames)).collect()
}

#[test]
fn the_first_clip_is_blended_with_one_of_its_frames_and_the_second_is_not() {
    let views = noise(&settings("video-moco", &[]), 24, 0, 0);
    for erase_by in [ErasedBy::Instance, ErasedBy::Batch] {
        let step = first_step(alone());
        let erased = distracted(&views, erase_by, &step);
        assert_eq!(erased.clips[1], views.clips[1]);
        assert_eq!(erased, distracted(&views, erase_by, &step), "the step decides");
        let drawn = all_found(&views, &erased);
        let shares: Vec<f64> = drawn.iter().map(|(share, _)| *share).collect();
        assert!(shares.iter().all(|share| (-1e-4..=0.3 + 1e-4).contains(share)), "{shares:?}");
        let spread = shares.iter().fold(0.0, |most: f64, share| most.max((share - shares[0]).abs()));
        assert_eq!(spread > 0.1, erase_by == ErasedBy::Instance, "{shares:?}");
        let frames: std::collections::BTreeSet<usize> = drawn.iter().map(|(_, frame)| *frame).collect();
        assert!(frames.len() > 4, "{frames:?}");
        // Another step draws anew.
        let other = Step { random: step.random.at(1), ..step };
        assert_ne!(all_found(&views, &distracted(&views, erase_by, &other)), drawn);
    }
}

#[test]
fn what_is_drawn_belongs_to_the_video_not_to_its_place() {
    let views = noise(&settings("video-moco", &[]), 8, 0, 0);
    let length = views.clips[0].len() / 8;
    let mut turned = views.clone();
    turned.instances.reverse();
    for (clips, whole) in turned.clips.iter_mut().zip(&views.clips) {
        *clips = whole.chunks(length).rev().flatten().copied().collect();
    }
    let step = first_step(alone());
    let [there, back] =
        [&views, &turned].map(|views| distracted(views, ErasedBy::Instance, &step).clips[0].clone());
    let back: Vec<f32> = back.chunks(length).rev().flatten().copied().collect();
    assert_eq!(there, back);
}

#[test]
fn be_is_moco_on_distracting_clips_and_keeps_what_moco_keeps() {
    let mut be = build("be", 0.0625, &[]).unwrap();
    let mut moco = plain();
    assert_eq!(state(&mut *be), state(&mut *moco));
    let (views, step) = (noise(&settings("be", &[]), 6, 0, 0), first_step(alone()));
    let erased = distracted(&views, ErasedBy::Instance, &step);
    let loss = |method: &mut dyn VideoMethod, views| number(&method.objective(views, &step).unwrap().loss);
    let (found, expected) = (loss(&mut *be, &views), loss(&mut *moco, &erased));
    assert_eq!(found, expected);
    assert_ne!(found, loss(&mut *plain(), &views));
}

/// The backbone's features of the first clips in training, one number after the other.
fn features(views: &ClipViews, step: &Step) -> Vec<f64> {
    let method = plain();
    let clips = views.tensor(0, &burn::tensor::Device::default().autodiff());
    let features = method.backbone().forward(clips, &step.mode());
    let features: Vec<f32> = features.into_data().try_to_vec().unwrap();
    features.into_iter().map(f64::from).collect()
}

#[test]
fn features_are_pulled_together_by_their_mean_squared_difference() {
    let mut pulled = build("be", 0.0625, &["method.erase_consistency=0.5"]).unwrap();
    let (views, step) = (noise(&settings("be", &[]), 6, 0, 0), first_step(alone()));
    let erased = distracted(&views, ErasedBy::Instance, &step);
    let (disturbed, original) = (features(&erased, &step), features(&views, &step));
    let squares = disturbed.iter().zip(&original).map(|(a, b)| (a - b).powi(2));
    let expected = squares.sum::<f64>() / original.len() as f64;
    assert!(expected > 1e-6, "{expected}");

    let objective = pulled.objective(&views, &step).unwrap();
    let (name, term) = objective.terms.last().unwrap();
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-5 * expected.abs();
    assert!(*name == "consistency" && near(number(term), expected), "{} is not {expected}", number(term));
    let moco = number(&plain().objective(&erased, &step).unwrap().loss);
    let loss = number(&objective.loss);
    assert!(near(loss, moco + 0.5 * expected), "{loss} is not {moco} and half of {expected}");
}

#[test]
fn weights_that_say_nothing_are_refused() {
    for (method, set, words) in [
        ("be", "method.erase_consistency=-1.0", "is -1, which is not 0 or more"),
        ("be", "method.erase_consistency=nan", "NaN"),
        ("cstp", "method.erase_consistency=0.5", "no background is erased"),
    ] {
        let error = build(method, 0.0625, &[set]).err().unwrap();
        assert!(error.exit_code() == 2 && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn the_papers_settings_are_the_papers() {
    let config: ErasingConfig = paper_settings(&ENTRY, "method");
    assert_eq!((config.erase_background, config.erase_by), (0.3, ErasedBy::Batch));
    assert!(paper_settings::<video_moco::TimeConfig>(&ENTRY, "method").time_negative);
    assert!(!paper_settings::<video_moco::TimeConfig>(&video_moco::ENTRY, "method").time_negative);
}

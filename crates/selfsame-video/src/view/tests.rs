use std::collections::BTreeSet;

use proptest::prelude::*;
use selfsame_core::Random;
use selfsame_image::picture::Picture;
use selfsame_image::view::recipe::{MOCO_V2, SIMSIAM_CIFAR};
use selfsame_image::view::{Pipeline, Recipe, Scratch};

use super::overlap::{OVERLAP_RATES, STRIDES};
use super::*;

const TIME: ClipTime = ClipTime { frames: 4, stride: 3 };
const VIDEO: VideoShape = VideoShape { frames: 90, height: 30, width: 40 };

fn pipeline(recipe: Recipe, arrangement: Arrangement) -> VideoPipeline {
    VideoPipeline::new(recipe, TIME, 16, arrangement).unwrap()
}

fn noise(seed: u64, frames: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..frames * VIDEO.height * VIDEO.width * 3).map(|_| random.below(256) as u8).collect()
}

fn frames(pixels: &[u8]) -> Frames<'_> {
    Frames::new(pixels, VIDEO.height, VIDEO.width).unwrap()
}

/// The views of one video all of whose frames are `pixels`.
fn render(pipeline: &VideoPipeline, random: &Random, plan: &InstancePlan, pixels: &[u8]) -> ClipViews {
    let repeated: Vec<Vec<u8>> = plan.clips.iter().map(|_| pixels.repeat(TIME.frames)).collect();
    let decoded = Decoded { clips: repeated.iter().map(|clip| frames(clip)).collect(), ..Decoded::default() };
    let mut views = pipeline.batch(vec![7]);
    let out = views.rows_mut().remove(0);
    pipeline.render(random, plan, &decoded, &mut VideoScratch::default(), out).unwrap();
    views
}

fn random(at: u64) -> Random {
    Random::new(5).named("views").at(at)
}

#[test]
fn all_frames_of_a_clip_are_the_view_that_a_picture_would_have() {
    let pixels = noise(1, 1);
    let picture = Picture::new(VIDEO.width, VIDEO.height, pixels.clone()).unwrap();
    let of_pictures = Pipeline::new(MOCO_V2, 16, 2).unwrap();
    let of_videos = pipeline(MOCO_V2, Arrangement::Independent(2));
    let mut seen = BTreeSet::new();
    for at in 0..30 {
        let random = random(at);
        let plan = of_videos.plan(&random, VIDEO, &[]);
        let views = render(&of_videos, &random, &plan, &pixels);
        for (view, clip) in views.clips.iter().enumerate() {
            let geometry = of_pictures.sample_geometry(&random, view, VIDEO.width, VIDEO.height);
            let mut expected = vec![0.0; of_pictures.view_len()];
            of_pictures.render(&random, view, &picture, &geometry, &mut Scratch::default(), &mut expected);
            for (channel, plane) in expected.chunks(256).enumerate() {
                for time in 0..TIME.frames {
                    assert_eq!(&clip[(channel * TIME.frames + time) * 256..][..256], plane);
                }
            }
            seen.insert(plan.clips[view].start);
        }
    }
    assert!(seen.len() > 30, "clips start anywhere");
}

#[test]
fn views_depend_on_their_address_alone() {
    let pipeline = pipeline(MOCO_V2, Arrangement::Independent(2));
    let clips: Vec<Vec<u8>> = (0..2).map(|clip| noise(clip, TIME.frames)).collect();
    let decoded = Decoded { clips: clips.iter().map(|clip| frames(clip)).collect(), ..Decoded::default() };
    let all = |scratch: &mut VideoScratch, order: &[u64]| {
        let mut views = pipeline.batch(order.iter().map(|at| *at as usize).collect());
        for (out, &at) in views.rows_mut().into_iter().zip(order) {
            let plan = pipeline.plan(&random(at), VIDEO, &[]);
            pipeline.render(&random(at), &plan, &decoded, scratch, out).unwrap();
        }
        views.clips
    };
    let mut scratch = VideoScratch::default();
    let (forwards, backwards) = (all(&mut scratch, &[0, 1, 2]), all(&mut scratch, &[2, 1, 0]));
    for (forwards, backwards) in forwards.iter().zip(&backwards) {
        let length = forwards.len() / 3;
        let reversed: Vec<f32> = backwards.chunks(length).rev().flatten().copied().collect();
        assert_eq!(*forwards, reversed);
        assert_ne!(forwards[..length], forwards[length..2 * length]);
    }
    assert_ne!(forwards[0], forwards[1]);
}

#[test]
fn two_clips_are_of_one_time_and_the_third_of_another() {
    let pipeline = pipeline(MOCO_V2, Arrangement::SameAndOtherTime);
    let starts: BTreeSet<[usize; 2]> = (0..30)
        .map(|at| {
            let plan = pipeline.plan(&random(at), VIDEO, &[]);
            let [first, second, other] = plan.clips.try_into().unwrap();
            assert_eq!(first.start, second.start);
            assert_ne!(first.geometry, second.geometry, "each clip is cut out by itself");
            assert!(other.start.abs_diff(first.start) >= 2 * TIME.stride);
            [first.start, other.start]
        })
        .collect();
    assert!(starts.len() > 20, "clips start anywhere");
}

const PAIR: PairTasks = PairTasks { overlap: true, rate: true, rotation: true };

proptest! {
    #[test]
    fn the_labels_of_a_pair_are_what_was_done(
        seed: u64, frames in 1usize..200, height in 8usize..60, width in 8usize..60,
        overlap: bool, rate: bool, rotation: bool,
    ) {
        let video = VideoShape { frames, height, width };
        let pipeline = pipeline(MOCO_V2, Arrangement::Pair(PairTasks { overlap, rate, rotation }));
        let plan = pipeline.plan(&Random::new(seed), video, &[]);
        let (labels, [first, second]) = (plan.labels.unwrap(), [&plan.clips[0], &plan.clips[1]]);

        let stride = if rate { STRIDES[labels.rate] } else { TIME.stride };
        let span = 3 * stride;
        for clip in [first, second] {
            prop_assert_eq!(clip.stride, stride);
            prop_assert!(clip.start + span < frames || (frames <= span && clip.start == 0));
        }
        if rate && frames > 3 {
            prop_assert!(span < frames, "a rate at which the clip fits");
        }
        prop_assert_eq!(labels.rotations, [first.quarter_turns, second.quarter_turns]);
        if !rotation {
            prop_assert_eq!(labels.rotations, [0, 0]);
        }
        if overlap && frames > span {
            let shared = 1.0 - first.start.abs_diff(second.start) as f64 / span as f64;
            let expected = OVERLAP_RATES[labels.time];
            prop_assert!(shared >= expected - 1e-9 && shared <= expected + 1.0 / span as f64 + 1e-9);
            let (one, other) = (first.geometry.crop, second.geometry.crop);
            prop_assert_eq!([one.width, one.height], [other.width, other.height]);
        }
        if !overlap {
            prop_assert_eq!([labels.space, labels.time], [0, 0]);
        }
    }

    #[test]
    fn a_clip_is_followed_by_its_motion_and_has_a_key_frame(
        seed: u64, frames in 1usize..200, every in 1usize..30, negatives in 0usize..4,
    ) {
        let video = VideoShape { frames, ..VIDEO };
        let motion = MotionPlan { frames: 5, interval: 2, negatives };
        let pipeline = pipeline(MOCO_V2, Arrangement::Surroundings { motion: Some(motion), key_frame: true });
        let key_frames: Vec<usize> = (0..frames).step_by(every).collect();
        let plan = pipeline.plan(&Random::new(seed), video, &key_frames);
        prop_assert_eq!((plan.clips.len(), plan.motion.len()), (1, 1 + negatives));
        let start = plan.clips[0].start;
        let last = start + TIME.span();
        prop_assert_eq!(plan.motion[0], (last + 2) % frames);
        if frames >= TIME.span() + 2 + 5 {
            prop_assert!(last + 2 + 5 <= frames, "nothing is looped where it need not be");
        }
        prop_assert!(plan.motion.iter().all(|start| *start < frames));
        let (key_frame, _) = plan.key_frame.unwrap();
        prop_assert!(key_frames.contains(&key_frame));
        if frames > last {
            prop_assert!(key_frame + 5 + every >= start && key_frame <= last + 5 + every);
        }
    }
}

#[test]
fn everything_that_a_pair_can_be_occurs() {
    let pipeline = pipeline(MOCO_V2, Arrangement::Pair(PAIR));
    let plans: Vec<InstancePlan> = (0..600).map(|at| pipeline.plan(&random(at), VIDEO, &[])).collect();
    let distinct = |of: &dyn Fn(&InstancePlan) -> usize| plans.iter().map(of).collect::<BTreeSet<_>>().len();
    assert_eq!(distinct(&|plan| plan.labels.unwrap().space), 5);
    assert_eq!(distinct(&|plan| plan.labels.unwrap().time), 5);
    assert_eq!(distinct(&|plan| plan.labels.unwrap().rate), 4);
    let turns = |plan: &InstancePlan| plan.labels.unwrap().rotations;
    assert_eq!(distinct(&|plan| 4 * turns(plan)[0] + turns(plan)[1]), 16, "each clip has its own rotation");
    let flips = |plan: &InstancePlan| [0, 1].map(|view| usize::from(plan.clips[view].geometry.flipped));
    assert_eq!(distinct(&|plan| 2 * flips(plan)[0] + flips(plan)[1]), 4, "each clip has its own flip");
}

#[test]
fn a_turned_clip_is_the_clip_turned() {
    let pipeline = pipeline(SIMSIAM_CIFAR, Arrangement::Pair(PAIR));
    let pixels = noise(3, 1);
    let mut turns = BTreeSet::new();
    for at in 0..12 {
        let random = random(at);
        let mut plan = pipeline.plan(&random, VIDEO, &[]);
        let views = render(&pipeline, &random, &plan, &pixels);
        let quarter_turns = [0, 1].map(|view| std::mem::take(&mut plan.clips[view].quarter_turns));
        let upright = render(&pipeline, &random, &plan, &pixels);
        for (view, quarter_turns) in quarter_turns.into_iter().enumerate() {
            turns.insert(quarter_turns);
            for (found, upright) in views.clips[view].chunks(256).zip(upright.clips[view].chunks(256)) {
                let mut expected = upright.to_vec();
                for _ in 0..quarter_turns {
                    // Row y of a quarter turn is column 15 − y.
                    let column = |y: usize| (0..16).map(move |x| 16 * x + 15 - y);
                    expected = (0..16).flat_map(column).map(|place| expected[place]).collect();
                }
                assert_eq!(found, expected);
            }
        }
    }
    assert_eq!(turns.len(), 4);
}

#[test]
fn motion_is_cut_and_mirrored_as_the_clip_is() {
    // Red is how far to the right a pixel lies, and so is its motion.
    let bare = MOCO_V2.without(&["jitter", "grayscale", "blur"]).unwrap();
    let motion = MotionPlan { frames: 3, interval: 2, negatives: 1 };
    let pipeline = pipeline(bare, Arrangement::Surroundings { motion: Some(motion), key_frame: true });
    let row: Vec<u8> = (0..40u8).flat_map(|x| [6 * x, 0, 0]).collect();
    let clip = row.repeat(30 * TIME.frames);
    let dx: Vec<f32> = (0..30 * 40).map(|at| (at % 40) as f32 / 5.0).collect();
    let maps = [dx.clone(), vec![2.0; 30 * 40]].concat().repeat(3);
    let mut flips = 0;
    for at in 0..20 {
        let plan = pipeline.plan(&random(at), VIDEO, &[0, 12, 24, 36, 48, 60, 72, 84]);
        let maps = MotionFrames::new(&maps, 30, 40).unwrap();
        let key_frame = noise(2, 1);
        let decoded = Decoded {
            clips: vec![frames(&clip)],
            motion: vec![maps; 2],
            key_frame: Some(frames(&key_frame)),
        };
        let mut views = pipeline.batch(vec![0]);
        let out = views.rows_mut().remove(0);
        pipeline.render(&random(at), &plan, &decoded, &mut VideoScratch::default(), out).unwrap();
        let flipped = plan.clips[0].geometry.flipped;
        flips += usize::from(flipped);
        let red = |place: usize| (views.clips[0][place] * 0.229 + 0.485) * 255.0 / 6.0;
        for window in views.motion.chunks(2 * 3 * 256) {
            for place in 0..3 * 256 {
                let expected = red(place % 256) / 50.0 * if flipped { -1.0 } else { 1.0 };
                assert!((window[place] - expected).abs() < 1e-4, "{} is not {expected}", window[place]);
                assert!((window[3 * 256 + place] - 0.2).abs() < 1e-6);
            }
        }
        assert!(views.key_frames.iter().any(|value| *value != 0.0));
    }
    assert!((3..18).contains(&flips), "{flips}");
}

#[test]
fn what_was_not_planned_is_refused() {
    let pipeline = pipeline(MOCO_V2, Arrangement::Independent(1));
    let plan = pipeline.plan(&random(0), VIDEO, &[]);
    let three = noise(1, 3);
    let wrong = [Decoded::default(), Decoded { clips: vec![frames(&three)], ..Decoded::default() }];
    for decoded in wrong {
        let mut views = pipeline.batch(vec![0]);
        let out = views.rows_mut().remove(0);
        let error =
            pipeline.render(&random(0), &plan, &decoded, &mut VideoScratch::default(), out).unwrap_err();
        assert!(error.to_string().contains("decoded instead of"), "{error}");
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let uncut = MOCO_V2.without(&["crop"]).unwrap();
    let motion = MotionPlan { frames: 0, interval: 2, negatives: 3 };
    let motion = Arrangement::Surroundings { motion: Some(motion), key_frame: false };
    for (recipe, time, side, arrangement, message) in [
        (MOCO_V2, ClipTime { frames: 0, stride: 1 }, 16, Arrangement::Independent(2), "view.frames is 0"),
        (MOCO_V2, ClipTime { frames: 8, stride: 0 }, 16, Arrangement::Independent(2), "view.stride is 0"),
        (MOCO_V2, TIME, 0, Arrangement::Independent(2), "image size is 0"),
        (MOCO_V2, TIME, 16, Arrangement::Independent(0), "number of clips is 0"),
        (MOCO_V2, TIME, 16, motion, "method.motion_frames is 0"),
        (uncut, TIME, 16, Arrangement::Pair(PAIR), "cuts nothing out"),
    ] {
        let error = VideoPipeline::new(recipe, time, side, arrangement).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn a_batch_has_room_for_every_video() {
    let motion = MotionPlan { frames: 5, interval: 2, negatives: 3 };
    let surroundings = Arrangement::Surroundings { motion: Some(motion), key_frame: true };
    let mut views = pipeline(MOCO_V2, surroundings).batch(vec![4, 9, 2]);
    let lengths: Vec<_> = views
        .rows_mut()
        .iter()
        .map(|row| (row.clips.len(), row.clips[0].len(), row.motion.len(), row.key_frame.len()))
        .collect();
    assert_eq!(lengths, [(1, 3 * 4 * 256, 4 * 2 * 5 * 256, 3 * 256); 3]);
    let device = Default::default();
    assert_eq!(views.tensor(0, &device).dims(), [3, 3, 4, 16, 16]);
    assert_eq!(views.motion_tensor(&device).dims(), [12, 2, 5, 16, 16]);
    assert_eq!(views.key_frame_tensor(&device).dims(), [3, 3, 16, 16]);
}

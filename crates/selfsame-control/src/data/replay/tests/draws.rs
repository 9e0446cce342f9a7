//! What is drawn, how often, and what it weighs.

use proptest::prelude::*;
use selfsame_core::Random;

use super::history::{Expected, any_event, any_settings};
use super::*;

fn frames(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// What a batch says of each of its transitions.
fn told(settings: &ReplaySettings, batch: &Batch) -> Vec<Expected> {
    let each = batch.indices.len();
    let (observations, next) = (frames(&batch.observations), frames(&batch.next_observations));
    (0..each)
        .map(|number| {
            let stack = number * settings.stack..(number + 1) * settings.stack;
            let discount = batch.discounts[number];
            Expected {
                observation: observations[stack.clone()].to_vec(),
                action: batch.actions[number].clone(),
                sum: batch.returns[number],
                discount,
                next: (discount > 0.0).then(|| next[stack].to_vec()),
                segment: batch.segments[number],
            }
        })
        .collect()
}

#[test]
fn a_hand_made_trajectory_is_drawn_as_it_was() {
    let events = [step(1.0), step(2.0), step(4.0), end(8.0), step(16.0), cut(32.0)];
    let (replay, _) = replay_of(&settings(16), &events);
    assert_eq!(replay.len(), 6);
    let batch = replay.sample(6, 0.5, &Random::new(1)).unwrap();
    // Equal weights and one draw from each sixth: everything once, in the order of the ring.
    assert_eq!(batch.indices, [0, 1, 2, 3, 4, 5]);
    assert_eq!(batch.returns, [2.0, 4.0, 8.0, 8.0, 32.0, 32.0]);
    assert_eq!(batch.discounts, [0.25, 0.25, 0.0, 0.0, 0.25, 0.5]);
    assert_eq!(batch.weights, [1.0; 6]);
    assert_eq!(batch.actions, [1, 2, 3, 4, 0, 1].map(Action::Discrete));
    let observations = [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 4], [5, 5, 5], [5, 5, 6]];
    assert_eq!(frames(&batch.observations), observations.concat());
    let next = frames(&batch.next_observations);
    assert_eq!(next[..6], [1, 2, 3, 2, 3, 4]);
    // The truncated episode's last frame, which nobody acted on, completes both of its returns.
    assert_eq!(next[12..], [5, 6, 10_006, 5, 6, 10_006]);
}

#[test]
fn a_transition_waits_until_its_return_is_known() {
    let lengths = |events: &[Event]| replay_of(&settings(16), events).0.len();
    assert_eq!(lengths(&[step(0.0), step(0.0)]), 0);
    assert_eq!(lengths(&[step(0.0), step(0.0), step(0.0)]), 1);
    assert_eq!(lengths(&[step(0.0), end(0.0)]), 2);
    assert_eq!(lengths(&[step(0.0), Event { life_lost: true, ..step(0.0) }, step(0.0)]), 2);
    assert_eq!(lengths(&[step(0.0), step(0.0), step(0.0), Event { interrupted: true, ..step(0.0) }]), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_draws_are_what_the_history_says(
        (settings, events) in any_settings().prop_flat_map(|settings| {
            let events = prop::collection::vec(any_event(settings.environments), 0..90);
            (Just(settings), events)
        })
    ) {
        let (replay, history) = replay_of(&settings, &events);
        let drawable = history.drawable();
        let found: Vec<usize> = (0..settings.capacity).filter(|&slot| replay.weights.get(slot) > 0.0).collect();
        prop_assert_eq!(&found, &drawable.keys().copied().collect::<Vec<_>>());
        prop_assert_eq!(replay.len(), found.len());
        if !found.is_empty() {
            let batch = replay.sample(found.len(), 0.4, &Random::new(3)).unwrap();
            let expected: Vec<_> = batch.indices.iter().map(|index| drawable[index].clone()).collect();
            prop_assert_eq!(told(&settings, &batch), expected);
        }
    }

    #[test]
    fn the_tree_finds_what_a_scan_finds(
        changes in prop::collection::vec((0..13usize, prop_oneof![Just(0.0), 0.01f64..5.0]), 1..60),
        place in 0.0..1.0f64,
    ) {
        let (mut tree, mut leaves) = (SumTree::new(13), [0.0f64; 13]);
        for (leaf, weight) in changes {
            tree.set(leaf, weight);
            leaves[leaf] = weight;
        }
        let total: f64 = leaves.iter().sum();
        prop_assert!((tree.total() - total).abs() < 1e-9);
        prop_assert_eq!(tree.positive(), leaves.iter().filter(|weight| **weight > 0.0).count());
        if total > 0.0 {
            let found = tree.find(place * tree.total());
            prop_assert!(leaves[found] > 0.0);
            let before: f64 = leaves[..found].iter().sum();
            let rounding = 1e-9;
            prop_assert!(before <= place * total + rounding && place * total <= before + leaves[found] + rounding);
            prop_assert!(leaves[tree.find(total * 2.0)] > 0.0);
        }
    }
}

#[test]
fn draws_are_in_proportion_to_powers_of_priorities() {
    let settings = ReplaySettings { priority_exponent: 0.5, ..settings(32) };
    let (mut replay, _) = replay_of(&settings, &[step(0.0), step(0.0), step(0.0), end(1.0)]);
    replay.set_priorities(&[0, 1, 2, 3], &[1.0, 4.0, 9.0, 16.0]).unwrap();
    let draws = 20_000u32;
    let mut counts = [0u32; 4];
    for number in 0..draws / 4 {
        for index in replay.sample(4, 0.0, &Random::new(u64::from(number))).unwrap().indices {
            counts[index] += 1;
        }
    }
    for (index, count) in counts.iter().enumerate() {
        let (share, expected) = (f64::from(*count) / f64::from(draws), (index + 1) as f64 / 10.0);
        assert!((share - expected).abs() < 0.01, "{index} was {share} of the draws");
    }

    let batch = replay.sample(4, 0.7, &Random::new(5)).unwrap();
    let raw = |index: usize| (4.0 * (index + 1) as f64 / 10.0).powf(-0.7);
    let largest = batch.indices.iter().map(|&index| raw(index)).fold(0.0, f64::max);
    for (weight, &index) in batch.weights.iter().zip(&batch.indices) {
        assert!((f64::from(*weight) - raw(index) / largest).abs() < 1e-6);
    }
}

#[test]
fn new_transitions_have_the_largest_priority_and_none_is_forgotten() {
    let settings = ReplaySettings { priority_exponent: 1.0, ..settings(32) };
    let (mut replay, mut history) = replay_of(&settings, &[step(0.0), end(0.0)]);
    replay.set_priorities(&[0, 1], &[7.0, 0.0]).unwrap();
    history.push(&mut replay, &end(0.0));
    assert_eq!(replay.weights.get(2), 7.0);
    assert_eq!(replay.len(), 3);
}

#[test]
fn a_priority_that_is_no_number_is_a_divergence() {
    let (mut replay, _) = replay_of(&settings(16), &[end(0.0)]);
    for priority in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(replay.set_priorities(&[0], &[priority]).unwrap_err().exit_code(), 5);
    }
}

#[test]
fn what_cannot_be_drawn_or_stored_is_refused() {
    let (replay, _) = replay_of(&settings(16), &[step(0.0), end(0.0)]);
    for batch in [0, 3] {
        let error = replay.sample(batch, 1.0, &Random::new(0)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("the replay has 2 to draw from"), "{error}");
    }
    assert_eq!(Replay::new(settings(5)).unwrap_err().exit_code(), 2);
    let outcome =
        Outcome { frame: vec![0; 2], reward: 0.0, terminated: false, truncated: false, life_lost: false };
    let mut replay = Replay::new(settings(16)).unwrap();
    let action = Action::Discrete(0);
    assert!(replay.push(0, Transition { frame: &[0; 3], action: &action, outcome: &outcome }).is_err());
    let action = Action::Continuous(vec![0.0]);
    assert!(replay.push(0, Transition { frame: &[0; 2], action: &action, outcome: &outcome }).is_err());
}

#[test]
fn a_replay_above_the_memory_is_refused_with_the_numbers() {
    let huge = ReplaySettings {
        capacity: 1 << 36,
        pixels: Pixels { channels: 1, height: 84, width: 84 },
        ..settings(0)
    };
    let error = Replay::new(huge).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    let text = error.to_string();
    assert!(text.contains("MB of memory") && text.contains("would fit"), "{text}");
}

#[test]
fn frames_on_a_disk_take_no_memory_but_need_their_room() {
    let folder = tempfile::tempdir().unwrap();
    let frames = |capacity, side| ReplaySettings {
        capacity,
        pixels: Pixels { channels: 1, height: side, width: side },
        folder: Some(folder.path().to_owned()),
        ..settings(0)
    };
    let [small, large] = [84, 840].map(|side| frames(1000, side).bytes());
    assert_eq!(small, large);
    let mut replay = Replay::new(frames(64, 100)).unwrap();
    let outcome =
        Outcome { frame: vec![9; 10_000], reward: 1.0, terminated: true, truncated: false, life_lost: false };
    let action = Action::Discrete(1);
    replay.push(0, Transition { frame: &[5; 10_000], action: &action, outcome: &outcome }).unwrap();
    assert_eq!(replay.sample(1, 1.0, &Random::new(0)).unwrap().observations[2 * 10_000..], [5; 10_000]);
    // As large as all disks together.
    let error = Replay::new(frames(1 << 20, 1 << 20)).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("MB of the replay's frames"), "{error}");
    let missing = ReplaySettings { folder: Some(folder.path().join("nowhere")), ..frames(64, 100) };
    assert!(Replay::new(missing).unwrap_err().to_string().contains("nowhere"));
}

#[test]
fn a_hundred_thousand_atari_transitions_stay_below_their_bound() {
    let atari = ReplaySettings {
        capacity: 100_000,
        pixels: Pixels { channels: 1, height: 84, width: 84 },
        stack: 4,
        steps: 20,
        ..settings(0)
    };
    assert!(atari.bytes() < 800_000_000, "{} bytes", atari.bytes());
}

#[test]
fn continuous_actions_come_back() {
    let settings = ReplaySettings { actions: Actions::Continuous(2), ..settings(16) };
    let mut replay = Replay::new(settings).unwrap();
    let action = Action::Continuous(vec![0.25, -1.0]);
    let outcome =
        Outcome { frame: vec![0; 2], reward: 0.0, terminated: true, truncated: false, life_lost: false };
    replay.push(0, Transition { frame: &[0; 2], action: &action, outcome: &outcome }).unwrap();
    assert_eq!(replay.observations(&[0]).1, [action]);
}

//! Where segments begin and end.

use proptest::prelude::*;
use safetensors::SafeTensors;

use super::history::{any_event, any_settings};
use super::*;

fn golden(name: &str) -> Vec<f32> {
    let bytes = include_bytes!("../../../../tests/golden/rcrl_segments.safetensors");
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    let words = tensor.data().chunks_exact(4).map(|word| <[u8; 4]>::try_from(word).unwrap());
    match tensor.dtype() {
        safetensors::Dtype::F32 => words.map(f32::from_le_bytes).collect(),
        _ => words.map(|word| i32::from_le_bytes(word) as f32).collect(),
    }
}

#[test]
fn segments_are_the_golden_ones() {
    for (kind, segmentation) in [("sparse", Segmentation::Reward), ("dense", Segmentation::Gathered(2.5))] {
        let rewards = golden(&format!("{kind}_reward"));
        let events: Vec<Event> = (rewards.iter().zip(golden("done")))
            .map(|(&reward, done)| Event { terminated: done != 0.0, ..step(reward) })
            .collect();
        let (replay, _) = replay_of(&ReplaySettings { segmentation, ..settings(200) }, &events);
        let found = replay.segments_of(&(0..rewards.len()).collect::<Vec<_>>());
        assert_eq!(found, golden(&format!("{kind}_segment")).iter().map(|&s| s as u64).collect::<Vec<_>>());
    }
}

#[test]
fn costs_gather_as_rewards_do() {
    let dense = ReplaySettings { segmentation: Segmentation::Gathered(1.0), ..settings(16) };
    let (replay, _) = replay_of(&dense, &[step(-0.6), step(-0.6), step(-0.6), step(-0.2)]);
    assert_eq!(replay.segments_of(&[0, 1, 2, 3]), [0, 0, 1, 1]);
}

#[test]
fn the_mean_of_episodes_counts_whole_ones_only() {
    let events = [step(1.0), end(2.0), step(5.0), cut(4.0), step(100.0)];
    assert_eq!(replay_of(&settings(16), &events).0.mean_episode_reward(), Some(6.0));
    assert_eq!(replay_of(&settings(16), &[step(1.0)]).0.mean_episode_reward(), None);
    // The beginning of the first episode is overwritten.
    assert_eq!(
        replay_of(&settings(6), &[&events[..], &[step(0.0)]].concat()).0.mean_episode_reward(),
        Some(9.0)
    );
}

proptest! {
    #[test]
    fn a_rule_that_comes_later_cuts_as_if_it_had_always_held(
        (settings, events) in any_settings().prop_flat_map(|settings| {
            let events = prop::collection::vec(any_event(settings.environments), 0..60);
            (Just(settings), events)
        }),
        later in 0..60usize,
    ) {
        // Large enough that nothing is overwritten, so that the first segment is stored from its beginning.
        let settings = ReplaySettings { capacity: 200 * settings.environments, ..settings };
        let other = ReplaySettings { segmentation: Segmentation::Gathered(4.0), ..settings.clone() };
        let (mut replay, _) = replay_of(&settings, &[]);
        let mut history = History::new(&other);
        for (number, event) in events.iter().enumerate() {
            if number == later {
                replay.set_segmentation(other.segmentation);
            }
            history.push(&mut replay, event);
        }
        replay.set_segmentation(other.segmentation);
        let (slots, expected): (Vec<usize>, Vec<u64>) = history.seen().into_iter().unzip();
        let found = replay.segments_of(&slots);
        for first in 0..slots.len() {
            for second in 0..first {
                prop_assert_eq!(found[first] == found[second], expected[first] == expected[second]);
            }
        }
    }
}

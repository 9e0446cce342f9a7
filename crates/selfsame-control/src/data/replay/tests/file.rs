//! A replay that was saved goes on as if it had not been.

use std::fs;

use proptest::prelude::*;
use selfsame_core::Random;

use super::history::{any_event, any_settings};
use super::*;

/// Everything that the next steps depend on.
fn draws(replay: &Replay) -> (usize, Option<(Batch, Pairs)>) {
    let batch = replay.sample(replay.len(), 0.6, &Random::new(9)).ok();
    let drawn = batch.map(|batch| {
        let pairs = replay.pairs(&batch.indices, &Random::new(10));
        (batch, pairs)
    });
    (replay.len(), drawn)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_loaded_goes_on_to_the_last_bit(
        (settings, before, after) in any_settings().prop_flat_map(|settings| {
            let events = || prop::collection::vec(any_event(settings.environments), 0..60);
            (Just(ReplaySettings { priority_exponent: 0.5, ..settings.clone() }), events(), events())
        })
    ) {
        let (mut replay, mut history) = replay_of(&settings, &before);
        if let Some((batch, _)) = draws(&replay).1 {
            let priorities: Vec<f32> = batch.returns.iter().map(|value| value.abs() + 0.1).collect();
            replay.set_priorities(&batch.indices, &priorities).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replay.zst");
        replay.save(&path).unwrap();
        // Frames may lie elsewhere.
        let on_disk = ReplaySettings { folder: Some(folder.path().to_owned()), ..settings.clone() };
        let mut loaded = Replay::new(on_disk).unwrap();
        loaded.restore(&path).unwrap();
        prop_assert_eq!(draws(&loaded), draws(&replay));

        let mut again = History::new(&settings);
        let mut scratch = Replay::new(settings.clone()).unwrap();
        before.iter().for_each(|event| again.push(&mut scratch, event));
        for event in &after {
            history.push(&mut replay, event);
            again.push(&mut loaded, event);
        }
        prop_assert_eq!(draws(&loaded), draws(&replay));
        prop_assert_eq!(loaded.weights.total().to_bits(), replay.weights.total().to_bits());
        prop_assert_eq!(&loaded.lanes, &replay.lanes);
        prop_assert_eq!(&loaded.segments, &replay.segments);
    }
}

#[test]
fn a_rule_of_segments_comes_back_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.zst");
    // As chosen from the data: JSON's readers come near these only.
    for threshold in [106.29601039737463, 1.0 / 3.0, 29.700000000000003, 1e-300] {
        let settings = ReplaySettings { segmentation: Segmentation::Gathered(threshold), ..settings(16) };
        replay_of(&settings, &[step(1.0)]).0.save(&path).unwrap();
        let mut loaded = Replay::new(super::settings(16)).unwrap();
        loaded.restore(&path).unwrap();
        assert_eq!(loaded.settings().segmentation, settings.segmentation);
    }
}

#[test]
fn broken_files_are_told_from_replays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.zst");
    let (replay, _) = replay_of(&settings(64), &vec![step(1.0); 50]);
    replay.save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let refused = |bytes: &[u8], says: &str| {
        fs::write(&path, bytes).unwrap();
        let error = Replay::new(settings(64)).unwrap().restore(&path).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains("replay.zst") && error.to_string().contains(says), "{error}");
    };
    refused(&whole[..whole.len() - 1], "truncated");
    refused(&whole[..whole.len() / 2], "truncated");
    refused(b"", "truncated");
    refused(b"not a replay at all", "not a replay");
    refused(&zstd::encode_all(&b"something else of some length"[..], 1).unwrap(), "not a replay");
    for at in [whole.len() - 2, whole.len() / 2, whole.len() / 3] {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        refused(&damaged, "");
    }
}

#[test]
fn a_replay_of_another_environment_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replay.zst");
    let (replay, _) = replay_of(&settings(64), &[step(1.0); 5]);
    replay.save(&path).unwrap();
    let other = ReplaySettings { actions: Actions::Discrete(6), ..settings(64) };
    let error = Replay::new(other.clone()).unwrap().restore(&path).unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("another environment"), "{error}");
    let error = Replay::new(other).unwrap().restore(&folder.path().join("nothing")).unwrap_err();
    assert_eq!(error.exit_code(), 3);
}

//! Partners of anchors: which ones, and how often.

use std::collections::BTreeMap;

use proptest::prelude::*;
use selfsame_core::Random;

use super::history::{any_event, any_settings};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn partners_are_of_the_same_and_of_another_segment(
        (settings, events) in any_settings().prop_flat_map(|settings| {
            let events = prop::collection::vec(any_event(settings.environments), 1..90);
            (Just(settings), events)
        }),
        seed in 0..1000u64,
    ) {
        let (replay, history) = replay_of(&settings, &events);
        let seen = history.seen();
        let anchors: Vec<usize> = history.drawable().into_keys().collect();
        let Pairs { positive, negative } = replay.pairs(&anchors, &Random::new(seed));
        for (anchor, partner) in anchors.iter().zip(&positive) {
            let alone = seen.values().filter(|segment| **segment == seen[anchor]).count() == 1;
            prop_assert_eq!(seen.get(partner), Some(&seen[anchor]));
            prop_assert_eq!(partner == anchor, alone);
        }
        let segments = seen.values().collect::<std::collections::BTreeSet<_>>().len();
        prop_assert_eq!(negative.is_some(), anchors.is_empty() || segments > 1);
        for (anchor, partner) in anchors.iter().zip(negative.iter().flatten()) {
            prop_assert!(seen.get(partner).is_some_and(|segment| segment != &seen[anchor]));
        }
    }
}

#[test]
fn all_partners_are_equally_likely() {
    // Two environments; the ring of the first has wrapped, and episodes that were cut off lie among its pairs.
    let settings = ReplaySettings { capacity: 28, environments: 2, ..settings(0) };
    let first =
        [cut(0.0), step(0.0), step(1.0), step(0.0), step(0.0), step(0.0), step(1.0), cut(0.0), cut(0.0)];
    let second = [step(0.0), step(1.0), end(1.0)].map(|event| Event { environment: 1, ..event });
    let (replay, history) = replay_of(&settings, &[&first[..], &first[..], &second[..]].concat());
    let seen = history.seen();
    let draws = 6000;
    for &anchor in history.drawable().keys() {
        let Pairs { positive, negative } = replay.pairs(&vec![anchor; draws], &Random::new(anchor as u64));
        let even = |partners: &[usize], among: Vec<usize>| {
            let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
            partners.iter().for_each(|partner| *counts.entry(*partner).or_default() += 1);
            assert_eq!(counts.keys().copied().collect::<Vec<_>>(), among, "partners of {anchor}");
            let expected = draws as f64 / among.len() as f64;
            for (partner, count) in counts {
                let off = (count as f64 - expected).abs() / expected.sqrt();
                assert!(off < 4.5, "{partner} came {count} times to {anchor}, not {expected}");
            }
        };
        let others = |same: bool| {
            let fits = |other: &usize| *other != anchor && (seen[other] == seen[&anchor]) == same;
            seen.keys().copied().filter(fits).collect::<Vec<_>>()
        };
        let mates = others(true);
        even(&positive, if mates.is_empty() { vec![anchor] } else { mates });
        even(&negative.unwrap(), others(false));
    }
}

#[test]
fn without_another_segment_there_is_no_negative() {
    let (replay, _) = replay_of(&settings(16), &[step(0.0), step(0.0), step(0.0), cut(1.0)]);
    let pairs = replay.pairs(&[0, 1], &Random::new(1));
    assert_eq!(pairs.negative, None);
    assert!(pairs.positive[0] != 0 && pairs.positive[1] != 1);
}

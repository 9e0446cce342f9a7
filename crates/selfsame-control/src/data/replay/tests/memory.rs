//! What a replay takes does not grow once it is full.

use selfsame_core::Random;

use super::super::segments::Extent;
use super::*;

/// Bytes that a replay has allocated.
fn allocated(replay: &Replay) -> usize {
    let taken = match &replay.taken {
        Taken::Discrete(taken) => taken.capacity() * size_of::<u32>(),
        Taken::Continuous(_, taken) => taken.capacity() * size_of::<f32>(),
    };
    let lanes = replay.lanes.capacity() * size_of::<Lane>();
    let slots = replay.slots.capacity() * size_of::<Slot>();
    replay.frames.len() + taken + slots + lanes + replay.weights.allocated() + replay.segments.allocated()
}

#[test]
fn fifty_thousand_steps_of_a_full_replay_take_no_more_memory() {
    let settings = ReplaySettings { environments: 2, priority_exponent: 0.5, ..settings(600) };
    let mut replay = Replay::new(settings.clone()).unwrap();
    let mut push = |number: u64| {
        let mut random = Random::new(7).at(number);
        // First as many segments as there can be, one a step; then whatever comes.
        let full = number < 3 * settings.capacity as u64;
        let outcome = Outcome {
            frame: vec![0; 2],
            reward: if full || random.chance(0.3) { 1.0 } else { 0.0 },
            terminated: !full && random.chance(0.05),
            truncated: !full && random.chance(0.05),
            life_lost: !full && random.chance(0.05),
        };
        let environment = (number % 2) as usize;
        if !full && random.chance(0.01) {
            replay.interrupt(environment);
        }
        let action = Action::Discrete(random.below(5));
        replay.push(environment, Transition { frame: &[1, 2], action: &action, outcome: &outcome }).unwrap();
        if number % 50 == 49 {
            let batch = replay.sample(16, 0.5, &random).unwrap();
            replay.pairs(&batch.indices, &random);
            replay.set_priorities(&batch.indices, &[random.unit(); 16]).unwrap();
        }
        if number % 5000 == 4999 {
            let rule = match number % 10_000 {
                4999 => Segmentation::Gathered(2.0),
                _ => Segmentation::Reward,
            };
            replay.set_segmentation(rule);
        }
        allocated(&replay)
    };
    let full = (0..2000).map(&mut push).max();
    for number in 2000..52_000 {
        assert_eq!(Some(push(number)), full, "after step {number}");
    }
    // What was said before the training: the list of segments grows by doubling, which may take as much again as it needs.
    let said = settings.bytes() + (settings.capacity * size_of::<Extent>()) as u64;
    assert!(full.unwrap() as u64 <= said + 1024, "{full:?} bytes, {said} were said");
}

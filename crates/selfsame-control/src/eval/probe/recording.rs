//! What is kept of an episode: some of its steps from the last random one on, what was still to come there, and the segments they lie in.

use selfsame_core::Random;

use super::ProbeConfig;
use crate::data::replay::Segmentation;
use crate::data::{Action, Outcome};
use crate::pretrain::Observation;

/// An episode while it is played.
pub(super) struct Recording {
    stack: usize,
    random_steps: usize,
    most: usize,
    segmentation: Segmentation,
    random: Random,
    observation: Option<Observation>,
    steps: Vec<Step>,
    /// Steps that might have been kept so far.
    recorded: usize,
    /// Of every step.
    rewards: Vec<f64>,
    /// The segment of every step.
    segments: Vec<usize>,
    open: Open,
}

/// A step that is kept.
struct Step {
    at: usize,
    observation: Vec<u8>,
    action: Action,
}

/// The segment that goes on.
#[derive(Default)]
struct Open {
    number: usize,
    gathered: f64,
}

/// What is kept of an episode that is over, step by step.
pub(super) struct Kept {
    /// `[steps, stack · channels, height, width]`.
    pub observations: Vec<u8>,
    pub actions: Vec<Action>,
    /// The discounted sum of what comes, this step's reward first.
    pub returns: Vec<f64>,
    pub segments: Vec<Segment>,
}

/// A segment of an episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Segment {
    /// From 0.
    pub number: usize,
    /// The undiscounted sum of what comes from its first step on.
    pub value: f64,
}

impl Recording {
    /// Of an episode whose first `random_steps` actions are random, as an agent sees it who stacks so many frames.
    pub fn new(stack: usize, random_steps: usize, config: &ProbeConfig, random: Random) -> Self {
        Self {
            stack,
            random_steps,
            most: config.per_episode,
            segmentation: config.segmentation,
            random,
            observation: None,
            steps: Vec::new(),
            recorded: 0,
            rewards: Vec::new(),
            segments: Vec::new(),
            open: Open::default(),
        }
    }

    /// The next step: the frame that was acted on, what was done, and what that led to.
    pub fn push(&mut self, frame: &[u8], action: &Action, outcome: &Outcome) {
        match &mut self.observation {
            Some(observation) => observation.push(frame),
            None => self.observation = Some(Observation::begin(frame, self.stack)),
        }
        let at = self.rewards.len();
        let ends = outcome.terminated || outcome.truncated;
        // The last action of an episode that ended before is its last random one.
        if ends || at + 1 >= self.random_steps {
            self.record(at, action);
        }
        self.rewards.push(f64::from(outcome.reward));
        self.segments.push(self.open.number);
        self.open.gathered += f64::from(outcome.reward);
        if outcome.life_lost || self.segmentation.ends(outcome.reward, self.open.gathered) {
            self.open = Open { number: self.open.number + 1, gathered: 0.0 };
        }
    }

    /// Keeps a step, all equally likely, without knowing how many will come (reservoir sampling).
    fn record(&mut self, at: usize, action: &Action) {
        let number = self.recorded;
        self.recorded += 1;
        let place = match number < self.most {
            true => number,
            false => self.random.at(number as u64).below(number + 1),
        };
        let Some(seen) = self.observation.as_ref().filter(|_| place < self.most) else { return };
        let step = Step { at, observation: seen.bytes().to_vec(), action: action.clone() };
        match self.steps.get_mut(place) {
            Some(kept) => *kept = step,
            None => self.steps.push(step),
        }
    }

    /// What is kept, in the order in which it came.
    pub fn finish(mut self, discount: f64) -> Kept {
        let (returns, undiscounted) =
            (returns_to_go(&self.rewards, discount), returns_to_go(&self.rewards, 1.0));
        self.steps.sort_by_key(|step| step.at);
        let segment = |step: &Step| {
            let number = self.segments[step.at];
            let first = self.segments.partition_point(|other| *other < number);
            Segment { number, value: undiscounted[first] }
        };
        Kept {
            observations: self.steps.iter().flat_map(|step| step.observation.iter().copied()).collect(),
            returns: self.steps.iter().map(|step| returns[step.at]).collect(),
            segments: self.steps.iter().map(segment).collect(),
            actions: self.steps.into_iter().map(|step| step.action).collect(),
        }
    }
}

/// What is still to come at every step, this step's reward first.
fn returns_to_go(rewards: &[f64], discount: f64) -> Vec<f64> {
    let mut returns = rewards.to_vec();
    for at in (1..returns.len()).rev() {
        returns[at - 1] += discount * returns[at];
    }
    returns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(per_episode: usize) -> ProbeConfig {
        ProbeConfig {
            episodes: 5,
            random_steps: None,
            per_episode,
            pairs: 1,
            segmentation: Segmentation::Reward,
        }
    }

    /// An episode with these rewards whose frames and actions are the numbers of its steps.
    fn kept(rewards: &[f32], random_steps: usize, config: &ProbeConfig, seed: u64) -> Kept {
        let mut recording = Recording::new(2, random_steps, config, Random::new(seed));
        for (at, &reward) in rewards.iter().enumerate() {
            let outcome = Outcome {
                frame: vec![at as u8 + 1],
                reward,
                terminated: at + 1 == rewards.len(),
                truncated: false,
                life_lost: false,
            };
            recording.push(&[at as u8], &Action::Discrete(at), &outcome);
        }
        recording.finish(0.5)
    }

    const REWARDS: [f32; 5] = [0.0, 1.0, 0.0, 4.0, -2.0];

    #[test]
    fn an_episode_is_told_as_a_hand_computes_it() {
        let whole = kept(&REWARDS, 0, &config(9), 1);
        assert_eq!(whole.observations, [0, 0, 0, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(whole.actions, [0, 1, 2, 3, 4].map(Action::Discrete));
        assert_eq!(whole.returns, [0.875, 1.75, 1.5, 3.0, -2.0]);
        let segment = |number, value| Segment { number, value };
        assert_eq!(
            whole.segments,
            [segment(0, 3.0), segment(0, 3.0), segment(1, 2.0), segment(1, 2.0), segment(2, -2.0)]
        );
        let dense = ProbeConfig { segmentation: Segmentation::Gathered(3.0), ..config(9) };
        let numbers: Vec<usize> =
            kept(&REWARDS, 0, &dense, 1).segments.iter().map(|segment| segment.number).collect();
        assert_eq!(numbers, [0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_comes_from_the_last_random_action_on_is_recorded() {
        for (random_steps, first) in [(0, 0), (1, 0), (2, 1), (4, 3), (5, 4), (9, 4)] {
            let found = kept(&REWARDS, random_steps, &config(9), 1);
            let expected: Vec<Action> = (first..5).map(Action::Discrete).collect();
            assert_eq!(found.actions, expected, "after {random_steps} random steps");
            // The segment of what is kept began before.
            assert_eq!(found.observations[..2], [first.saturating_sub(1) as u8, first as u8]);
        }
    }

    #[test]
    fn of_many_steps_some_are_kept_all_equally_likely() {
        let (rewards, mut counts) = ([0.0; 12], [0usize; 12]);
        for seed in 0..2000 {
            let found = kept(&rewards, 3, &config(4), seed);
            let taken: Vec<usize> = found.observations.chunks(2).map(|seen| usize::from(seen[1])).collect();
            assert!(taken.len() == 4 && taken.is_sorted_by(|a, b| a < b));
            assert_eq!(found.actions, taken.iter().map(|at| Action::Discrete(*at)).collect::<Vec<_>>());
            taken.into_iter().for_each(|at| counts[at] += 1);
        }
        assert_eq!(counts[..2], [0, 0]);
        // 4 of 10 each.
        assert!(counts[2..].iter().all(|count| count.abs_diff(800) < 100), "{counts:?}");
    }
}

//! Everything that was ever pushed, and what follows from it by the definitions.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;

/// What happens in one environment in one step.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub environment: usize,
    pub reward: f32,
    pub terminated: bool,
    pub truncated: bool,
    pub life_lost: bool,
    /// The environment was begun anew before this step.
    pub interrupted: bool,
}

impl Event {
    fn ends_episode(&self) -> bool {
        self.terminated || self.truncated
    }

    fn is_terminal(&self) -> bool {
        self.terminated || self.life_lost
    }
}

/// A frame that was stored: its content, where its episode begins, and the step that was taken there, none for a last frame.
#[derive(Clone, Debug)]
struct Stored {
    frame: u16,
    begin: usize,
    event: Option<Event>,
    segment: u64,
    action: usize,
}

/// What the replay should give for one transition.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub observation: Vec<u16>,
    pub action: Action,
    pub sum: f32,
    pub discount: f32,
    /// None after an end: nothing depends on it.
    pub next: Option<Vec<u16>>,
    pub segment: u64,
}

/// Everything that was ever pushed, environment by environment.
pub struct History {
    settings: ReplaySettings,
    environments: Vec<Vec<Stored>>,
    begins: Vec<usize>,
    open: Vec<Option<(u64, f64)>>,
    segments: u64,
    frames: u16,
}

impl History {
    pub fn new(settings: &ReplaySettings) -> Self {
        let environments = settings.environments;
        Self {
            settings: settings.clone(),
            environments: vec![Vec::new(); environments],
            begins: vec![0; environments],
            open: vec![None; environments],
            segments: 0,
            frames: 0,
        }
    }

    /// Pushes an event with a new frame, here and to the replay.
    pub fn push(&mut self, replay: &mut Replay, event: &Event) {
        let environment = event.environment;
        if event.interrupted {
            replay.interrupt(environment);
            self.begins[environment] = self.environments[environment].len();
            self.open[environment] = None;
        }
        self.frames += 1;
        let frame = self.frames;
        let action = usize::from(frame % 5);
        // The frame that follows is the next one's, or the last one's.
        let outcome = Outcome {
            frame: (10_000 + frame).to_le_bytes().to_vec(),
            reward: event.reward,
            terminated: event.terminated,
            truncated: event.truncated,
            life_lost: event.life_lost,
        };
        let (bytes, action_taken) = (frame.to_le_bytes(), Action::Discrete(action));
        replay
            .push(environment, Transition { frame: &bytes, action: &action_taken, outcome: &outcome })
            .unwrap();

        let (segment, gathered) = self.open[environment].unwrap_or_else(|| {
            self.segments += 1;
            (self.segments - 1, 0.0)
        });
        let gathered = gathered + f64::from(event.reward);
        let full = match self.settings.segmentation {
            Segmentation::Reward => event.reward != 0.0,
            Segmentation::Gathered(threshold) => gathered.abs() > threshold,
        };
        let closed = full || event.ends_episode() || event.life_lost;
        self.open[environment] = (!closed).then_some((segment, gathered));

        let begin = self.begins[environment];
        let stored = &mut self.environments[environment];
        stored.push(Stored { frame, begin, event: Some(*event), segment, action });
        if event.truncated && !event.is_terminal() {
            stored.push(Stored { frame: 10_000 + frame, begin, event: None, segment: 0, action: 0 });
        }
        if event.ends_episode() {
            self.begins[environment] = stored.len();
        }
    }

    /// The slots of everything whose observation is whole, those of last frames too: environment, position.
    fn whole(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let (lane, history) = (self.settings.capacity / self.settings.environments, self.settings.stack - 1);
        self.environments.iter().enumerate().flat_map(move |(environment, stored)| {
            let oldest = stored.len().saturating_sub(lane);
            (oldest..stored.len())
                .filter(move |&at| at.saturating_sub(history).max(stored[at].begin) >= oldest)
                .map(move |at| (environment, at))
        })
    }

    fn slot(&self, environment: usize, at: usize) -> usize {
        let lane = self.settings.capacity / self.settings.environments;
        environment * lane + at % lane
    }

    fn stack(&self, environment: usize, at: usize) -> Vec<u16> {
        let stored = &self.environments[environment];
        let first = stored[at].begin as isize;
        let frames = (0..self.settings.stack as isize).rev();
        frames.map(|back| stored[(at as isize - back).max(first) as usize].frame).collect()
    }

    /// What can be drawn, by slot.
    pub fn drawable(&self) -> BTreeMap<usize, Expected> {
        let each = self.whole().filter_map(|(environment, at)| {
            Some((self.slot(environment, at), self.expected(environment, at)?))
        });
        each.collect()
    }

    fn expected(&self, environment: usize, at: usize) -> Option<Expected> {
        let stored = &self.environments[environment];
        stored[at].event.as_ref()?;
        let (mut sum, mut steps) = (0.0f64, 0);
        let (discount, next) = loop {
            let event =
                stored.get(at + steps).filter(|other| other.begin == stored[at].begin)?.event.as_ref()?;
            let reward =
                self.settings.reward_clip.map_or(event.reward, |clip| event.reward.clamp(-clip, clip));
            sum += self.settings.discount.powi(steps as i32) * f64::from(reward);
            steps += 1;
            if event.is_terminal() {
                break (0.0, None);
            }
            if event.truncated || steps == self.settings.steps {
                let next = stored.get(at + steps).filter(|other| other.begin == stored[at].begin)?;
                assert_eq!(next.event.is_none(), event.truncated);
                break (self.settings.discount.powi(steps as i32), Some(self.stack(environment, at + steps)));
            }
        };
        Some(Expected {
            observation: self.stack(environment, at),
            action: Action::Discrete(stored[at].action),
            sum: sum as f32,
            discount: discount as f32,
            next,
            segment: stored[at].segment,
        })
    }

    /// All pairs of state and action that can be seen, by slot, with their segments.
    pub fn seen(&self) -> BTreeMap<usize, u64> {
        let each =
            self.whole().filter(|&(environment, at)| self.environments[environment][at].event.is_some());
        each.map(|(environment, at)| (self.slot(environment, at), self.environments[environment][at].segment))
            .collect()
    }
}

/// Any event of one of so many environments.
pub fn any_event(environments: usize) -> impl Strategy<Value = Event> {
    let reward = prop_oneof![4 => Just(0.0f32), 1 => Just(1.0), 1 => Just(-0.75), 1 => Just(3.5)];
    (0..environments, reward, 0..24).prop_map(|(environment, reward, what)| Event {
        environment,
        reward,
        terminated: matches!(what, 0 | 1),
        truncated: matches!(what, 1..=3),
        life_lost: matches!(what, 0 | 4..=6),
        interrupted: what == 7,
    })
}

/// Any settings of a replay of up to three environments.
pub fn any_settings() -> impl Strategy<Value = ReplaySettings> {
    (1..4usize, 1..5usize, 1..5usize, 0..12usize, any::<bool>(), any::<bool>()).prop_map(
        |(environments, stack, steps, spare, clip, dense)| ReplaySettings {
            capacity: environments * (stack + steps + 1 + spare),
            environments,
            stack,
            steps,
            discount: 0.9,
            reward_clip: clip.then_some(1.0),
            segmentation: if dense { Segmentation::Gathered(1.5) } else { Segmentation::Reward },
            ..super::settings(0)
        },
    )
}

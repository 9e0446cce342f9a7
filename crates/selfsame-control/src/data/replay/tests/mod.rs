//! The replay against slow references that keep everything and look everything up.

mod draws;
mod file;
mod history;
mod memory;
mod pairs;
mod segments;

use super::*;
use crate::data::Pixels;
use history::{Event, History};

/// Settings of a small replay of two-byte frames.
fn settings(capacity: usize) -> ReplaySettings {
    ReplaySettings {
        capacity,
        environments: 1,
        pixels: Pixels { channels: 1, height: 1, width: 2 },
        actions: Actions::Discrete(5),
        stack: 3,
        steps: 2,
        discount: 0.5,
        reward_clip: None,
        priority_exponent: 0.0,
        segmentation: Segmentation::Reward,
        folder: None,
    }
}

/// A replay and the history of everything that was pushed to it.
fn replay_of(settings: &ReplaySettings, events: &[Event]) -> (Replay, History) {
    let mut replay = Replay::new(settings.clone()).unwrap();
    let mut history = History::new(settings);
    for event in events {
        history.push(&mut replay, event);
    }
    (replay, history)
}

/// An event of environment 0 that goes on.
fn step(reward: f32) -> Event {
    Event {
        environment: 0,
        reward,
        terminated: false,
        truncated: false,
        life_lost: false,
        interrupted: false,
    }
}

/// An event of environment 0 with which the task ends.
fn end(reward: f32) -> Event {
    Event { terminated: true, ..step(reward) }
}

/// An event of environment 0 that is cut off.
fn cut(reward: f32) -> Event {
    Event { truncated: true, ..step(reward) }
}

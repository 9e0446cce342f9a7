//! Agents on small replays.

mod agents;
mod auxiliaries;
mod targets;

use std::collections::BTreeMap;

use selfsame_core::host;
use selfsame_core::settings::{Layers, Resolved};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Random, Result};

use super::*;
use crate::data::Outcome;
use crate::data::replay::{ReplaySettings, Segmentation, Transition};

/// Networks and batches that are quick.
const SMALL: &str = r#"
[method.rainbow]
channels = [4, 8]
hidden = 16
atoms = 11
target_every = 3
[method.sac]
layers = 2
channels = 4
features = 8
hidden = 16
[method.curl]
hidden = 16
dimension = 8
[method.rcrl]
dimension = 8
hidden = 16
[run]
batch_size = 8
[data]
stack = 2
[optimizer]
lr = 1e-3
"#;

const PIXELS: Pixels = Pixels { channels: 1, height: 25, width: 25 };
const DISCRETE: Actions = Actions::Discrete(3);
const CONTINUOUS: Actions = Actions::Continuous(2);

fn resolved(actions: Actions, method: &str, changes: &[&str]) -> Resolved {
    let mut table: toml::Table = DEFAULTS.parse().unwrap();
    let mut merge = |text: &str| {
        for (section, values) in text.parse::<toml::Table>().unwrap() {
            let target = table.get_mut(&section).and_then(toml::Value::as_table_mut).unwrap();
            for (key, value) in values.as_table().unwrap().clone() {
                match (target.get_mut(&key), value) {
                    (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => inner.extend(value),
                    (_, value) => drop(target.insert(key, value)),
                }
            }
        }
    };
    merge(SMALL);
    merge(by_name(method).unwrap().about.small);
    let layers = changes.iter().fold(Layers::new(table), |layers, change| layers.set(change).unwrap());
    let mut settings = layers.resolve();
    resolve_auto(&mut settings, "counting", actions);
    settings
}

fn try_agent(actions: Actions, method: &str, changes: &[&str], seed: u64) -> Result<Box<dyn Agent>> {
    let settings = resolved(actions, method, changes);
    (by_name(method)?.build)(&Build {
        settings: &settings,
        actions,
        pixels: PIXELS,
        random: Random::new(seed),
        device: Device::default().autodiff(),
    })
}

fn agent(actions: Actions, method: &str, changes: &[&str]) -> Box<dyn Agent> {
    try_agent(actions, method, changes, 1).unwrap()
}

/// Episodes of six steps in which a square moves down; the reward comes last, as large as its column.
fn replay(actions: Actions, plan: &Plan) -> Replay {
    replay_of(actions, plan, |_| 6)
}

/// The same with episodes of so many steps, by their number.
fn replay_of(actions: Actions, plan: &Plan, steps: impl Fn(usize) -> usize) -> Replay {
    let mut replay = Replay::new(ReplaySettings {
        capacity: 300,
        environments: 1,
        pixels: PIXELS,
        actions,
        stack: plan.stack,
        steps: plan.multi_step,
        discount: plan.discount,
        reward_clip: None,
        priority_exponent: plan.priority,
        segmentation: Segmentation::Reward,
        folder: None,
    })
    .unwrap();
    let mut random = Random::new(3);
    for episode in 0..30 {
        let (column, steps) = (random.below(5), steps(episode));
        for step in 0..steps {
            let frame = picture(step, column);
            let action = match actions {
                Actions::Discrete(count) => Action::Discrete(random.below(count)),
                Actions::Continuous(count) => {
                    Action::Continuous((0..count).map(|_| random.range(-1.0, 1.0)).collect())
                }
            };
            let outcome = Outcome {
                frame: picture(step + 1, column),
                reward: if step + 1 == steps { column as f32 - 2.0 } else { 0.0 },
                terminated: step + 1 == steps,
                truncated: false,
                life_lost: false,
            };
            replay.push(0, Transition { frame: &frame, action: &action, outcome: &outcome }).unwrap();
        }
    }
    replay
}

fn picture(row: usize, column: usize) -> Vec<u8> {
    let mut frame = vec![0; 625];
    for y in 0..3 {
        frame[(row * 3 + y) * 25 + column * 5..][..5].fill(200);
    }
    frame
}

fn update(index: usize) -> Update {
    Update { index, progress: 0.5, random: Random::new(11).at(index as u64) }
}

/// All numbers of an agent by name.
fn numbers(agent: &mut dyn Agent) -> BTreeMap<String, Vec<f32>> {
    let mut all = BTreeMap::new();
    for (part, module) in agent.state() {
        for parameter in module.parameters() {
            all.insert(format!("{part}.{}", parameter.name), host::values(parameter.value).unwrap());
        }
    }
    all
}

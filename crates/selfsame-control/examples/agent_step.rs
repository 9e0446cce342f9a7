//! Updates a second of an agent with the papers' networks and batches, on a replay of random transitions.
//!
//! Usage (through `cargo xtask bench`): `agent_step rainbow|sac|curl-sac|curl-rainbow|rcrl-sac|rcrl-rainbow`. The last line is updates a second, and the most
//! memory that the process ever held, in MB (`NaN` where the system does not tell).

use std::time::{Duration, Instant};

use selfsame_control::data::replay::{Replay, ReplaySettings, Segmentation, Transition};
use selfsame_control::data::{Action, Actions, Outcome, Pixels};
use selfsame_control::method::{Build, DEFAULTS, PAPER, Update, by_name, resolve_auto};
use selfsame_core::run::{Memory, megabytes};
use selfsame_core::settings::Layers;
use selfsame_core::tensor::Device;
use selfsame_core::{Error, Random, Result};

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(6);

fn main() -> Result<()> {
    selfsame_core::keep_freed_memory();
    let kind = std::env::args().nth(1).unwrap_or_else(|| "rainbow".into());
    let (auxiliary, agent) = kind.split_once('-').unwrap_or(("none", &kind));
    // As in CURL: 84 grey pixels and 6 actions for games, 100 coloured pixels and one number for control.
    let (actions, pixels) = match agent {
        "sac" => (Actions::Continuous(1), Pixels { channels: 3, height: 100, width: 100 }),
        _ => (Actions::Discrete(6), Pixels { channels: 1, height: 84, width: 84 }),
    };

    let mut table = parse(DEFAULTS)?;
    merge(&mut table, parse(PAPER)?);
    let chosen = format!("method.auxiliary=\"{auxiliary}\"");
    let mut settings = Layers::new(table).set(&chosen)?.resolve();
    resolve_auto(&mut settings, "frames", actions);
    let random = Random::new(0);
    let device = Device::default().autodiff();
    let from = Build { settings: &settings, actions, pixels, random: random.clone(), device };
    let mut agent = (by_name(agent)?.build)(&from)?;

    let plan = agent.plan();
    let mut replay = Replay::new(ReplaySettings {
        capacity: 2000,
        environments: 1,
        pixels,
        actions,
        stack: plan.stack,
        steps: plan.multi_step,
        discount: plan.discount,
        reward_clip: Some(1.0),
        priority_exponent: plan.priority,
        segmentation: Segmentation::Reward,
        folder: None,
    })?;
    let mut noise = random.named("frames");
    for _ in 0..1500 {
        let mut frame = || (0..pixels.bytes()).map(|_| noise.bits() as u8).collect::<Vec<u8>>();
        let (frame, next) = (frame(), frame());
        let action = match actions {
            Actions::Discrete(count) => Action::Discrete(noise.below(count)),
            Actions::Continuous(count) => Action::Continuous(vec![noise.range(-1.0, 1.0); count]),
        };
        let [terminated, truncated] = [noise.chance(0.01), false];
        let reward = if noise.chance(0.05) { 1.0 } else { 0.0 };
        let outcome = Outcome { frame: next, reward, terminated, truncated, life_lost: false };
        replay.push(0, Transition { frame: &frame, action: &action, outcome: &outcome })?;
    }

    let mut learn = |index: usize| {
        let random = random.named("update").at(index as u64);
        agent.learn(&mut replay, &Update { index, progress: 0.0, random }).map(|_| ())
    };
    // Two at a time: SAC's actor learns in every second one.
    learn(0)?;
    learn(1)?;
    let (start, mut done) = (Instant::now(), 0);
    while done < 4 || start.elapsed() < SECONDS {
        learn(done + 2)?;
        learn(done + 3)?;
        done += 2;
    }
    let rate = done as f64 / start.elapsed().as_secs_f64();
    let memory = Memory::now().map_or(f64::NAN, |memory| megabytes(memory.peak));
    println!("{rate:.3} {memory:.1}");
    Ok(())
}

fn parse(text: &str) -> Result<toml::Table> {
    text.parse().map_err(|error: toml::de::Error| Error::Internal(error.to_string()))
}

fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => merge(inner, value),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

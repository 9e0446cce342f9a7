//! How many steps of an agent a second Atari's Pong gives, preprocessed, kept in a replay, and with the stack to act on next assembled.
//!
//! Usage (through `cargo xtask bench`): `atari_throughput [ENVIRONMENTS]`. The Python is `SELFSAME_PYTHON`'s, or `python3`. The last line is the number.

use std::error::Error;
use std::time::{Duration, Instant};

use selfsame_control::data::replay::{Replay, ReplaySettings, Segmentation, Transition};
use selfsame_control::data::{Action, EnvironmentOptions, VectorEnvironment, make};

const GAME: &str = "ALE/Pong-v5";

/// At least this long is measured.
const SECONDS: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let environments = std::env::args().nth(1).map_or(Ok(1), |word| word.parse())?;
    println!("{:.1}", rate(environments)?);
    Ok(())
}

/// Steps into a replay, and the observation to act on next read back from it after each.
fn rate(environments: usize) -> Result<f64, Box<dyn Error>> {
    let made = (0..environments).map(|_| make(GAME, &EnvironmentOptions::default()));
    let mut atari = VectorEnvironment::new(made.collect::<Result<_, _>>()?)?;
    let mut replay = Replay::new(ReplaySettings {
        capacity: 20_000,
        environments,
        pixels: atari.pixels(),
        actions: atari.actions(),
        stack: 4,
        steps: 20,
        discount: 0.99,
        reward_clip: Some(1.0),
        priority_exponent: 0.5,
        segmentation: Segmentation::Reward,
        folder: None,
    })?;
    let lane = 20_000 / environments;
    let mut frames = (0..environments).map(|each| atari.reset(each, 1)).collect::<Result<Vec<_>, _>>()?;
    let (start, mut round) = (Instant::now(), 0);
    while start.elapsed() < SECONDS {
        let actions = vec![Action::Discrete(round % 6); environments];
        let outcomes = atari.step(actions.clone())?;
        for (each, outcome) in outcomes.into_iter().enumerate() {
            replay
                .push(each, Transition { frame: &frames[each], action: &actions[each], outcome: &outcome })?;
            std::hint::black_box(replay.observations(&[each * lane + round % lane]));
            let ended = outcome.terminated || outcome.truncated;
            frames[each] = if ended { atari.reset(each, round as u64)? } else { outcome.frame };
        }
        round += 1;
    }
    Ok((round * environments) as f64 / start.elapsed().as_secs_f64())
}

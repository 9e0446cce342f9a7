//! How many steps of an agent a second Atari's Pong gives here, preprocessed and with stacks assembled, beside Gymnasium's own wrappers
//! (`AtariPreprocessing`, `FrameStackObservation`) in the same Python, in turns.
//!
//! Usage: `atari_throughput [STEPS] [ENVIRONMENTS] [ROUNDS]`, 2000, 1 and 3 unless said. The Python is `SELFSAME_PYTHON`'s, or `python3`.

use std::error::Error;
use std::process::Command;
use std::time::Instant;

use selfsame_control::data::replay::{Replay, ReplaySettings, Segmentation, Transition};
use selfsame_control::data::{Action, EnvironmentOptions, VectorEnvironment, make};

const GAME: &str = "ALE/Pong-v5";

const WRAPPERS: &str = "
import sys, time, gymnasium, ale_py, numpy
gymnasium.register_envs(ale_py)
env = gymnasium.make('ALE/Pong-v5', frameskip=1, repeat_action_probability=0.0)
env = gymnasium.wrappers.FrameStackObservation(gymnasium.wrappers.AtariPreprocessing(env), 4)
env.reset(seed=1)
steps = int(sys.argv[1])
start = time.time()
for step in range(steps):
    observation, _, terminated, truncated, _ = env.step(step % 6)
    numpy.asarray(observation)
    if terminated or truncated:
        env.reset()
print(steps / (time.time() - start))
";

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|word| word.parse()).collect::<Result<_, _>>()?;
    let number = |place: usize, default: usize| numbers.get(place).copied().unwrap_or(default);
    let (steps, environments, rounds) = (number(0, 2000), number(1, 1), number(2, 3));
    for round in 1..=rounds {
        let ours = ours(steps, environments)?;
        let theirs = theirs(steps)?;
        println!(
            "round {round}: {ours:.0} agent steps/s with {environments} environments, Gymnasium's wrappers {theirs:.0}, ratio {:.2}",
            ours / theirs
        );
    }
    Ok(())
}

/// Steps into a replay, and the observation to act on next read back from it after each.
fn ours(steps: usize, environments: usize) -> Result<f64, Box<dyn Error>> {
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
    })?;
    let lane = 20_000 / environments;
    let mut frames = (0..environments).map(|each| atari.reset(each, 1)).collect::<Result<Vec<_>, _>>()?;
    let rounds = steps.div_ceil(environments);
    let start = Instant::now();
    for round in 0..rounds {
        let actions = vec![Action::Discrete(round % 6); environments];
        let outcomes = atari.step(actions.clone())?;
        for (each, outcome) in outcomes.into_iter().enumerate() {
            replay
                .push(each, Transition { frame: &frames[each], action: &actions[each], outcome: &outcome })?;
            std::hint::black_box(replay.observations(&[each * lane + round % lane]));
            let ended = outcome.terminated || outcome.truncated;
            frames[each] = if ended { atari.reset(each, round as u64)? } else { outcome.frame };
        }
    }
    Ok((rounds * environments) as f64 / start.elapsed().as_secs_f64())
}

fn theirs(steps: usize) -> Result<f64, Box<dyn Error>> {
    let python = std::env::var("SELFSAME_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(python).args(["-c", WRAPPERS, &steps.to_string()]).output()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let told = told
        .lines()
        .last()
        .ok_or("Gymnasium's wrappers said nothing: is opencv-python-headless installed?")?;
    Ok(told.trim().parse()?)
}

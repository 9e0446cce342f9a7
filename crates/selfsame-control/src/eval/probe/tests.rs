//! A whole probe of a toy whose returns can be written down.

use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::Optimizer;
use selfsame_core::tensor::{Device, TensorData};
use selfsame_core::{Random, Result};

use super::*;
use crate::data::replay::Replay;
use crate::data::{Action, Environment, Outcome, Pixels};
use crate::method::auxiliary::TellsPairs;
use crate::method::{Acting, Plan, Terms, Update};

/// Every action 1 of an episode of 8 steps is a rung up; where the climb ends is the return, and the last step gives it. Frames show the rung.
struct Ladder {
    step: usize,
    rung: usize,
}

const STEPS: usize = 8;

impl Environment for Ladder {
    fn name(&self) -> &str {
        "ladder"
    }

    fn pixels(&self) -> Pixels {
        Pixels { channels: 1, height: 1, width: 1 }
    }

    fn actions(&self) -> Actions {
        Actions::Discrete(2)
    }

    fn reset(&mut self, _seed: u64) -> Result<Vec<u8>> {
        (self.step, self.rung) = (0, 0);
        Ok(vec![0])
    }

    fn step(&mut self, action: &Action) -> Result<Outcome> {
        self.step += 1;
        self.rung += usize::from(*action == Action::Discrete(1));
        let terminated = self.step == STEPS;
        let reward = if terminated { self.rung as f32 } else { 0.0 };
        Ok(Outcome { frame: vec![self.rung as u8], reward, terminated, truncated: false, life_lost: false })
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }

    fn restore(&mut self, _state: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// Stays where it is, and sees the rung: so the return is the rung after the action. Its discriminator says whether these differ.
struct Stays {
    stack: usize,
    tells_pairs: bool,
}

impl Agent for Stays {
    fn plan(&self) -> Plan {
        Plan {
            stack: self.stack,
            batch_size: 1,
            multi_step: 1,
            discount: 1.0,
            priority: 0.0,
            segments: None,
            random_steps: 0,
            first_update: 0,
            update_every: 1,
        }
    }

    fn act(&mut self, _observations: &[u8], acting: Acting, random: &Random) -> Result<Vec<Action>> {
        let mut random = random.named("toy");
        Ok(vec![Action::Discrete(if acting == Acting::Random { random.below(2) } else { 0 })])
    }

    fn learn(&mut self, _replay: &mut Replay, _update: &Update) -> Result<Terms> {
        Ok(Vec::new())
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        Vec::new()
    }

    fn optimizers(&mut self) -> Vec<(&'static str, &mut Optimizer)> {
        Vec::new()
    }

    fn features(&self, observations: &[u8]) -> Result<Tensor<2>> {
        let rows = observations.len() / self.stack;
        let values: Vec<f32> = observations.iter().map(|rung| f32::from(*rung)).collect();
        Ok(Tensor::from_data(TensorData::new(values, [rows, self.stack]), &Device::default()))
    }

    fn pairs(&self) -> Option<&dyn TellsPairs> {
        self.tells_pairs.then_some(self)
    }
}

impl TellsPairs for Stays {
    fn segment_reward(&self) -> Option<f64> {
        Some(0.0)
    }

    fn represent(&self, features: Tensor<2>, actions: &[Action]) -> Tensor<2> {
        let climbs = action_features(actions, Actions::Discrete(2), &features.device()).narrow(1, 1, 1);
        features.narrow(1, self.stack - 1, 1) + climbs
    }

    fn difference(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
        let rows = first.dims()[0];
        (first - second).abs().clamp(0.0, 1.0).reshape([rows])
    }
}

fn config(random_steps: Option<usize>) -> ProbeConfig {
    ProbeConfig {
        episodes: 100,
        random_steps,
        per_episode: 64,
        pairs: 400,
        segmentation: Segmentation::Reward,
    }
}

fn found(probed: Option<&dyn Agent>, plays: &mut Stays, config: &ProbeConfig) -> Result<ProbeResult> {
    let mut player = Player {
        agent: plays,
        environment: &mut Ladder { step: 0, rung: 0 },
        acting: Acting::Greedy,
        max_steps: 1000,
        random: Random::new(7),
    };
    probe(probed, &mut player, config, &|_| {})
}

#[test]
fn returns_that_state_and_action_decide_are_told_without_an_error() {
    let found = found(None, &mut Stays { stack: 2, tells_pairs: true }, &config(None)).unwrap();
    // The number of random steps is that of an episode, chosen without being told.
    assert_eq!((found.random_steps, found.episodes), (STEPS, 100));
    assert!(found.features_r2 > 0.9999, "{found:?}");
    assert!(found.phi_r2.is_some_and(|r2| r2 > 0.9999), "{found:?}");
    // It knows all returns: whoever counts pairs of other segments with the same return finds it wrong.
    assert_eq!((found.discriminator_accuracy, found.discriminator_area), (Some(1.0), Some(1.0)));
    assert!(found.transitions < 100 * STEPS);
}

#[test]
fn others_are_probed_on_the_same_episodes() {
    let [narrow, wide] = [1, 3].map(|stack| Stays { stack, tells_pairs: false });
    let [first, second] = [&narrow, &wide].map(|probed| {
        found(Some(probed), &mut Stays { stack: 2, tells_pairs: true }, &config(Some(6))).unwrap()
    });
    assert_eq!(first.transitions, second.transitions);
    // Another stack shows the same last frame.
    assert!(first.features_r2 > 0.9999 && second.features_r2 > 0.9999);
    assert_eq!((first.phi_r2, first.discriminator_accuracy), (None, None));
}

#[test]
fn few_steps_of_an_episode_are_enough() {
    let few = ProbeConfig { per_episode: 2, ..config(None) };
    let found = found(None, &mut Stays { stack: 2, tells_pairs: true }, &few).unwrap();
    assert!(found.transitions <= 200 && found.features_r2 > 0.9999, "{found:?}");
}

#[test]
fn what_cannot_be_probed_is_refused() {
    let code = |config: &ProbeConfig| {
        found(None, &mut Stays { stack: 1, tells_pairs: false }, config).unwrap_err().exit_code()
    };
    assert_eq!(code(&ProbeConfig { episodes: 4, ..config(None) }), 2);
    assert_eq!(code(&ProbeConfig { per_episode: 0, ..config(None) }), 2);
    // Without random actions all episodes are the same.
    assert_eq!(code(&config(Some(0))), 2);
}

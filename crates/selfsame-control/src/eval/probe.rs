//! What a representation tells of returns, on episodes that were held out.
//!
//! Return-based contrastive learning (Liu et al. 2021, arXiv 2102.10960) is to bring pairs of state and action together whose returns are alike. Two
//! probes look whether it does: how linearly the return to go can be told, and how well the discriminator tells segments of different returns apart.

use selfsame_core::tensor::Tensor;
use selfsame_core::{Error, Random, Result, host};
use serde::Serialize;

use super::play::Player;
use super::ridge::{Instances, explained_variance};
use crate::data::replay::{Replay, ReplaySettings, Transition};
use crate::data::{Action, Actions};
use crate::method::{Agent, difference, pair_features};
use crate::model::action_features;
use crate::pretrain::Observation;

/// Observations that go through the networks at once.
const BATCH: usize = 64;
/// Of five episodes, three are learned from, one decides on the penalty, and one is told.
const PARTS: u64 = 5;

/// How to probe.
pub struct ProbeConfig {
    /// Episodes that are played.
    pub episodes: usize,
    /// Pairs of the same and of another segment that the discriminator is asked about, each.
    pub pairs: usize,
    /// Where held-out episodes are kept to draw pairs from.
    pub held_out: ReplaySettings,
}

/// What a representation tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeResult {
    /// `probe`.
    pub protocol: &'static str,
    /// Where the agent acted.
    pub environment: String,
    /// Episodes that were played.
    pub episodes: usize,
    /// Steps of them all.
    pub transitions: usize,
    /// The share of steps that were taken at random.
    pub random_share: f32,
    /// R² of the discounted return to go, told linearly from the encoder's features and the action.
    pub features_r2: f64,
    /// The same from φ(x, a), where the agent learns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phi_r2: Option<f64>,
    /// How often the discriminator is right, the mean of pairs of one segment and pairs of two; 0.5 by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator_accuracy: Option<f64>,
}

/// Plays episodes and probes.
///
/// # Errors
/// Too few episodes, returns that do not differ, and those of [`Player::play`].
pub fn probe(player: &mut Player<'_>, config: ProbeConfig, progress: &dyn Fn(usize)) -> Result<ProbeResult> {
    if config.episodes < PARTS as usize {
        return Err(Error::config(
            format!("{} episodes cannot be split into some to learn from and some held out", config.episodes),
            format!("play more: --episodes {} at least", 2 * PARTS),
        ));
    }
    let actions = player.environment.actions();
    let discount = player.agent.plan().discount;
    let mut held_out = Replay::new(config.held_out)?;
    let mut parts: [Part; PARTS as usize] = Default::default();
    let mut transitions = 0;
    for number in 0..config.episodes as u64 {
        let is_held_out = number % PARTS == PARTS - 1;
        let mut steps = Steps::default();
        player.play(number, &mut |observation, action, outcome| {
            if is_held_out {
                held_out.push(0, Transition { frame: observation.newest(), action, outcome })?;
            }
            steps.push(observation, action, outcome.reward);
            Ok(())
        })?;
        transitions += steps.actions.len();
        parts[(number % PARTS) as usize].add(player.agent, actions, &steps, discount)?;
        progress(number as usize + 1);
    }
    let [first, second, third, validation, test] = parts;
    let train = first.with(second).with(third);
    let features_r2 = explained_variance(&train.features, &validation.features, &test.features)?;
    let phi_r2 = match train.phi.features.is_empty() {
        true => None,
        false => Some(explained_variance(&train.phi, &validation.phi, &test.phi)?),
    };
    Ok(ProbeResult {
        protocol: "probe",
        environment: player.environment.name().to_owned(),
        episodes: config.episodes,
        transitions,
        random_share: player.policy.random_share,
        features_r2,
        phi_r2,
        discriminator_accuracy: accuracy(player.agent, &held_out, config.pairs, &player.random)?,
    })
}

/// An episode, step by step.
#[derive(Default)]
struct Steps {
    observations: Vec<u8>,
    actions: Vec<Action>,
    rewards: Vec<f64>,
}

impl Steps {
    fn push(&mut self, observation: &Observation, action: &Action, reward: f32) {
        self.observations.extend_from_slice(observation.bytes());
        self.actions.push(action.clone());
        self.rewards.push(f64::from(reward));
    }

    /// What is still to come at every step, this step's reward first.
    fn returns_to_go(&self, discount: f64) -> Vec<f64> {
        let mut returns = self.rewards.clone();
        for at in (1..returns.len()).rev() {
            returns[at - 1] += discount * returns[at];
        }
        returns
    }
}

/// Some episodes as features and returns.
#[derive(Default)]
struct Part {
    features: Instances,
    phi: Instances,
}

impl Part {
    fn add(&mut self, agent: &dyn Agent, space: Actions, steps: &Steps, discount: f64) -> Result<()> {
        let bytes = steps.observations.len() / steps.actions.len().max(1);
        for (observations, actions) in
            steps.observations.chunks(BATCH * bytes.max(1)).zip(steps.actions.chunks(BATCH))
        {
            let features = agent.features(observations)?;
            let rows =
                Tensor::cat(vec![features.clone(), action_features(actions, space, &features.device())], 1);
            self.features.features.extend(host::values(rows)?);
            if let Some(phi) = pair_features(agent, observations, actions)? {
                self.phi.features.extend(host::values(phi)?);
            }
        }
        let returns = steps.returns_to_go(discount);
        self.features.targets.extend_from_slice(&returns);
        self.phi.targets.extend(returns);
        Ok(())
    }

    fn with(mut self, other: Self) -> Self {
        for (own, more) in [(&mut self.features, other.features), (&mut self.phi, other.phi)] {
            own.features.extend(more.features);
            own.targets.extend(more.targets);
        }
        self
    }
}

/// How often the discriminator is right; none without one, or while there are no two segments.
fn accuracy(agent: &dyn Agent, held_out: &Replay, pairs: usize, random: &Random) -> Result<Option<f64>> {
    let (mut right, mut asked) = ([0usize; 2], [0usize; 2]);
    for round in 0..pairs.div_ceil(BATCH) as u64 {
        let random = random.named("pairs").at(round);
        let batch = BATCH.min(held_out.len());
        if batch == 0 {
            return Ok(None);
        }
        let anchors = held_out.sample(batch, 0.0, &random)?.indices;
        let partners = held_out.pairs(&anchors, &random);
        let Some(negative) = partners.negative else { return Ok(None) };
        for (kind, partners) in [partners.positive, negative].into_iter().enumerate() {
            // An anchor that is alone in its segment has no partner there.
            let both = anchors.iter().zip(&partners).filter(|(anchor, partner)| anchor != partner);
            let (first, second): (Vec<usize>, Vec<usize>) = both.unzip();
            if first.is_empty() {
                continue;
            }
            let represent = |indices: &[usize]| {
                let (observations, actions) = held_out.observations(indices);
                pair_features(agent, &observations, &actions)
            };
            let (Some(first), Some(second)) = (represent(&first)?, represent(&second)?) else {
                return Ok(None);
            };
            let Some(told) = difference(agent, first, second) else { return Ok(None) };
            let told = host::values(told)?;
            asked[kind] += told.len();
            right[kind] += told.iter().filter(|difference| (**difference > 0.5) == (kind == 1)).count();
        }
    }
    let share = |kind: usize| right[kind] as f64 / asked[kind] as f64;
    Ok((asked[0] > 0 && asked[1] > 0).then(|| 0.5 * (share(0) + share(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_to_go_count_what_comes() {
        let steps = Steps { rewards: vec![0.0, 1.0, 0.0, 4.0], ..Steps::default() };
        assert_eq!(steps.returns_to_go(0.5), [1.0, 2.0, 2.0, 4.0]);
        assert_eq!(steps.returns_to_go(1.0), [5.0, 5.0, 4.0, 4.0]);
    }
}

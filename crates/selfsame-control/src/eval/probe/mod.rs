//! What a representation tells of returns, on episodes that were held out.
//!
//! Return-based contrastive learning (Liu et al. 2021, arXiv 2102.10960) is to bring pairs of state and action together whose returns are alike. Two
//! probes look whether it does: how linearly the return to go can be told, and how well the discriminator tells pairs of different returns apart.
//!
//! What can be told at all depends on how the episodes go on: where actions are random later, so are returns. So every episode begins with random actions,
//! as many as chance says, and goes on as the agent acts. What is looked at comes from the last random action on: from there the return is a function of
//! state and action, as far as the environment is.

mod discriminator;
mod recording;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use discriminator::{Row, told};
use recording::{Kept, Recording};
use selfsame_core::tensor::Tensor;
use selfsame_core::{Error, Result, host};
use serde::Serialize;

use super::play::Player;
use super::ridge::{Instances, explained_variance};
use crate::data::Actions;
use crate::data::replay::Segmentation;
use crate::method::{Agent, pair_features};
use crate::model::action_features;

/// Of five episodes, three are learned from, one decides on the penalty, and one is told.
const PARTS: u64 = 5;
/// Episodes whose mean length says how many random actions others begin with.
const TYPICAL: u64 = 5;

/// How to probe.
#[derive(Clone, Debug)]
pub struct ProbeConfig {
    /// Episodes that are played.
    pub episodes: usize,
    /// The most random actions that an episode begins with: their number is drawn from 0 to this. None: the mean length of five episodes without any.
    pub random_steps: Option<usize>,
    /// Steps of an episode that are looked at, at most: drawn from those that are recorded, all equally likely.
    pub per_episode: usize,
    /// Pairs of the same segment and pairs of different returns that the discriminator is asked about, each.
    pub pairs: usize,
    /// Where segments end.
    pub segmentation: Segmentation,
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
    /// Steps of them that were looked at.
    pub transitions: usize,
    /// The most random actions that an episode began with.
    pub random_steps: usize,
    /// R² of the discounted return to go, told linearly from the encoder's features and the action.
    pub features_r2: f64,
    /// The same from φ(x, a), where the agent learns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phi_r2: Option<f64>,
    /// How often the discriminator is right, the mean of pairs of one segment and pairs of segments whose returns differ; 0.5 by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator_accuracy: Option<f64>,
    /// The chance that the discriminator finds a pair with different returns more different than a pair of one segment; 0.5 by chance, and not
    /// a matter of where it draws the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminator_area: Option<f64>,
}

/// Plays episodes and probes the representation of `probed`, otherwise that of the agent who plays.
///
/// # Errors
/// Too few episodes or steps, returns that do not differ, and those of [`Player::play`].
pub fn probe(
    probed: Option<&dyn Agent>,
    player: &mut Player<'_>,
    config: &ProbeConfig,
    progress: &dyn Fn(usize),
) -> Result<ProbeResult> {
    if config.episodes < PARTS as usize {
        return Err(Error::config(
            format!("{} episodes cannot be split into some to learn from and some held out", config.episodes),
            format!("play more: --episodes {} at least", 2 * PARTS),
        ));
    }
    if config.per_episode == 0 || config.pairs == 0 {
        return Err(Error::config(
            "no steps of an episode, or no pairs, are to be looked at",
            "look at some: --per-episode 64, --pairs 2000",
        ));
    }
    let actions = player.environment.actions();
    let plan = probed.unwrap_or(&*player.agent).plan();
    let random_steps = config.random_steps.map_or_else(|| typical_length(player), Ok)?;
    let mut parts: [Part; PARTS as usize] = Default::default();
    let mut transitions = 0;
    for number in 0..config.episodes as u64 {
        let random = player.random.named("probe").at(number);
        let at_random = random.named("random steps").below(random_steps + 1);
        let mut recording = Recording::new(plan.stack, at_random, config, random.named("kept"));
        player.play(number, at_random, &mut |observation, action, outcome| {
            recording.push(observation.newest(), action, outcome);
            Ok(())
        })?;
        let kept = recording.finish(plan.discount);
        transitions += kept.actions.len();
        let agent = probed.unwrap_or(&*player.agent);
        parts[(number % PARTS) as usize].add(agent, actions, kept, number)?;
        progress(number as usize + 1);
    }
    let [first, second, third, validation, test] = parts;
    let train = first.with(second).with(third);
    let features_r2 = explained_variance(&train.features, &validation.features, &test.features)?;
    let phi_r2 = match train.phi.features.is_empty() {
        true => None,
        false => Some(explained_variance(&train.phi, &validation.phi, &test.phi)?),
    };
    let agent = probed.unwrap_or(&*player.agent);
    let told = told(agent, test.pairs, &test.rows, config.pairs, &player.random.named("pairs"))?;
    Ok(ProbeResult {
        protocol: "probe",
        environment: player.environment.name().to_owned(),
        episodes: config.episodes,
        transitions,
        random_steps,
        features_r2,
        phi_r2,
        discriminator_accuracy: told.map(|told| told.accuracy),
        discriminator_area: told.map(|told| told.area),
    })
}

/// The mean length of episodes that the agent plays by itself, which are none of those that are probed.
fn typical_length(player: &mut Player<'_>) -> Result<usize> {
    let mut steps = 0;
    for number in 0..TYPICAL {
        steps += player.play(u64::MAX - number, 0, &mut |_, _, _| Ok(()))?.length;
    }
    Ok(steps.div_ceil(TYPICAL as usize))
}

/// Some episodes as features and returns.
#[derive(Default)]
struct Part {
    features: Instances,
    phi: Instances,
    /// φ of all steps, `[steps, dimension]` an episode, where the agent learns it.
    pairs: Vec<Tensor<2>>,
    /// What the discriminator is to find, step by step.
    rows: Vec<Row>,
}

impl Part {
    fn add(&mut self, agent: &dyn Agent, space: Actions, kept: Kept, episode: u64) -> Result<()> {
        let features = agent.features(&kept.observations)?;
        let actions = action_features(&kept.actions, space, &features.device());
        self.features.features.extend(host::values(Tensor::cat(vec![features, actions], 1))?);
        if let Some(phi) = pair_features(agent, &kept.observations, &kept.actions)? {
            self.phi.features.extend(host::values(phi.clone())?);
            self.pairs.push(phi);
        }
        let rows = kept.segments.iter().map(|of| Row { segment: (episode, of.number), value: of.value });
        self.rows.extend(rows);
        self.features.targets.extend_from_slice(&kept.returns);
        self.phi.targets.extend(kept.returns);
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

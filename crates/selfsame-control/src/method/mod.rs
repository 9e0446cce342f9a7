//! The agents, and what else their encoders learn by: one paper, one file.
//!
//! To add an agent, write its file and its line in [`METHODS`]; to add an auxiliary objective, its file and its line in
//! [`auxiliary::AUXILIARIES`]. Nothing else changes.

pub mod auxiliary;
mod curl;
mod descent;
mod rainbow;
mod rcrl;
mod sac;
mod settings;
mod sight;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

pub use curl::CurlConfig;
pub use descent::{Descent, DescentConfig};
pub use rainbow::{Rainbow, RainbowConfig, double_target};
pub use rcrl::{Objective, RcrlConfig};
pub use sac::{Sac, SacConfig};
pub use settings::{DEFAULTS, PAPER, resolve_auto};
pub use sight::{Sight, ViewConfig};

use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::Optimizer;
use selfsame_core::pretrain::About;
use selfsame_core::settings::{Resolved, unknown_name};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Error, Random, Result};
use serde::Deserialize;

use crate::data::replay::Replay;
use crate::data::{Action, Actions, Pixels};
use crate::view::Size;

/// Named parts of a loss and what else there is to record, `[1]` each, without gradients.
pub type Terms = Vec<(&'static str, Tensor<1>)>;

/// How to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acting {
    /// Anything, all equally likely: before anything is learned.
    Random,
    /// As the agent explores.
    Explore,
    /// As well as it can.
    Greedy,
}

/// What an agent wants of the loop and of the replay.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Frames of an observation.
    pub stack: usize,
    /// Transitions of an update.
    pub batch_size: usize,
    /// n: rewards of a return before it is completed with a value.
    pub multi_step: usize,
    /// γ.
    pub discount: f64,
    /// ω: transitions are drawn in proportion to priority^ω; 0 draws uniformly.
    pub priority: f64,
    /// Where segments end, if an objective is about them.
    pub segments: Option<SegmentReward>,
    /// Agent steps that are taken at random first.
    pub random_steps: usize,
    /// Agent steps before the first update.
    pub first_update: usize,
    /// Agent steps from one update to the next.
    pub update_every: usize,
}

/// The reward that ends a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SegmentReward {
    /// Any that is not 0.
    Any,
    /// More than this, gathered.
    Gathered(f64),
    /// A tenth of what an episode gathers, once some are in the replay.
    Auto,
}

impl SegmentReward {
    /// Of a setting: none where it is to be chosen from the data.
    fn of(reward: Option<f64>) -> Self {
        match reward {
            None => Self::Auto,
            Some(0.0) => Self::Any,
            Some(reward) => Self::Gathered(reward),
        }
    }
}

/// Where in a training an update is.
#[derive(Clone, Debug)]
pub struct Update {
    /// Updates before this one.
    pub index: usize,
    /// The share of all agent steps that have been taken, `0..=1`.
    pub progress: f64,
    /// Randomness of this update.
    pub random: Random,
}

/// Who acts and learns.
pub trait Agent: Send {
    /// What it wants of the loop and of the replay.
    fn plan(&self) -> Plan;

    /// What to do in n observations `[n, stack · channels, height, width]`, whole as environments give them. `random` is that of this step.
    ///
    /// # Errors
    /// Bytes that are no whole observations; a device that fails.
    fn act(&mut self, observations: &[u8], acting: Acting, random: &Random) -> Result<Vec<Action>>;

    /// Learns from one batch: descends its loss, tells the replay how surprising each transition was, lets its targets follow.
    ///
    /// # Errors
    /// A replay with too few transitions; [`Error::Diverged`] when a loss is not finite: nothing has moved by that loss then.
    fn learn(&mut self, replay: &mut Replay, update: &Update) -> Result<Terms>;

    /// What belongs into a checkpoint, by name.
    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)>;

    /// The optimisers, whose state belongs into a checkpoint as well.
    fn optimizers(&mut self) -> Vec<(&'static str, &mut Optimizer)>;

    /// The encoder's features of n observations, `[n, features]`, without gradients.
    ///
    /// # Errors
    /// Bytes that are no whole observations.
    fn features(&self, observations: &[u8]) -> Result<Tensor<2>>;

    /// What tells pairs of state and action apart, if something does: see [`pair_features`] and [`difference`].
    fn pairs(&self) -> Option<&dyn auxiliary::TellsPairs>;
}

/// φ(x, a) of n observations and actions, `[n, dimension]`; none for an agent that tells no pairs apart.
///
/// # Errors
/// Bytes that are no whole observations.
pub fn pair_features(
    agent: &dyn Agent,
    observations: &[u8],
    actions: &[Action],
) -> Result<Option<Tensor<2>>> {
    let Some(pairs) = agent.pairs() else { return Ok(None) };
    Ok(Some(pairs.represent(agent.features(observations)?, actions)))
}

/// How much an agent expects the returns of pairs to differ, 0 not at all, 1 surely: `[n]`, given [`pair_features`] of both; none for an agent that tells
/// no pairs apart.
pub fn difference(agent: &dyn Agent, first: Tensor<2>, second: Tensor<2>) -> Option<Tensor<1>> {
    agent.pairs().map(|pairs| pairs.difference(first, second))
}

/// What the program and the loop need to know of an agent before it is built.
pub struct Entry {
    /// What there is to say of it.
    pub about: About,
    /// Builds it.
    pub build: fn(&Build<'_>) -> Result<Box<dyn Agent>>,
}

/// What an agent is built from.
pub struct Build<'a> {
    /// The settings of the training, without any `auto` that [`resolve_auto`] knows.
    pub settings: &'a Resolved,
    /// What can be done.
    pub actions: Actions,
    /// The size of one frame.
    pub pixels: Pixels,
    /// Randomness of the initial weights.
    pub random: Random,
    /// Where it lives, with gradients.
    pub device: Device,
}

#[derive(Deserialize)]
struct Stack {
    stack: usize,
}

#[derive(Deserialize)]
struct Batch {
    batch_size: usize,
}

impl Build<'_> {
    /// Frames of an observation, and transitions of an update.
    fn stack_and_batch(&self) -> Result<[usize; 2]> {
        let Stack { stack } = self.settings.section("data")?;
        let Batch { batch_size } = self.settings.section("run")?;
        settings::check_size(self.settings, "data.stack", stack)?;
        settings::check_size(self.settings, "run.batch_size", batch_size)?;
        Ok([stack, batch_size])
    }

    /// The size of an observation of so many frames.
    fn observation(&self, stack: usize) -> Size {
        let Pixels { channels, height, width } = self.pixels;
        Size { channels: stack * channels, height, width }
    }

    /// The objectives beside the agent's own.
    fn auxiliaries(&self, features: usize) -> Result<auxiliary::Auxiliaries> {
        auxiliary::Auxiliaries::build(&auxiliary::AuxiliaryBuild {
            settings: self.settings,
            features,
            actions: self.actions,
            random: self.random.named("auxiliary"),
            device: self.device.clone(),
        })
    }
}

/// Rainbow for discrete actions, SAC for continuous ones.
fn that_suits(from: &Build<'_>) -> Result<Box<dyn Agent>> {
    match from.actions {
        Actions::Discrete(_) => (rainbow::ENTRY.build)(from),
        Actions::Continuous(_) => (sac::ENTRY.build)(from),
    }
}

/// The error for actions that an agent does not have.
fn other_actions(agent: &str, has: &str, other: &str) -> Error {
    Error::config(
        format!("{agent} chooses among {has} actions, which this environment does not have"),
        format!("train {other}; curl and rcrl take the agent that suits the actions"),
    )
}

/// Every method of control, in the order in which `selfsame list methods` shows them.
pub const METHODS: &[Entry] = &[rainbow::ENTRY, sac::ENTRY, curl::ENTRY, rcrl::ENTRY];

/// The method of this name.
///
/// # Errors
/// Unknown names, with the closest known one.
pub fn by_name(name: &str) -> Result<&'static Entry> {
    METHODS.iter().find(|entry| entry.about.name == name).ok_or_else(|| {
        let names: Vec<&str> = METHODS.iter().map(|entry| entry.about.name).collect();
        unknown_name("method", name, &names)
    })
}

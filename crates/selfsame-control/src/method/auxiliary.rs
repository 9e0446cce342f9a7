//! Auxiliary objectives: what else an encoder learns by, beside an agent's own loss.
//!
//! An agent knows none of them by name. To add one, write its file and its line in [`AUXILIARIES`].

use selfsame_core::nn::Parameters;
use selfsame_core::settings::{Resolved, unknown_name};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Random, Result};

use super::sight::Sight;
use super::{Terms, curl, rcrl};
use crate::data::replay::{Batch, Replay};
use crate::data::{Action, Actions};
use crate::model::Encoder;
use crate::view::View;

/// What an objective may look at: the batch that the agent has just learned from, and both encoders.
pub struct Seen<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// Where it comes from.
    pub replay: &'a Replay,
    /// The encoder that learns.
    pub online: &'a dyn Encoder,
    /// Its momentum copy, without gradients.
    pub key: &'a dyn Encoder,
    /// How both see.
    pub sight: &'a Sight,
    /// Randomness of this update.
    pub random: &'a Random,
    /// What the encoder that learns makes of the batch's observations, seen as the agent's own objective sees them: `[batch, features]`, with gradients.
    pub features: Tensor<2>,
}

impl Seen<'_> {
    /// What the encoder that learns makes of a contrastive view of the batch's observations: `[batch, features]`, with gradients.
    ///
    /// # Errors
    /// Never, for a batch of the agent's observations.
    pub fn queries(&self) -> Result<Tensor<2>> {
        // Where the agent learns from random crops, its own crop is one of the two (as in CURL's code).
        if self.sight.contrast == self.sight.learning {
            return Ok(self.features.clone());
        }
        let random = self.random.named("query");
        let pictures = self.sight.see(self.sight.contrast, &self.batch.observations, &random)?;
        Ok(self.online.encode(Tensor::from_inner(pictures)))
    }

    /// What the momentum encoder makes of other observations, `[n, features]`, without gradients. `name` addresses the randomness of the view.
    ///
    /// # Errors
    /// Bytes that are no whole observations.
    pub fn keys(&self, observations: &[u8], view: View, name: &str) -> Result<Tensor<2>> {
        Ok(self.key.encode(self.sight.see(view, observations, &self.random.named(name))?))
    }
}

/// One auxiliary objective, with what it trains beside the encoder.
pub trait Auxiliary: Send {
    /// As in `method.auxiliary`.
    fn name(&self) -> &'static str;

    /// What its loss counts beside the agent's.
    fn weight(&self) -> f64;

    /// The loss, `[1]`; none while the replay does not hold what it is about.
    ///
    /// # Errors
    /// When the batch cannot be used.
    fn loss(&self, seen: &Seen<'_>) -> Result<Option<Tensor<1>>>;

    /// What is trained beside the encoder.
    fn head(&mut self) -> &mut dyn Parameters;

    /// Lets the momentum copy of the head follow as the encoder's does.
    fn follow(&mut self, momentum: f64);

    /// What belongs into a checkpoint, by name.
    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)>;

    /// The pairs of states and actions that it tells apart, if it does.
    fn pairs(&self) -> Option<&dyn TellsPairs> {
        None
    }
}

/// What represents states together with actions, and tells whether two pairs lead to different returns.
pub trait TellsPairs {
    /// The reward that ends a segment; none where it is to be chosen from the data.
    fn segment_reward(&self) -> Option<f64>;

    /// φ(x, a), `[n, dimension]`, of the encoder's features and n actions, without gradients.
    fn represent(&self, features: Tensor<2>, actions: &[Action]) -> Tensor<2>;

    /// Near 0 for pairs that lead to the same return, near 1 for others: `[n]`, given φ of both.
    fn difference(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1>;
}

/// What an auxiliary objective is built from.
pub struct AuxiliaryBuild<'a> {
    /// The settings of the training.
    pub settings: &'a Resolved,
    /// Numbers that the encoder makes of a picture.
    pub features: usize,
    /// What can be done.
    pub actions: Actions,
    /// Randomness of initial weights.
    pub random: Random,
    /// Where it lives, with gradients.
    pub device: Device,
}

/// Builds one.
type BuildAuxiliary = fn(&AuxiliaryBuild<'_>) -> Result<Box<dyn Auxiliary>>;

/// Every auxiliary objective by its name.
pub const AUXILIARIES: &[(&str, BuildAuxiliary)] = &[("curl", curl::auxiliary), ("rcrl", rcrl::auxiliary)];

/// Those of an agent.
pub struct Auxiliaries(Vec<Box<dyn Auxiliary>>);

impl Auxiliaries {
    /// Those that `method.auxiliary` names: `none`, one, or several with `+` between them.
    ///
    /// # Errors
    /// Unknown names, and settings that cannot be used.
    pub fn build(from: &AuxiliaryBuild<'_>) -> Result<Self> {
        let named = from.settings.text("method.auxiliary");
        if matches!(named, "none" | "") {
            return Ok(Self(Vec::new()));
        }
        let mut all: Vec<Box<dyn Auxiliary>> = Vec::new();
        for name in named.split('+').map(str::trim) {
            let Some((_, build)) = AUXILIARIES.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> =
                    ["none"].into_iter().chain(AUXILIARIES.iter().map(|known| known.0)).collect();
                return Err(unknown_name("auxiliary objective", name, &known));
            };
            if all.iter().any(|auxiliary| auxiliary.name() == name) {
                let help = "name each once: curl+rcrl";
                return Err(from.settings.reject(
                    "method.auxiliary",
                    format!("`{name}` is there twice"),
                    help,
                ));
            }
            all.push(build(from)?);
        }
        Ok(Self(all))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The weighted sum of all losses, `[1]`, none where there is none, and each of them.
    ///
    /// # Errors
    /// When the batch cannot be used.
    pub fn loss(&self, seen: &Seen<'_>) -> Result<(Option<Tensor<1>>, Terms)> {
        let (mut total, mut terms): (Option<Tensor<1>>, Terms) = (None, Vec::new());
        for auxiliary in &self.0 {
            let Some(loss) = auxiliary.loss(seen)? else { continue };
            terms.push((auxiliary.name(), loss.clone().without_autodiff()));
            let loss = loss * auxiliary.weight();
            total = Some(match total {
                Some(sum) => sum + loss,
                None => loss,
            });
        }
        Ok((total, terms))
    }

    /// What they train beside the encoder.
    pub fn heads(&mut self) -> impl Iterator<Item = (&'static str, &mut dyn Parameters)> {
        self.0.iter_mut().map(|auxiliary| (auxiliary.name(), auxiliary.head()))
    }

    /// Lets the momentum copies of the heads follow.
    pub fn follow(&mut self, momentum: f64) {
        self.0.iter_mut().for_each(|auxiliary| auxiliary.follow(momentum));
    }

    /// What belongs into a checkpoint.
    pub fn state(&mut self) -> impl Iterator<Item = (&'static str, &mut dyn Parameters)> {
        self.0.iter_mut().flat_map(|auxiliary| auxiliary.state())
    }

    /// The first that tells pairs apart.
    pub fn pairs(&self) -> Option<&dyn TellsPairs> {
        self.0.iter().find_map(|auxiliary| auxiliary.pairs())
    }
}

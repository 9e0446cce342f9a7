//! Playing episodes with an agent that does not learn.

use selfsame_core::{Error, Random, Result};

use crate::data::{Action, Environment, Outcome};
use crate::method::{Acting, Agent};
use crate::pretrain::Observation;

/// An agent in an environment.
pub struct Player<'a> {
    /// Who acts.
    pub agent: &'a mut dyn Agent,
    /// Where.
    pub environment: &'a mut dyn Environment,
    /// How.
    pub acting: Acting,
    /// Steps after which an episode is cut off, which may have no end of its own.
    pub max_steps: usize,
    /// Of the episodes' beginnings and of all random actions.
    pub random: Random,
}

/// An episode that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Played {
    /// The sum of its rewards, as the environment gave them.
    pub total: f64,
    /// Its steps.
    pub length: usize,
    /// Whether it was cut off here, and not by the environment.
    pub cut_off: bool,
}

impl Player<'_> {
    /// Plays the episode of this number, whose first `random_steps` actions are random; `see` is told of every step: what was seen (all frames of the
    /// observation), what was done, and what that led to.
    ///
    /// # Errors
    /// An environment or a device that fails, and those of `see`.
    pub fn play(
        &mut self,
        number: u64,
        random_steps: usize,
        see: &mut dyn FnMut(&Observation, &Action, &Outcome) -> Result<()>,
    ) -> Result<Played> {
        let random = self.random.at(number);
        let frame = self.environment.reset(random.named("episode").bits())?;
        let mut observation = Observation::begin(&frame, self.agent.plan().stack);
        let mut played = Played { total: 0.0, length: 0, cut_off: false };
        while played.length < self.max_steps {
            let random = random.named("act").at(played.length as u64);
            let acting = if played.length < random_steps { Acting::Random } else { self.acting };
            let action = self.agent.act(observation.bytes(), acting, &random)?.pop();
            let action = action.ok_or_else(|| Error::Internal("the agent does not act".into()))?;
            let outcome = self.environment.step(&action)?;
            see(&observation, &action, &outcome)?;
            played.total += f64::from(outcome.reward);
            played.length += 1;
            if outcome.terminated || outcome.truncated {
                return Ok(played);
            }
            observation.push(&outcome.frame);
        }
        Ok(Played { cut_off: true, ..played })
    }
}

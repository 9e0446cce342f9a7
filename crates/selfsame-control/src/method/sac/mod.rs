//! SAC from pixels.
//!
//! Tuomas Haarnoja et al. Soft Actor-Critic Algorithms and Applications. 2018, arXiv 1812.05905.
//! Denis Yarats et al. Improving Sample Efficiency in Model-Free Reinforcement Learning from Images. AAAI 2021, arXiv 1910.01741 (encoder), as in CURL, arXiv
//! 2004.04136 (crops and settings).
//!
//! Two critics learn the soft value of an action (1812.05905, eq. 5 and 6), the actor what they value and entropy (eq. 9), the temperature to keep the entropy
//! near what is wanted (eq. 18). The encoder learns from the critics, not from the actor (1910.01741, section 4.2), which shares its convolutions only and has the
//! layers after them for itself (the authors' code, and CURL's).

mod config;

use burn::module::Module;
pub use config::SacConfig;
use selfsame_core::loss::{actor_loss, critic_loss, soft_target, temperature_loss};
use selfsame_core::momentum_encoder::MomentumEncoder;
use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::Optimizer;
use selfsame_core::pretrain::About;
use selfsame_core::tensor::Tensor;
use selfsame_core::{Random, Result, host};

use super::auxiliary::{Auxiliaries, Seen, TellsPairs};
use super::settings::PAPER;
use super::{Acting, Agent, Build, Descent, DescentConfig, Entry, Plan, SegmentReward, Sight, Terms, Update};
use crate::data::replay::{Batch, Replay};
use crate::data::{Action, Actions};
use crate::model::{Actor, Encoder, PixelEncoder, Temperature, TwinCritics, action_features, column};

/// SAC in the table of methods.
pub const ENTRY: Entry = Entry {
    about: About {
        name: "sac",
        title: "SAC",
        paper: "Haarnoja et al. 2018, arXiv 1812.05905; from pixels: Yarats et al. AAAI 2021, arXiv 1910.01741",
        summary: "continuous control from pixels: an actor, two critics and an encoder that learns from them",
        small: "",
        paper_settings: PAPER,
    },
    build,
};

/// What learns from the critics' loss.
#[derive(Module, Debug)]
struct Critic {
    encoder: PixelEncoder,
    values: TwinCritics,
}

/// The agent.
pub struct Sac {
    config: SacConfig,
    plan: Plan,
    actions: usize,
    sight: Sight,
    critic: Critic,
    actor: Actor,
    temperature: Temperature,
    target_encoder: MomentumEncoder<PixelEncoder>,
    target_values: MomentumEncoder<TwinCritics>,
    auxiliaries: Auxiliaries,
    critic_descent: Descent,
    actor_descent: Descent,
    temperature_descent: Descent,
    auxiliary_descent: Descent,
}

fn build(from: &Build<'_>) -> Result<Box<dyn Agent>> {
    Ok(Box::new(Sac::new(from)?))
}

impl Sac {
    /// # Errors
    /// Discrete actions; frames that are too small; settings that cannot be used.
    pub fn new(from: &Build<'_>) -> Result<Self> {
        let Actions::Continuous(actions) = from.actions else {
            return Err(super::other_actions("sac", "continuous", "rainbow"));
        };
        let config = SacConfig::of(from.settings)?;
        let [stack, batch_size] = from.stack_and_batch()?;
        let sight = Sight::cropped(from, stack)?;
        let (random, device) = (from.random.named("sac"), &from.device);
        let sizes = [config.layers, config.channels, config.features];
        let encoder = PixelEncoder::new(sight.seen()?, sizes, &random.named("encoder"), device)?;
        let [features, hidden] = [config.features, config.hidden];
        let values = TwinCritics::new([features, hidden, actions], &random.named("critics"), device)?;
        let actor = Actor::new([encoder.cells(), features, hidden, actions], &random.named("actor"), device)?;
        let auxiliaries = from.auxiliaries(config.features)?;
        let plan = Plan {
            stack,
            batch_size,
            multi_step: 1,
            discount: config.discount,
            priority: 0.0,
            segments: auxiliaries.pairs().map(|pairs| SegmentReward::of(pairs.segment_reward())),
            random_steps: config.random_steps,
            first_update: config.first_update,
            update_every: config.update_every,
        };
        let adam = DescentConfig::of(from.settings)?;
        let of_temperature = DescentConfig {
            lr: config.temperature_lr,
            beta_1: config.temperature_beta_1,
            clip: 0.0,
            ..adam.clone()
        };
        Ok(Self {
            temperature: Temperature::new(config.temperature, device),
            config,
            plan,
            actions,
            sight,
            target_encoder: MomentumEncoder::new(&encoder),
            target_values: MomentumEncoder::new(&values),
            critic: Critic { encoder, values },
            actor,
            auxiliaries,
            critic_descent: Descent::new(&adam),
            actor_descent: Descent::new(&adam),
            temperature_descent: Descent::new(&of_temperature),
            auxiliary_descent: Descent::new(&adam),
        })
    }

    /// The loss, and what else there is to record; so are the others.
    fn learn_values(
        &mut self,
        batch: &Batch,
        pictures: Tensor<4>,
        random: &Random,
    ) -> Result<(Tensor<1>, Terms)> {
        let device = &self.sight.device;
        let next = self.sight.see(self.sight.learning, &batch.next_observations, &random.named("next"))?;
        let policy = self.actor.valid();
        let drawn = policy.draw(self.critic.encoder.valid().maps(next.clone()), &random.named("next action"));
        let values =
            self.target_values.module().values(self.target_encoder.module().encode(next), drawn.actions);
        let [returns, discounts] = [&batch.returns, &batch.discounts].map(|numbers| column(numbers, device));
        let temperature = self.temperature.value().without_autodiff();
        let target = soft_target(returns, discounts, values, drawn.log_probability, temperature);

        let actions =
            Tensor::from_inner(action_features(&batch.actions, Actions::Continuous(self.actions), device));
        let values =
            self.critic.values.values(self.critic.encoder.encode(Tensor::from_inner(pictures)), actions);
        let mean = values[0].clone().without_autodiff().mean();
        let loss = critic_loss(values, Tensor::from_inner(target));
        self.critic_descent.step(&loss, &mut [("critic", &mut self.critic)])?;
        let loss = loss.without_autodiff();
        Ok((loss.clone(), vec![("critic", loss), ("q", mean)]))
    }

    /// `maps`: what the convolutions make of the batch, without gradients: none of the actor's reaches encoder or critics.
    fn learn_policy(&mut self, maps: Tensor<2>, random: &Random) -> Result<(Tensor<1>, Terms)> {
        let features = Tensor::from_inner(self.critic.encoder.valid().summarise(maps.clone()));
        let drawn = self.actor.draw(Tensor::from_inner(maps), &random.named("action"));
        let values = self.critic.values.clone().no_grad().values(features, drawn.actions);
        let log_probability = drawn.log_probability;
        let alpha = self.temperature.value();
        let loss = actor_loss(values, log_probability.clone(), alpha.clone());
        self.actor_descent.step(&loss, &mut [("actor", &mut self.actor)])?;
        // The entropy that is wanted is −|A| (1812.05905, appendix D).
        let of_temperature = temperature_loss(alpha.clone(), log_probability.clone(), -(self.actions as f64));
        self.temperature_descent.step(&of_temperature, &mut [("temperature", &mut self.temperature)])?;
        let entropy = log_probability.without_autodiff().mean() * -1.0;
        let loss = loss.without_autodiff();
        let terms =
            vec![("actor", loss.clone()), ("temperature", alpha.without_autodiff()), ("entropy", entropy)];
        Ok((loss + of_temperature.without_autodiff(), terms))
    }

    fn learn_auxiliaries(
        &mut self,
        batch: &Batch,
        features: Tensor<2>,
        replay: &Replay,
        random: &Random,
    ) -> Result<(Option<Tensor<1>>, Terms)> {
        let seen = Seen {
            batch,
            replay,
            online: &self.critic.encoder,
            key: self.target_encoder.module(),
            sight: &self.sight,
            random,
            features,
        };
        let (loss, terms) = self.auxiliaries.loss(&seen)?;
        if let Some(loss) = &loss {
            let mut modules: Vec<(&'static str, &mut dyn Parameters)> =
                vec![("encoder", &mut self.critic.encoder)];
            modules.extend(self.auxiliaries.heads());
            self.auxiliary_descent.step(loss, &mut modules)?;
        }
        Ok((loss.map(Tensor::without_autodiff), terms))
    }
}

impl Agent for Sac {
    fn plan(&self) -> Plan {
        self.plan.clone()
    }

    fn act(&mut self, observations: &[u8], acting: Acting, random: &Random) -> Result<Vec<Action>> {
        let pictures = self.sight.see(self.sight.acting, observations, random)?;
        let count = pictures.dims()[0];
        let values = if acting == Acting::Random {
            let mut numbers = (0..count * self.actions).map(|at| random.at(at as u64).range(-1.0, 1.0));
            numbers.by_ref().collect()
        } else {
            let (maps, actor) = (self.critic.encoder.valid().maps(pictures), self.actor.valid());
            let actions = match acting {
                Acting::Greedy => actor.mean(maps),
                _ => actor.draw(maps, random).actions,
            };
            host::values(actions)?
        };
        Ok(values.chunks_exact(self.actions.max(1)).map(|row| Action::Continuous(row.to_vec())).collect())
    }

    fn learn(&mut self, replay: &mut Replay, update: &Update) -> Result<Terms> {
        let random = &update.random;
        let batch = replay.sample(self.plan.batch_size, 0.0, &random.named("replay"))?;
        let pictures = self.sight.see(self.sight.learning, &batch.observations, &random.named("learning"))?;
        let (mut loss, mut terms) = self.learn_values(&batch, pictures.clone(), random)?;
        // Actor and auxiliary objectives see what the same convolutions, which have just moved, make of the batch: it is computed once.
        let with_gradients = (!self.auxiliaries.is_empty())
            .then(|| self.critic.encoder.maps(Tensor::from_inner(pictures.clone())));
        if update.index.is_multiple_of(self.config.delay) {
            let maps = match &with_gradients {
                Some(maps) => maps.clone().inner(),
                None => self.critic.encoder.valid().maps(pictures),
            };
            let (of_policy, more) = self.learn_policy(maps, random)?;
            loss = loss + of_policy;
            terms.extend(more);
            self.target_values.follow(&self.critic.values, 1.0 - self.config.critic_tau);
            self.target_encoder.follow(&self.critic.encoder, 1.0 - self.config.encoder_tau);
            self.auxiliaries.follow(1.0 - self.config.encoder_tau);
        }
        if let Some(maps) = with_gradients {
            let features = self.critic.encoder.summarise(maps);
            let (of_auxiliaries, more) = self.learn_auxiliaries(&batch, features, replay, random)?;
            loss = of_auxiliaries.into_iter().fold(loss, |sum, loss| sum + loss);
            terms.extend(more);
        }
        // What was descended in this update, auxiliary losses by their weights.
        terms.push(("loss", loss));
        Ok(terms)
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        let mut parts: Vec<(&'static str, &mut dyn Parameters)> = vec![
            ("critic", &mut self.critic),
            ("actor", &mut self.actor),
            ("temperature", &mut self.temperature),
            ("target_encoder", self.target_encoder.module_mut()),
            ("target_values", self.target_values.module_mut()),
        ];
        parts.extend(self.auxiliaries.state());
        parts
    }

    fn optimizers(&mut self) -> Vec<(&'static str, &mut Optimizer)> {
        vec![
            ("optimizer.critic", &mut self.critic_descent.optimizer),
            ("optimizer.actor", &mut self.actor_descent.optimizer),
            ("optimizer.temperature", &mut self.temperature_descent.optimizer),
            ("optimizer.auxiliary", &mut self.auxiliary_descent.optimizer),
        ]
    }

    fn features(&self, observations: &[u8]) -> Result<Tensor<2>> {
        let pictures = self.sight.see(self.sight.acting, observations, &Random::new(0))?;
        Ok(self.critic.encoder.valid().encode(pictures))
    }

    fn pairs(&self) -> Option<&dyn TellsPairs> {
        self.auxiliaries.pairs()
    }
}

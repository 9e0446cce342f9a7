//! Rainbow, data-efficient.
//!
//! Matteo Hessel et al. Rainbow: Combining Improvements in Deep Reinforcement Learning. AAAI 2018, arXiv 1710.02298.
//! Hado van Hasselt, Matteo Hessel, John Aslanides. When to use parametric models in reinforcement learning? NeurIPS 2019, arXiv 1906.05243 (appendix E:
//! the data-efficient settings).
//!
//! The distribution of returns of n steps (1710.02298, "Multi-step"; 1707.06887) is learned for the action that the online network prefers and the target
//! network values ("Double"), with prioritised draws, duelling streams and noisy layers that explore by themselves.

mod config;

use burn::module::Module;
use burn::tensor::activation::softmax;
pub use config::RainbowConfig;
use selfsame_core::loss::{Support, categorical_cross_entropy, categorical_projection};
use selfsame_core::momentum_encoder::MomentumEncoder;
use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::Optimizer;
use selfsame_core::pretrain::About;
use selfsame_core::tensor::{Tensor, TensorData};
use selfsame_core::{Random, Result, host};

use super::auxiliary::{Auxiliaries, Seen, TellsPairs};
use super::settings::PAPER;
use super::{Acting, Agent, Build, Descent, DescentConfig, Entry, Plan, SegmentReward, Sight, Terms, Update};
use crate::data::replay::Replay;
use crate::data::{Action, Actions};
use crate::model::{Duelling, Encoder, StridedEncoder, column};

/// Rainbow in the table of methods.
pub const ENTRY: Entry = Entry {
    about: About {
        name: "rainbow",
        title: "Rainbow",
        paper: "Hessel et al. AAAI 2018, arXiv 1710.02298; data-efficient: van Hasselt, Hessel, Aslanides. NeurIPS 2019, arXiv 1906.05243",
        summary: "values of discrete actions as distributions; learns games from pixels with few steps",
        small: "",
        paper_settings: PAPER,
    },
    build,
};

/// Encoder and head.
#[derive(Module, Debug)]
struct Network {
    encoder: StridedEncoder,
    head: Duelling,
}

impl Network {
    /// Logits, `[batch, actions, atoms]`.
    fn logits(&self, pictures: Tensor<4>, noise: Option<&Random>) -> Tensor<3> {
        self.head.forward(self.encoder.encode(pictures), noise)
    }
}

/// The agent.
pub struct Rainbow {
    config: RainbowConfig,
    plan: Plan,
    support: Support,
    actions: usize,
    sight: Sight,
    network: Network,
    target: MomentumEncoder<Network>,
    /// None without auxiliary objectives.
    key: Option<MomentumEncoder<StridedEncoder>>,
    auxiliaries: Auxiliaries,
    descent: Descent,
}

fn build(from: &Build<'_>) -> Result<Box<dyn Agent>> {
    Ok(Box::new(Rainbow::new(from)?))
}

impl Rainbow {
    /// # Errors
    /// Continuous actions; frames that are too small; settings that cannot be used.
    pub fn new(from: &Build<'_>) -> Result<Self> {
        let Actions::Discrete(actions) = from.actions else {
            return Err(super::other_actions("rainbow", "discrete", "sac"));
        };
        let config = RainbowConfig::of(from.settings)?;
        let [stack, batch_size] = from.stack_and_batch()?;
        let support = Support { low: config.low, high: config.high, atoms: config.atoms };
        let sight = Sight::shifted(from, stack)?;
        let random = from.random.named("rainbow");
        let encoder =
            StridedEncoder::new(sight.seen()?, config.channels, &random.named("encoder"), &from.device)?;
        let sizes = [encoder.features(), config.hidden];
        let outputs = [actions, config.atoms];
        let head = Duelling::new(sizes, outputs, config.noise, &random.named("head"), &from.device);
        let auxiliaries = from.auxiliaries(encoder.features())?;
        let key = (!auxiliaries.is_empty()).then(|| MomentumEncoder::new(&encoder));
        let network = Network { encoder, head };
        let plan = Plan {
            stack,
            batch_size,
            multi_step: config.multi_step,
            discount: config.discount,
            priority: config.priority,
            segments: auxiliaries.pairs().map(|pairs| SegmentReward::of(pairs.segment_reward())),
            random_steps: 0,
            first_update: config.first_update,
            update_every: config.update_every,
        };
        let (target, descent) =
            (MomentumEncoder::new(&network), Descent::new(&DescentConfig::of(from.settings)?));
        Ok(Self { config, plan, support, actions, sight, network, target, key, auxiliaries, descent })
    }

    /// An update, from the replay's batch to the targets that follow.
    fn descend(&mut self, replay: &mut Replay, update: &Update) -> Result<Terms> {
        let (random, device) = (&update.random, &self.sight.device);
        // Proportional prioritisation; β rises to 1 (Schaul et al. 2016, arXiv 1511.05952, section 3.4).
        let beta = self.config.beta + (1.0 - self.config.beta) * update.progress;
        let batch = replay.sample(self.plan.batch_size, beta, &random.named("replay"))?;
        let (noise, target_noise) = (random.named("noise"), random.named("target noise"));

        // The three passes need nothing of each other, and their layers are too small to keep several threads busy.
        let Self { sight, network, target, .. } = &*self;
        let see = |observations| sight.see(sight.learning, observations, random);
        let next = || -> Result<_> {
            let next = see(&batch.next_observations)?;
            let online = || network.valid().logits(next.clone(), Some(&noise));
            let target = || target.module().logits(next.clone(), Some(&target_noise));
            Ok(<[Tensor<3>; 2]>::from(rayon::join(online, target)))
        };
        let current = || -> Result<_> {
            let features = network.encoder.encode(Tensor::from_inner(see(&batch.observations)?));
            Ok((features.clone(), network.head.forward(features, Some(&noise))))
        };
        let (next, current) = rayon::join(next, current);
        let (next, (features, logits)) = (next?, current?);

        let targets = double_target(
            column(&batch.returns, device),
            column(&batch.discounts, device),
            next,
            self.support,
        )?;
        let losses = categorical_cross_entropy(of_actions(logits, &numbers(&batch.actions)), targets);
        let rl = (losses.clone() * column(&batch.weights, device)).mean();

        let (auxiliary, mut terms) = match &self.key {
            None => (None, Vec::new()),
            Some(key) => self.auxiliaries.loss(&Seen {
                batch: &batch,
                replay,
                online: &self.network.encoder,
                key: key.module(),
                sight: &self.sight,
                random,
                features,
            })?,
        };
        terms.push(("rl", rl.clone().without_autodiff()));
        let loss = match auxiliary {
            Some(auxiliary) => rl + auxiliary,
            None => rl,
        };
        let mut modules: Vec<(&'static str, &mut dyn Parameters)> = vec![("model", &mut self.network)];
        modules.extend(self.auxiliaries.heads());
        let norm = self.descent.step(&loss, &mut modules)?;
        terms.push(("gradient_norm", Tensor::from_floats([norm as f32], device)));
        terms.insert(0, ("loss", loss.without_autodiff()));
        // The loss of the agent alone: auxiliary losses are no reason to visit a transition more often.
        replay.set_priorities(&batch.indices, &host::values(losses.without_autodiff())?)?;

        if (update.index + 1).is_multiple_of(self.config.target_every) {
            self.target.follow(&self.network, 0.0);
        }
        if let Some(key) = &mut self.key {
            key.follow(&self.network.encoder, self.config.key_momentum);
            self.auxiliaries.follow(self.config.key_momentum);
        }
        Ok(terms)
    }
}

impl Agent for Rainbow {
    fn plan(&self) -> Plan {
        self.plan.clone()
    }

    fn act(&mut self, observations: &[u8], acting: Acting, random: &Random) -> Result<Vec<Action>> {
        let pictures = self.sight.see(self.sight.acting, observations, random)?;
        let best = match acting {
            Acting::Random => {
                let count = pictures.dims()[0] as u64;
                (0..count).map(|number| random.at(number).below(self.actions)).collect()
            }
            Acting::Explore => preferred(self.network.valid().logits(pictures, Some(random)), self.support)?,
            Acting::Greedy => preferred(self.network.valid().logits(pictures, None), self.support)?,
        };
        Ok(best.into_iter().map(Action::Discrete).collect())
    }

    // On one of the threads that share the work of large operations. From there an operation begins at once; a thread of another kind would hand over each
    // of the hundred operations of an update and sleep until it is done, which for networks as small as these is a good part of the time.
    fn learn(&mut self, replay: &mut Replay, update: &Update) -> Result<Terms> {
        rayon::scope(|_| self.descend(replay, update))
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        let mut parts: Vec<(&'static str, &mut dyn Parameters)> =
            vec![("model", &mut self.network), ("target", self.target.module_mut())];
        parts.extend(self.key.as_mut().map(|key| ("key", key.module_mut() as &mut dyn Parameters)));
        parts.extend(self.auxiliaries.state());
        parts
    }

    fn optimizers(&mut self) -> Vec<(&'static str, &mut Optimizer)> {
        vec![("optimizer", &mut self.descent.optimizer)]
    }

    fn features(&self, observations: &[u8]) -> Result<Tensor<2>> {
        let pictures = self.sight.see(self.sight.acting, observations, &Random::new(0))?;
        Ok(self.network.encoder.valid().encode(pictures))
    }

    fn pairs(&self) -> Option<&dyn TellsPairs> {
        self.auxiliaries.pairs()
    }
}

/// The distribution of returns that is learned, `[batch, atoms]`: what the target network makes of the action that the online network prefers in the next
/// state (double Q-learning), after `returns` and `discounts` `[batch]`. Both logits are `[batch, actions, atoms]`.
///
/// # Errors
/// When the device fails to hand out values.
pub fn double_target(
    returns: Tensor<1>,
    discounts: Tensor<1>,
    [online, target]: [Tensor<3>; 2],
    support: Support,
) -> Result<Tensor<2>> {
    let best = preferred(online, support)?;
    let next = softmax(of_actions(target, &best), 1);
    Ok(categorical_projection(returns, discounts, next, support))
}

/// The actions with the largest mean returns, the first of equals, given logits `[batch, actions, atoms]`.
fn preferred(logits: Tensor<3>, support: Support) -> Result<Vec<usize>> {
    let [_, actions, atoms] = logits.dims();
    let values = support.values(&logits.device()).reshape([1, 1, atoms]);
    let means = host::values((softmax(logits, 2) * values).sum_dim(2))?;
    let best = |means: &[f32]| {
        (1..actions).fold(0, |best, action| if means[action] > means[best] { action } else { best })
    };
    Ok(means.chunks_exact(actions.max(1)).map(best).collect())
}

/// The rows of these actions, `[batch, atoms]`.
fn of_actions(logits: Tensor<3>, actions: &[usize]) -> Tensor<2> {
    let [batch, count, atoms] = logits.dims();
    let mut chosen = vec![0.0f32; batch * count];
    for (row, &action) in chosen.chunks_exact_mut(count.max(1)).zip(actions) {
        row[action.min(count - 1)] = 1.0;
    }
    let chosen = Tensor::<3>::from_data(TensorData::new(chosen, [batch, count, 1]), &logits.device());
    (logits * chosen).sum_dim(1).reshape([batch, atoms])
}

fn numbers(actions: &[Action]) -> Vec<usize> {
    let number = |action: &Action| match action {
        Action::Discrete(number) => *number,
        Action::Continuous(_) => 0,
    };
    actions.iter().map(number).collect()
}

//! An environment that counts and an agent of one number: what the loop does with them can be written down by hand.

use std::sync::{Arc, Mutex};

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use selfsame_core::nn::Parameters;
use selfsame_core::optimizer::{Optimizer, OptimizerConfig, OptimizerName};
use selfsame_core::{Error, Random, Result, host};

use crate::data::replay::Replay;
use crate::data::{Action, Actions, Environment, Outcome, Pixels};
use crate::method::auxiliary::TellsPairs;
use crate::method::{Acting, Agent, Plan, Terms, Update};

/// What happened, in order.
pub type Log = Arc<Mutex<Vec<String>>>;

/// Frames of one pixel that shows the step of the episode. Episodes end after as many steps as their seed says, 3 to 6; the reward is the action.
pub struct Counting {
    pub log: Log,
    pub resumes: bool,
    pub step: u8,
    pub end: u8,
    /// Beginnings and steps after which it fails.
    pub fails_after: Option<usize>,
    pub asked: usize,
}

impl Counting {
    pub fn new(log: &Log, resumes: bool) -> Self {
        Self { log: log.clone(), resumes, step: 0, end: 0, fails_after: None, asked: 0 }
    }

    fn ask(&mut self) -> Result<()> {
        if self.fails_after == Some(self.asked) {
            return Err(Error::data("counting", "the toy is broken", "mend it"));
        }
        self.asked += 1;
        Ok(())
    }
}

impl Environment for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn pixels(&self) -> Pixels {
        Pixels { channels: 1, height: 1, width: 1 }
    }

    fn actions(&self) -> Actions {
        Actions::Discrete(4)
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<u8>> {
        self.ask()?;
        (self.step, self.end) = (0, 3 + (seed % 4) as u8);
        self.log.lock().unwrap().push("reset".into());
        Ok(vec![0])
    }

    fn step(&mut self, action: &Action) -> Result<Outcome> {
        self.ask()?;
        self.step += 1;
        let Action::Discrete(action) = action else { return Err(Error::Internal("not an action".into())) };
        self.log.lock().unwrap().push(format!("step {action}"));
        Ok(Outcome {
            frame: vec![self.step],
            reward: *action as f32,
            terminated: self.step == self.end,
            truncated: false,
            life_lost: false,
        })
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.resumes.then(|| vec![self.step, self.end])
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        (self.step, self.end) = (state[0], state[1]);
        Ok(())
    }
}

#[derive(Module, Debug)]
struct Network {
    weight: Param<Tensor<1>>,
}

/// Learns the mean of the returns, and acts at random.
pub struct Averaging {
    network: Network,
    optimizer: Optimizer,
    pub log: Log,
    pub broken_at: Option<usize>,
}

impl Averaging {
    pub fn new(log: &Log) -> Self {
        let device = Device::flex().autodiff();
        let config = OptimizerConfig { name: OptimizerName::Adam, lr: 0.1, ..OptimizerConfig::default() };
        Self {
            network: Network { weight: Param::from_tensor(Tensor::from_floats([0.0], &device)) },
            optimizer: config.init(),
            log: log.clone(),
            broken_at: None,
        }
    }
}

impl Agent for Averaging {
    fn plan(&self) -> Plan {
        Plan {
            stack: 2,
            batch_size: 4,
            multi_step: 1,
            discount: 0.5,
            priority: 0.5,
            segments: None,
            random_steps: 3,
            first_update: 6,
            update_every: 2,
        }
    }

    fn act(&mut self, observations: &[u8], acting: Acting, random: &Random) -> Result<Vec<Action>> {
        let mut random = random.named("toy");
        self.log.lock().unwrap().push(format!("act {observations:?} {acting:?}"));
        Ok(observations.chunks(2).map(|_| Action::Discrete(random.below(4))).collect())
    }

    fn learn(&mut self, replay: &mut Replay, update: &Update) -> Result<Terms> {
        self.log.lock().unwrap().push(format!("learn {} of {}", update.index, replay.len()));
        let batch = replay.sample(4, 0.4, &update.random)?;
        let mean = batch.returns.iter().sum::<f32>() / 4.0;
        let loss = (self.network.weight.val() - mean).powi_scalar(2);
        let gradients = self.network.gradients(&mut loss.backward());
        self.network.update(&mut |name, value| {
            let (_, gradient) = gradients.iter().find(|(known, _)| known == name)?;
            Some(self.optimizer.update(name, value, gradient.clone(), 0.1, false))
        });
        let loss = loss.without_autodiff();
        let error = host::scalar(loss.clone())? as f32;
        replay.set_priorities(&batch.indices, &[error, 1.0, 0.5, 0.25])?;
        let loss = if self.broken_at == Some(update.index) { loss * f32::NAN } else { loss };
        Ok(vec![("loss", loss.clone()), ("toy", loss * 2.0)])
    }

    fn state(&mut self) -> Vec<(&'static str, &mut dyn Parameters)> {
        vec![("model", &mut self.network)]
    }

    fn optimizers(&mut self) -> Vec<(&'static str, &mut Optimizer)> {
        vec![("optimizer", &mut self.optimizer)]
    }

    fn features(&self, observations: &[u8]) -> Result<Tensor<2>> {
        let values: Vec<f32> = observations.iter().map(|byte| f32::from(*byte)).collect();
        Ok(Tensor::<1>::from_floats(values.as_slice(), &Device::flex()).reshape([-1, 2]))
    }

    fn pairs(&self) -> Option<&dyn TellsPairs> {
        None
    }
}

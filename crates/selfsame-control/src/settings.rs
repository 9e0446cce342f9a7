//! The settings of an agent's training, section by section.

use std::path::PathBuf;

use selfsame_core::pretrain::RunSettings as CommonRun;
use selfsame_core::schedule::{ScheduleConfig, ScheduleKind};
use selfsame_core::settings::{Auto, Resolved};
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::data::{Environment, EnvironmentOptions, make};

/// The general defaults; a method's own go over them.
pub const DEFAULTS: &str = r#"
[data]
env = ""
environments = 1
python = "auto"
timeout = 60.0
size = "auto"
repeat = "auto"
no_ops = 30
sticky = 0.0
life_loss = true
full_actions = false
frame_limit = 108000
camera = 0
arguments = {}
stack = "auto"
capacity = 100000
replay_folder = ""
reward_clip = "auto"

[view]
crop = "auto"

[method]
name = "rainbow"
auxiliary = "none"

[method.rainbow]
channels = [32, 64]
hidden = 128
noise = 0.5
atoms = 51
low = -10.0
high = 10.0
multi_step = 3
discount = 0.99
priority = 0.5
beta = 0.4
first_update = 400
update_every = 1
target_every = 200
key_momentum = 0.99

[method.sac]
layers = 4
channels = 16
features = 50
hidden = 256
discount = 0.99
temperature = 0.1
temperature_lr = 1e-4
temperature_beta_1 = 0.5
critic_tau = 0.01
encoder_tau = 0.05
delay = 2
random_steps = 500
first_update = 500
update_every = 1

[method.curl]
weight = "auto"
head = "auto"
hidden = 256
dimension = 128
scale = "auto"

[method.rcrl]
weight = 1.0
objective = "discriminator"
dimension = "auto"
hidden = 128
segment_reward = "auto"

[optimizer]
lr = "auto"
beta_1 = 0.9
beta_2 = 0.999
epsilon = "auto"
clip = "auto"

[schedule]
steps = 100000
epoch_steps = 1000

[run]
seed = 0
batch_size = "auto"
device = "cpu"
log_every = 100
checkpoint_every = 0
checkpoint_steps = 10000
"#;

/// Section `[schedule]`: there is none of the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleSettings {
    /// Steps of the agent in its environment.
    pub steps: usize,
    /// Steps after which they are summed up.
    pub epoch_steps: usize,
}

impl ScheduleSettings {
    /// # Errors
    /// No steps.
    pub fn validate(&self) -> Result<()> {
        for (key, value) in [("steps", self.steps), ("epoch_steps", self.epoch_steps)] {
            if value == 0 {
                let help = format!("set it to a number from 1 on: --set schedule.{key}=1000");
                return Err(Error::config(format!("schedule.{key} is 0"), help));
            }
        }
        Ok(())
    }

    /// All environments step together, so that an epoch and the whole have to hold whole rounds.
    ///
    /// # Errors
    /// Numbers of steps that are no multiples of the number of environments.
    pub fn check_rounds(&self, environments: usize) -> Result<()> {
        for (key, value) in [("steps", self.steps), ("epoch_steps", self.epoch_steps)] {
            if !value.is_multiple_of(environments) {
                let fitting = value.next_multiple_of(environments);
                return Err(Error::config(
                    format!(
                        "schedule.{key} is {value}, but {environments} environments take their steps together"
                    ),
                    format!("make it a multiple of their number: --set schedule.{key}={fitting}"),
                ));
            }
        }
        Ok(())
    }

    /// As other trainings have it.
    pub fn common(&self) -> ScheduleConfig {
        ScheduleConfig {
            kind: ScheduleKind::Constant,
            epochs: self.steps.div_ceil(self.epoch_steps),
            ..ScheduleConfig::default()
        }
    }
}

/// Section `[run]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSettings {
    /// The seed of every random choice.
    pub seed: u64,
    /// Transitions in a batch.
    pub batch_size: usize,
    /// Where to compute.
    pub device: String,
    /// Steps between two records.
    pub log_every: usize,
    /// Epochs between two kept checkpoints; 0 for none.
    pub checkpoint_every: usize,
    /// Steps between two `last` checkpoints, which hold the replay; 0 for the last step only.
    pub checkpoint_steps: usize,
}

impl RunSettings {
    /// As other trainings have it.
    pub fn common(self) -> CommonRun {
        CommonRun {
            seed: self.seed,
            batch_size: self.batch_size,
            device: self.device,
            log_every: self.log_every,
            checkpoint_every: self.checkpoint_every,
            checkpoint_steps: self.checkpoint_steps,
            // Returns come by themselves, and what is measured is no reason to end.
            measure_every: 1,
            patience: 0,
            stop_on_collapse: false,
            sync_batch_norm: false,
        }
    }
}

/// Section `[data]`: where the agent acts, what it sees, and what it remembers.
#[derive(Clone, Debug, Deserialize)]
pub struct DataSettings {
    /// The environment, by its name.
    pub env: String,
    /// How many of it step at the same time.
    pub environments: usize,
    /// How it is made.
    #[serde(skip)]
    pub options: EnvironmentOptions,
    /// Transitions that are kept.
    pub capacity: usize,
    /// A folder on whose disk the replay's frames lie, used like memory; empty for memory itself.
    pub replay_folder: PathBuf,
    /// Rewards that are learned from are kept to `-clip..=clip`; 0 for no limit.
    pub reward_clip: Auto<f32>,
}

impl DataSettings {
    /// The section of these settings.
    ///
    /// # Errors
    /// Values of another kind.
    pub fn of(settings: &Resolved) -> Result<Self> {
        let data: Self = settings.section("data")?;
        Ok(Self { options: settings.section("data")?, ..data })
    }

    /// Opens the environment.
    ///
    /// # Errors
    /// None named, an unknown one, options that it cannot have (exit code 2), and one that fails (3).
    pub fn open(&self) -> Result<Box<dyn Environment>> {
        if self.env.is_empty() {
            return Err(Error::config(
                "there is no environment to act in",
                "name one with --env: catch, pendulum-pixels, ALE/Pong-v5, dm_control/cartpole-swingup or any other of Gymnasium's",
            ));
        }
        if let Auto::Value(clip) = self.reward_clip
            && !(clip.is_finite() && clip >= 0.0)
        {
            return Err(Error::config(
                format!("data.reward_clip is {clip}"),
                "rewards are kept to ±1 with 1; 0 leaves them as they are",
            ));
        }
        make(&self.env, &self.options)
    }

    /// Opens as many as are to step at the same time, one at least.
    ///
    /// # Errors
    /// None asked for, and those of [`open`](Self::open).
    pub fn open_all(&self) -> Result<Vec<Box<dyn Environment>>> {
        if self.environments == 0 {
            return Err(Error::config("data.environments is 0", "act in one at least: --environments 1"));
        }
        // What is wrong with the first is wrong with all, and told before others are started.
        let first = self.open()?;
        let mut all = vec![first];
        let others = std::thread::scope(|scope| {
            let opening: Vec<_> = (1..self.environments).map(|_| scope.spawn(|| self.open())).collect();
            let failed = || Error::Internal("a thread that opened an environment has ended".into());
            opening.into_iter().map(|other| other.join().map_err(|_| failed())?).collect::<Result<Vec<_>>>()
        })?;
        all.extend(others);
        Ok(all)
    }
}

//! Where the training of an agent stands: what a checkpoint holds besides networks, optimisers, replay and environment.

use selfsame_core::train::Progress;
use serde::{Deserialize, Serialize};

/// Where a training stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// As every training; its steps are those of the agent.
    #[serde(flatten)]
    pub progress: Progress,
    /// What only agents have.
    pub control: Control,
}

/// What the loop counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// The environment, as it was typed.
    pub environment: String,
    /// Updates of the agent so far.
    pub updates: usize,
    /// Those of this epoch.
    pub updates_in_epoch: usize,
    /// The loss of the last one.
    pub loss: Option<f64>,
    /// The episodes that go on, one in each environment.
    pub episodes: Vec<Episode>,
    /// Episodes that have begun so far.
    pub begun: usize,
    /// Episodes that have ended in this epoch.
    pub ended_in_epoch: usize,
    /// The sum of their returns.
    pub returns_in_epoch: f64,
    /// What a segment of return-based contrast gathers, once that is chosen.
    pub segment_reward: Option<f64>,
}

impl Control {
    /// Before the first step of so many environments of this name.
    pub fn new(environment: String, environments: usize) -> Self {
        let episodes = (0..environments).map(|number| Episode { number, ..Episode::default() }).collect();
        Self { environment, episodes, begun: environments, ..Self::default() }
    }

    /// Puts the next episode in the place of an environment's own.
    pub fn next_episode(&mut self, environment: usize) {
        self.episodes[environment] = Episode { number: self.begun, ..Episode::default() };
        self.begun += 1;
    }
}

/// An episode so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Its number, from 0.
    pub number: usize,
    /// The sum of its rewards, as the environment gave them.
    pub total: f64,
    /// Its steps.
    pub length: usize,
}

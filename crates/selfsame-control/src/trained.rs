//! A run as what it is for: an agent.

use std::path::Path;

use selfsame_core::pretrain::{StoredRun, Weights};
use selfsame_core::{Error, Result, checkpoint, device};

use crate::data::Environment;
use crate::data::replay::Segmentation;
use crate::method::{self, Agent};
use crate::pretrain::{MODALITY, Standing, build, segmentation};
use crate::settings::DataSettings;
use crate::state;

/// The agent of a run, in its environment.
pub struct TrainedAgent {
    /// The run: its folder, record, settings and method.
    pub stored: StoredRun,
    /// The agent.
    pub agent: Box<dyn Agent>,
    /// Where it acts.
    pub environment: Box<dyn Environment>,
    /// What a segment of return-based contrast gathers, where that was chosen while training.
    segment_reward: Option<f64>,
}

impl TrainedAgent {
    /// Loads the agent of the run in `path` to a device, and opens its environment.
    ///
    /// # Errors
    /// A folder that is no such run, a checkpoint that is missing, broken, of another method or in another environment (exit code 3), an environment
    /// that is not there.
    pub fn open(path: impl AsRef<Path>, weights: &Weights, on_device: &str) -> Result<Self> {
        let mut stored = StoredRun::open(path, &MODALITY)?;
        let data = DataSettings::of(&stored.settings)?;
        let environment = data.open()?;
        let entry = method::by_name(stored.method.name)?;
        let mut agent = build(entry, &stored.settings, &*environment, &device::by_name(on_device)?)?;
        let Standing { progress, control } = match weights {
            Weights::Untrained => Standing::default(),
            Weights::Checkpoint(name) => {
                let mut checkpoint = checkpoint::load(&stored.folder.checkpoints(), name)?;
                checkpoint.check_method(stored.method.name)?;
                let standing: Standing = checkpoint.progress()?;
                state::check_environment(&checkpoint, &standing.control, environment.name())?;
                state::restore_agent(&mut checkpoint, &mut *agent)?;
                standing
            }
        };
        let segment_reward = control.segment_reward;
        stored.steps = progress.step;
        Ok(Self { stored, agent, environment, segment_reward })
    }

    /// Where segments ended in the training.
    pub fn segmentation(&self) -> Segmentation {
        self.segment_reward.map_or_else(|| segmentation(&self.agent.plan()), Segmentation::Gathered)
    }

    /// Makes sure that another agent acts in the same environment, and sees the same frames.
    ///
    /// # Errors
    /// `Error::Config` when it does not.
    pub fn check_same_environment(&self, other: &Self) -> Result<()> {
        let [own, others] = [self, other].map(|agent| &agent.stored.record.data);
        if own.fingerprint == others.fingerprint {
            return Ok(());
        }
        let [own_run, other_run] = [self, other].map(|agent| agent.stored.folder.path().display());
        Err(Error::config(
            format!(
                "{own_run} was trained in {} and {other_run} in {}: they do not see the same episodes",
                own.path, others.path
            ),
            "give runs in the same environment, with the same frames and settings of [data]",
        ))
    }
}

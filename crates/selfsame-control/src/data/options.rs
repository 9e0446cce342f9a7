//! What can be said about an environment besides its name.

use std::path::PathBuf;

use selfsame_core::settings::Auto;
use serde::{Deserialize, Deserializer, Serialize};

/// How an environment is made: most of section `[data]`. What is not given is what the field uses; what speaks of another kind of environment is ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvironmentOptions {
    /// The Python that runs Gymnasium; otherwise `SELFSAME_PYTHON`, otherwise `python3`.
    #[serde(deserialize_with = "chosen")]
    pub python: Option<PathBuf>,
    /// Seconds after which a step or a beginning counts as hung. Making an environment may take ten times as long.
    pub timeout: f64,
    /// Height and width of frames; otherwise 84 for Atari and other environments of Gymnasium, 100 for DeepMind Control, 40 for `catch`, 48 for
    /// `pendulum-pixels`.
    #[serde(deserialize_with = "chosen")]
    pub size: Option<usize>,
    /// How often an action is repeated, its rewards added up; otherwise 4 for Atari, CURL's numbers for DeepMind Control, and 1.
    #[serde(deserialize_with = "chosen")]
    pub repeat: Option<usize>,
    /// Atari: the most steps without action before an episode; their number is drawn from 1 to this.
    pub no_ops: usize,
    /// Atari: the chance that an action is not taken and the last one goes on.
    pub sticky: f64,
    /// Atari: whether a lost life is told.
    pub life_loss: bool,
    /// Atari: all 18 actions rather than those that the game knows.
    pub full_actions: bool,
    /// Atari: frames of the emulator after which an episode is cut off.
    pub frame_limit: usize,
    /// DeepMind Control: the camera.
    pub camera: usize,
    /// Other environments of Gymnasium: arguments of `gymnasium.make`.
    pub arguments: serde_json::Map<String, serde_json::Value>,
}

/// What the user chose, unless it is `"auto"`.
fn chosen<'de, D: Deserializer<'de>, T: Deserialize<'de>>(setting: D) -> Result<Option<T>, D::Error> {
    Auto::deserialize(setting).map(Auto::value)
}

impl Default for EnvironmentOptions {
    fn default() -> Self {
        Self {
            python: None,
            timeout: 60.0,
            size: None,
            repeat: None,
            no_ops: 30,
            sticky: 0.0,
            life_loss: true,
            full_actions: false,
            frame_limit: 108_000,
            camera: 0,
            arguments: serde_json::Map::new(),
        }
    }
}

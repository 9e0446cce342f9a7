//! The settings of CSTP.

use selfsame_core::schedule::MomentumSchedule;
use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::view::PairTasks;

/// CSTP's settings, in section `[method]`. Without any of the three tasks it is BYOL on clips.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CstpConfig {
    /// Whether overlap rates in space and time are recognised; if not, both clips are anywhere in the video.
    pub overlap: bool,
    /// Whether the playback rate is recognised; if not, it is that of `view.stride`.
    pub rate: bool,
    /// Whether clips are turned and their rotation is recognised.
    pub rotation: bool,
    /// w₀: the share of BYOL's loss.
    pub byol_weight: f64,
    /// w₁: the share of the overlap rate in space.
    pub space_weight: f64,
    /// w₂: the share of the overlap rate in time.
    pub time_weight: f64,
    /// w₃: the share of the playback rate, for each clip.
    pub rate_weight: f64,
    /// w₄: the share of the rotation, for each clip.
    pub rotation_weight: f64,
    /// What the target keeps of itself in the first step; it rises to 1 until the last.
    pub momentum: f64,
    /// Hidden features of the projector; by default four times the backbone's.
    pub projector_hidden: Auto<usize>,
    /// Features that are foreseen.
    pub projector_dimension: usize,
    /// Hidden features of the predictor; by default the projector's.
    pub predictor_hidden: Auto<usize>,
}

impl CstpConfig {
    /// What the clips of a pair differ in.
    pub(super) fn tasks(&self) -> PairTasks {
        PairTasks { overlap: self.overlap, rate: self.rate, rotation: self.rotation }
    }

    /// # Errors
    /// A momentum that is not in 0 to 1, weights that are not numbers from 0 on.
    pub(super) fn validate(&self) -> Result<()> {
        MomentumSchedule::new(self.momentum, 1)?;
        for (name, weight) in [
            ("byol", self.byol_weight),
            ("space", self.space_weight),
            ("time", self.time_weight),
            ("rate", self.rate_weight),
            ("rotation", self.rotation_weight),
        ] {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(Error::config(
                    format!("method.{name}_weight is {weight}, which is not a number from 0 on"),
                    "it weighs a term of the loss: 0.1 for byol and 1 for the others are the paper's",
                ));
            }
        }
        Ok(())
    }
}

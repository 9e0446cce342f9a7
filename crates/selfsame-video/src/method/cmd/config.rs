//! The settings of CMD.

use selfsame_core::settings::Auto;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::view::{Arrangement, MotionPlan};

/// CMD's settings, in section `[method]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CmdConfig {
    /// Whether the motion that follows a clip is foreseen.
    pub motion: bool,
    /// Whether the key frame of a clip's video is found.
    pub context: bool,
    /// τ of both objectives.
    pub temperature: f64,
    /// Frames of motion, which are consecutive.
    pub motion_frames: usize,
    /// From the clip's last frame to the first of the motion that is foreseen, in frames of the video.
    pub future_interval: usize,
    /// Windows of motion at other times of the same video, from which the right one has to be told.
    pub negatives: usize,
    /// Features of the Transformer; by default the backbone's, and as many more as its heads need to share them equally.
    pub features: Auto<usize>,
    /// Heads of every attention.
    pub heads: usize,
    /// Layers of the Transformer's encoder.
    pub encoder_layers: usize,
    /// Layers of the Transformer's decoder.
    pub decoder_layers: usize,
    /// Share of the values that vanish in the Transformer while training.
    pub dropout: f32,
    /// Hidden features of the heads; by default four times what they see.
    pub head_hidden: Auto<usize>,
    /// Features that are compared.
    pub head_dimension: usize,
}

impl CmdConfig {
    /// The views that the tasks need.
    ///
    /// # Errors
    /// When there is no task.
    pub fn arrangement(&self) -> Result<Arrangement> {
        if !self.motion && !self.context {
            return Err(Error::config(
                "method.motion and method.context are both false: there is nothing to learn",
                "leave one of them true",
            ));
        }
        let (frames, interval, negatives) = (self.motion_frames, self.future_interval, self.negatives);
        Ok(Arrangement::Surroundings {
            motion: self.motion.then_some(MotionPlan { frames, interval, negatives }),
            key_frame: self.context,
        })
    }
}

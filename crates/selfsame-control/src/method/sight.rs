//! How an agent sees observations when it learns, acts and contrasts.

use selfsame_core::settings::{Auto, Resolved};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Random, Result};
use serde::{Deserialize, Serialize};

use super::Build;
use crate::view::{Size, View};

/// Section `[view]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewConfig {
    /// Rows and columns that a random crop loses; `auto`: 4 of 84 for Rainbow, 16 of 100 for SAC, and in proportion.
    pub crop: Auto<usize>,
}

/// Views of observations of one size.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The size of an observation.
    pub size: Size,
    /// How the agent's own objective sees it.
    pub learning: View,
    /// How it is seen to act, and to be evaluated.
    pub acting: View,
    /// How contrastive objectives see it.
    pub contrast: View,
    /// Where pictures go, without gradients.
    pub device: Device,
}

impl Sight {
    /// Rainbow's: whole observations; crops that are widened again for contrast (CURL's code on Atari).
    ///
    /// # Errors
    /// Crops that leave nothing.
    pub fn shifted(from: &Build<'_>, stack: usize) -> Result<Self> {
        let size = from.observation(stack);
        let by = crop(from.settings)?.or(size.height.min(size.width).div_ceil(21));
        Self {
            size,
            learning: View::Whole,
            acting: View::Whole,
            contrast: View::Shift(by),
            device: from.device.clone().inner(),
        }
        .checked()
    }

    /// SAC's: random crops to learn from, the centre to act on (CURL, section 5.3).
    ///
    /// # Errors
    /// Crops that leave nothing.
    pub fn cropped(from: &Build<'_>, stack: usize) -> Result<Self> {
        let size = from.observation(stack);
        let less = crop(from.settings)?.or(size.height.min(size.width) * 4 / 25);
        let crop = View::Crop(less);
        Self {
            size,
            learning: crop,
            acting: View::Centre(less),
            contrast: crop,
            device: from.device.clone().inner(),
        }
        .checked()
    }

    fn checked(self) -> Result<Self> {
        for view in [self.learning, self.acting, self.contrast] {
            view.size(self.size)?;
        }
        Ok(self)
    }

    /// The size of what a network sees.
    ///
    /// # Errors
    /// Never: it was checked.
    pub fn seen(&self) -> Result<Size> {
        self.learning.size(self.size)
    }

    /// `[n, height, width, channels]` of n observations.
    ///
    /// # Errors
    /// Bytes that are no whole observations.
    pub fn see(&self, view: View, observations: &[u8], random: &Random) -> Result<Tensor<4>> {
        view.of(observations, self.size, random, &self.device)
    }
}

fn crop(settings: &Resolved) -> Result<Auto<usize>> {
    settings.section::<ViewConfig>("view").map(|view| view.crop)
}

//! Rainbow's settings.

use selfsame_core::Result;
use selfsame_core::settings::Resolved;
use serde::{Deserialize, Serialize};

use crate::method::settings::{check_share, check_size, check_weight, nested};

/// Rainbow's settings, section `[method.rainbow]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RainbowConfig {
    /// Of both convolutions.
    pub channels: [usize; 2],
    /// Units of each stream's hidden layer.
    pub hidden: usize,
    /// σ₀ of the noisy layers.
    pub noise: f64,
    /// Atoms of a distribution.
    pub atoms: usize,
    /// The least return.
    pub low: f64,
    /// The largest return.
    pub high: f64,
    /// n.
    pub multi_step: usize,
    /// γ.
    pub discount: f64,
    /// ω.
    pub priority: f64,
    /// β at the start; it rises to 1.
    pub beta: f64,
    /// Agent steps before the first update.
    pub first_update: usize,
    /// Agent steps from one update to the next.
    pub update_every: usize,
    /// Updates from one copy to the target network to the next.
    pub target_every: usize,
    /// Momentum of the encoder that auxiliary objectives take their keys from.
    pub key_momentum: f64,
}

impl RainbowConfig {
    /// The section of these settings.
    ///
    /// # Errors
    /// Values that cannot be used.
    pub fn of(settings: &Resolved) -> Result<Self> {
        let config: Self = nested(settings, "rainbow")?;
        for (key, size) in [
            ("hidden", config.hidden),
            ("multi_step", config.multi_step),
            ("update_every", config.update_every),
            ("target_every", config.target_every),
        ] {
            check_size(settings, &format!("method.rainbow.{key}"), size)?;
        }
        for (key, share) in
            [("discount", config.discount), ("beta", config.beta), ("key_momentum", config.key_momentum)]
        {
            check_share(settings, &format!("method.rainbow.{key}"), share)?;
        }
        check_weight(settings, "method.rainbow.noise", config.noise)?;
        check_weight(settings, "method.rainbow.priority", config.priority)?;
        if config.atoms < 2 {
            let help = "give at least 2: one for the lowest return and one for the highest";
            return Err(settings.reject("method.rainbow.atoms", "there is no such distribution", help));
        }
        let RainbowConfig { low, high, .. } = config;
        if !(low < high && low.is_finite() && high.is_finite()) {
            let what = format!("returns from {low} to {high} are no range");
            return Err(settings.reject(
                "method.rainbow.low",
                what,
                "give method.rainbow.low below method.rainbow.high",
            ));
        }
        Ok(config)
    }
}

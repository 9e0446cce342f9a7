//! SAC's settings.

use selfsame_core::Result;
use selfsame_core::settings::Resolved;
use serde::{Deserialize, Serialize};

use crate::method::settings::{check_share, check_size, nested};

/// SAC's settings, section `[method.sac]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SacConfig {
    /// Convolutions of the encoder.
    pub layers: usize,
    /// Channels of each.
    pub channels: usize,
    /// Features that the encoder makes.
    pub features: usize,
    /// Units of both hidden layers of actor and critics.
    pub hidden: usize,
    /// γ.
    pub discount: f64,
    /// α at the start.
    pub temperature: f64,
    /// Its learning rate.
    pub temperature_lr: f64,
    /// Its β₁.
    pub temperature_beta_1: f64,
    /// The share by which the target critics follow.
    pub critic_tau: f64,
    /// The share by which the target encoder follows.
    pub encoder_tau: f64,
    /// Updates of the critics from one of the actor and the targets to the next.
    pub delay: usize,
    /// Agent steps that are taken at random first.
    pub random_steps: usize,
    /// Agent steps before the first update.
    pub first_update: usize,
    /// Agent steps from one update to the next.
    pub update_every: usize,
}

impl SacConfig {
    /// The section of these settings.
    ///
    /// # Errors
    /// Values that cannot be used.
    pub fn of(settings: &Resolved) -> Result<Self> {
        let config: Self = nested(settings, "sac")?;
        for (key, size) in
            [("hidden", config.hidden), ("delay", config.delay), ("update_every", config.update_every)]
        {
            check_size(settings, &format!("method.sac.{key}"), size)?;
        }
        for (key, share) in [
            ("discount", config.discount),
            ("critic_tau", config.critic_tau),
            ("encoder_tau", config.encoder_tau),
        ] {
            check_share(settings, &format!("method.sac.{key}"), share)?;
        }
        if !(config.temperature > 0.0 && config.temperature.is_finite()) {
            let help = "give a positive number; 0.1 is usual";
            return Err(settings.reject("method.sac.temperature", "its logarithm is learned", help));
        }
        Ok(config)
    }
}

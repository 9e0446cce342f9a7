//! The settings of agents: defaults for small environments, the papers' own, and what `auto` becomes once the actions are known.

use selfsame_core::settings::Resolved;
use selfsame_core::{Error, Result};
use serde::de::DeserializeOwned;

use crate::data::{Actions, game, is_of_domain};
pub use crate::settings::DEFAULTS;

/// The papers' settings for Atari at 100 000 agent steps (CURL, table 8 of its appendix and the authors' code) and for DeepMind Control (table 3).
pub const PAPER: &str = r#"
[method.rainbow]
channels = [32, 64]
hidden = 256
noise = 0.1
multi_step = 20
first_update = 1600
target_every = 2000
key_momentum = 0.999

[method.sac]
layers = 4
channels = 32
hidden = 1024
random_steps = 1000
first_update = 1000
"#;

/// Games for which the authors of CURL weigh its loss by 0.01.
const LIGHT_CONTRAST: [&str; 4] = ["Pong", "Boxing", "PrivateEye", "Freeway"];

/// Gives every `auto` its value that depends on the environment and on what can be done there, and says so, one line each.
pub fn resolve_auto(settings: &mut Resolved, environment: &str, actions: Actions) -> Vec<String> {
    let is_discrete = matches!(actions, Actions::Discrete(_));
    let agent = if is_discrete { "Rainbow" } else { "SAC" };
    let choose = |rainbow: f64, sac: f64| toml::Value::Float(if is_discrete { rainbow } else { sac });
    let count = |rainbow: i64, sac: i64| toml::Value::Integer(if is_discrete { rainbow } else { sac });
    let choices = [
        ("data", "stack", count(4, 3)),
        ("data", "reward_clip", choose(1.0, 0.0)),
        ("run", "batch_size", count(32, 128)),
        ("optimizer", "lr", choose(1e-4, 1e-3)),
        ("optimizer", "epsilon", choose(1.5e-4, 1e-8)),
        ("optimizer", "clip", choose(10.0, 0.0)),
    ];
    let mut notes = Vec::new();
    // CURL, table 3 of its appendix.
    if !is_discrete && is_of_domain(environment, "cheetah") {
        settings.choose("optimizer", "lr", 2e-4, "SAC on cheetah", &mut notes);
    }
    if settings.text("method.auxiliary").contains("curl") {
        let (weight, why) = match game(environment).filter(|game| LIGHT_CONTRAST.contains(game)) {
            Some(game) => (0.01, format!("CURL on {game}")),
            None => (1.0, "CURL".to_owned()),
        };
        settings.choose("method", "curl.weight", weight, why, &mut notes);
    }
    for (section, key, value) in choices {
        settings.choose(section, key, value, agent, &mut notes);
    }
    notes
}

/// The section `[method.NAME]`.
///
/// # Errors
/// Values of the wrong type.
pub(super) fn nested<T: DeserializeOwned>(settings: &Resolved, name: &str) -> Result<T> {
    let section = settings.get("method", name).cloned();
    let section = section.ok_or_else(|| Error::Internal(format!("there are no settings [method.{name}]")))?;
    section.try_into().map_err(|error: toml::de::Error| {
        Error::config(
            format!("[method.{name}]: {}", error.message()),
            "see the settings that the run prints, and the page of the method",
        )
    })
}

/// # Errors
/// A weight, or another amount, that is negative or no number.
pub(super) fn check_weight(settings: &Resolved, key: &str, weight: f64) -> Result<()> {
    if weight >= 0.0 && weight.is_finite() {
        return Ok(());
    }
    Err(settings.reject(key, "it is an amount", "give a number from 0 on"))
}

/// # Errors
/// A number of things that is 0.
pub(super) fn check_size(settings: &Resolved, key: &str, size: usize) -> Result<()> {
    if size > 0 {
        return Ok(());
    }
    Err(settings.reject(key, "nothing would be left", "give at least 1"))
}

/// # Errors
/// A share that is not in `0..=1`.
pub(super) fn check_share(settings: &Resolved, key: &str, share: f64) -> Result<()> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(settings.reject(key, "it is a share", "give a number from 0 to 1"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use selfsame_core::settings::Layers;

    use super::*;

    /// Learning rate and CURL's weight of an agent with CURL in this environment, and what is said of them.
    fn chosen(environment: &str, actions: Actions, set: &str) -> (f64, f64, Vec<String>) {
        let layers = Layers::new(DEFAULTS.parse().unwrap()).set("method.auxiliary=\"curl+rcrl\"").unwrap();
        let mut settings = layers.set(set).unwrap().resolve();
        let notes = resolve_auto(&mut settings, environment, actions);
        let number = |section: &str, key: &str| settings.get(section, key).and_then(toml::Value::as_float);
        (number("optimizer", "lr").unwrap(), number("method", "curl.weight").unwrap(), notes)
    }

    #[test]
    fn environments_have_the_papers_own_values() {
        let (games, control) = (Actions::Discrete(6), Actions::Continuous(6));
        let seed = "run.seed=0";
        for (environment, weight) in [
            ("ALE/Pong-v5", 0.01),
            ("ALE/Boxing-v5", 0.01),
            ("ALE/PrivateEye-v5", 0.01),
            ("FreewayNoFrameskip-v4", 0.01),
            ("ALE/Breakout-v5", 1.0),
            ("catch", 1.0),
        ] {
            let (lr, found, notes) = chosen(environment, games, seed);
            assert_eq!((lr, found), (1e-4, weight), "{environment}");
            assert!(notes.iter().any(|note| note.starts_with("method.curl.weight = ")), "{notes:?}");
        }
        for (environment, rate) in [
            ("dm_control/cheetah-run", 2e-4),
            ("dm_control/cheetah-run-v0", 2e-4),
            ("dm_control/walker-walk", 1e-3),
            ("pendulum-pixels", 1e-3),
        ] {
            let (lr, weight, notes) = chosen(environment, control, seed);
            assert_eq!((lr, weight), (rate, 1.0), "{environment}");
            assert_eq!(notes.iter().any(|note| note.contains("SAC on cheetah")), rate == 2e-4);
        }
        assert_eq!(chosen("ALE/Pong-v5", games, "method.curl.weight=0.5").1, 0.5);
        assert_eq!(chosen("dm_control/cheetah-run", control, "optimizer.lr=1e-5").0, 1e-5);
    }
}

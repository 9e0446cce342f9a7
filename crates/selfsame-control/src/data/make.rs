//! Environments by name.

use selfsame_core::settings::unknown_name;
use selfsame_core::{Error, Result};

use super::catch::Catch;
use super::gymnasium::Gymnasium;
use super::options::EnvironmentOptions;
use super::pendulum::PendulumPixels;
use super::{Environment, RepeatActions};

/// Environments that need nothing else.
pub const OWN: [&str; 2] = [Catch::NAME, PendulumPixels::NAME];

/// Makes the environment of this name: `catch`, `pendulum-pixels`, or one of Gymnasium's: `ALE/Pong-v5`, `dm_control/cartpole-swingup`,
/// `CarRacing-v3`, `module:Name-v0` …
///
/// # Errors
/// `Error::Config` for an unknown name, options that cannot be, an environment without frames or actions that agents here could use, and a
/// missing Python or package; `Error::Data` when the environment fails.
pub fn make(name: &str, options: &EnvironmentOptions) -> Result<Box<dyn Environment>> {
    check(options)?;
    let repeat = options.repeat.unwrap_or(1);
    match name {
        Catch::NAME => {
            Ok(Box::new(RepeatActions::new(Catch::new(options.size.unwrap_or(Catch::SIZE))?, repeat)))
        }
        PendulumPixels::NAME => {
            let pendulum = PendulumPixels::new(options.size.unwrap_or(PendulumPixels::SIZE))?;
            Ok(Box::new(RepeatActions::new(pendulum, repeat)))
        }
        _ if is_gymnasiums(name) => Ok(Box::new(Gymnasium::new(name, options)?)),
        _ => Err(unknown_name(
            "environment",
            name,
            &[
                OWN[0],
                OWN[1],
                "ALE/Pong-v5",
                "dm_control/cartpole-swingup",
                "any other of Gymnasium's, by its id",
            ],
        )),
    }
}

/// Ids of Gymnasium have a namespace or a module, or end with a version.
fn is_gymnasiums(name: &str) -> bool {
    let version = name.rsplit_once("-v").map(|(_, version)| version);
    let versioned = version.is_some_and(|v| !v.is_empty() && v.bytes().all(|byte| byte.is_ascii_digit()));
    versioned || name.contains(['/', ':'])
}

fn check(options: &EnvironmentOptions) -> Result<()> {
    let refuse = |what: String, help: &str| Err(Error::config(what, help));
    if !(options.timeout > 0.0 && options.timeout <= 1e6) {
        return refuse(format!("data.timeout is {}", options.timeout), "give seconds above 0");
    }
    if !(0.0..=1.0).contains(&options.sticky) {
        return refuse(format!("data.sticky is {}", options.sticky), "give a chance from 0 to 1");
    }
    if options.repeat == Some(0) || options.size == Some(0) || options.frame_limit == 0 {
        return refuse("data.repeat, data.size or data.frame_limit is 0".into(), "give at least 1");
    }
    if options.size.is_some_and(|size| size > 1024) {
        return refuse(format!("data.size is {:?}", options.size), "give at most 1024 pixels");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::{Action, Actions};

    fn refused(name: &str, options: &EnvironmentOptions) -> String {
        let Err(error) = make(name, options) else { unreachable!("{name} was made") };
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn own_environments_are_made_by_name() {
        for name in OWN {
            let mut environment =
                make(name, &EnvironmentOptions { size: Some(30), ..Default::default() }).unwrap();
            assert_eq!(environment.name(), name);
            assert_eq!(environment.reset(1).unwrap().len(), 900);
        }
    }

    #[test]
    fn unknown_names_and_options_are_refused() {
        let options = EnvironmentOptions::default();
        assert!(refused("cacth", &options).contains("did you mean `catch`?"));
        assert!(refused("pendulum_pixels", &options).contains("did you mean `pendulum-pixels`?"));
        assert!(
            refused("catch", &EnvironmentOptions { repeat: Some(0), ..options.clone() })
                .contains("data.repeat")
        );
        assert!(
            refused("catch", &EnvironmentOptions { sticky: 2.0, ..options.clone() }).contains("data.sticky")
        );
        assert!(
            refused("catch", &EnvironmentOptions { timeout: f64::NAN, ..options }).contains("data.timeout")
        );
    }

    #[test]
    fn a_missing_python_is_an_error_that_says_what_to_install() {
        let python = Some("/nowhere/python3".into());
        let options = EnvironmentOptions { python, ..EnvironmentOptions::default() };
        let text = refused("ALE/Pong-v5", &options);
        assert!(text.contains("/nowhere/python3") && text.contains("pip install gymnasium ale-py"), "{text}");
        assert!(
            refused("dm_control/cartpole-swingup", &options).contains("pip install dm_control 'mujoco<4'")
        );
    }

    #[test]
    fn equal_seeds_and_states_give_equal_episodes() {
        for name in OWN {
            let make = || make(name, &EnvironmentOptions::default()).unwrap();
            let (mut first, mut second) = (make(), make());
            assert_eq!(first.reset(5).unwrap(), second.reset(5).unwrap());
            let action = |step: usize| match first_actions(name) {
                Actions::Discrete(count) => Action::Discrete(step % count),
                Actions::Continuous(count) => Action::Continuous(vec![(step as f32).sin(); count]),
            };
            for step in 0..4 {
                assert_eq!(first.step(&action(step)).unwrap(), second.step(&action(step)).unwrap());
            }
            let mut third = make();
            third.reset(99).unwrap();
            third.restore(&first.state().unwrap()).unwrap();
            for step in 4..9 {
                assert_eq!(first.step(&action(step)).unwrap(), third.step(&action(step)).unwrap());
            }
        }
    }

    fn first_actions(name: &str) -> Actions {
        make(name, &EnvironmentOptions::default()).unwrap().actions()
    }
}

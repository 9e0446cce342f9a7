//! Gymnasium's environments, Atari and DeepMind Control among them: run by the user's Python, each in a process of its own.
//!
//! The program carries the process's script (`worker.py`). Frames, actions and rewards go through a file that lies in memory.

mod group;
mod shared;
mod worker;

use selfsame_core::settings::closest;
use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};
use shared::Shared;
use worker::{Failure, Worker};

use super::area::AreaResize;
use super::environment::{StepsAlone, continuous, discrete};
use super::{Action, Actions, Environment, EnvironmentOptions, Outcome, Pixels};

/// Height and width of the frames of Atari, and of others that do not come in a size of their choice.
const SIZE: usize = 84;

/// What kind of environment a name means, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Atari,
    Control,
    General,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name.split_once('/') {
            Some(("ALE", _)) => Self::Atari,
            Some(("dm_control", _)) => Self::Control,
            _ => Self::General,
        }
    }

    /// What to install.
    fn packages(self) -> &'static str {
        match self {
            Self::Atari => "gymnasium ale-py",
            Self::Control => "dm_control 'mujoco<4'",
            Self::General => "gymnasium",
        }
    }
}

/// What the process is started with.
#[derive(Debug, Serialize)]
struct Request<'a> {
    kind: Kind,
    name: &'a str,
    timeout: f64,
    options: &'a EnvironmentOptions,
}

/// What the process says of its environment.
#[derive(Debug, Deserialize)]
struct Description {
    pixels: Pixels,
    actions: Actions,
}

/// An environment of Gymnasium.
#[derive(Debug)]
pub struct Gymnasium {
    name: String,
    kind: Kind,
    actions: Actions,
    resize: AreaResize,
    shared: Shared,
    worker: Worker,
}

impl Gymnasium {
    /// Starts the environment of this name.
    ///
    /// # Errors
    /// `Error::Config` for an unknown name, an environment without frames or actions that agents here could use, and a missing Python or
    /// package; `Error::Data` when the environment fails; `Error::Io` when there is no place for what is shared.
    pub fn new(name: &str, options: &EnvironmentOptions) -> Result<Self> {
        let kind = Kind::of(name);
        let told = |failure| tell(name, kind, failure);
        let request = serde_json::to_string(&Request { kind, name, timeout: options.timeout, options })
            .map_err(|error| Error::Internal(format!("cannot encode an environment's options: {error}")))?;
        let mut worker = Worker::start(options, &request).map_err(told)?;
        let Description { pixels, actions } = worker.read().map_err(told)?;
        if pixels.bytes() == 0 {
            return Err(told(worker.failure("space", "its frames have no pixels")));
        }
        let shared = Shared::new(pixels, actions)?;
        let path = shared.path().ok_or_else(|| Error::Internal("no path to shared memory".into()))?;
        worker.ask(&path).map_err(told)?;
        let shared = shared.forget_path();
        // Cameras give what is asked of them.
        let resized = (kind != Kind::Control).then(|| options.size.unwrap_or(SIZE));
        let (height, width) = resized.map_or((pixels.height, pixels.width), |size| (size, size));
        worker.set_timeout(options.timeout);
        Ok(Self {
            name: name.to_owned(),
            kind,
            actions,
            resize: AreaResize::new(pixels, height, width),
            shared,
            worker,
        })
    }
}

impl Environment for Gymnasium {
    fn name(&self) -> &str {
        &self.name
    }

    fn pixels(&self) -> Pixels {
        self.resize.pixels()
    }

    fn actions(&self) -> Actions {
        self.actions
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<u8>> {
        // Many environments take seeds of 31 bits only.
        let seed = seed % (1 << 31);
        self.worker.ask(&format!("reset {seed}")).map_err(|failure| tell(&self.name, self.kind, failure))?;
        Ok(self.resize.resize(self.shared.read()?.frame))
    }

    fn step(&mut self, action: &Action) -> Result<Outcome> {
        self.begin_step(action)?;
        self.finish_step()
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }

    fn restore(&mut self, _state: &[u8]) -> Result<()> {
        Err(super::environment::state_error(&self.name))
    }

    fn steps_alone(&mut self) -> Option<&mut dyn StepsAlone> {
        Some(self)
    }
}

impl StepsAlone for Gymnasium {
    fn begin_step(&mut self, action: &Action) -> Result<()> {
        match self.actions {
            Actions::Discrete(_) => self.shared.write(&[discrete(action, self.actions)? as f64])?,
            Actions::Continuous(_) => {
                let numbers = continuous(action, self.actions)?.iter();
                self.shared
                    .write(&numbers.map(|&number| f64::from(number).clamp(-1.0, 1.0)).collect::<Vec<_>>())?;
            }
        }
        self.worker.command("step");
        Ok(())
    }

    fn finish_step(&mut self) -> Result<Outcome> {
        self.worker.done().map_err(|failure| tell(&self.name, self.kind, failure))?;
        let step = self.shared.read()?;
        Ok(Outcome {
            frame: self.resize.resize(step.frame),
            reward: step.reward as f32,
            terminated: step.terminated,
            truncated: step.truncated,
            life_lost: step.life_lost,
        })
    }
}

/// What the packages that environments need bring to Python.
const OWN_MODULES: [&str; 5] = ["gymnasium", "ale_py", "dm_control", "mujoco", "numpy"];

/// The module that Python says it does not have; of a module inside another the outer one.
fn missing_module(what: &str) -> Option<&str> {
    let name = what.split_once("No module named '")?.1.split_once('\'')?.0;
    name.split('.').next()
}

/// The error for what went wrong in the process of an environment.
fn tell(name: &str, kind: Kind, failure: Failure) -> Error {
    let python = failure.python.display();
    let install = format!("{python} -m pip install {}", kind.packages());
    let what = failure.what.trim_end();
    match failure.kind.as_str() {
        "python" => Error::config(
            format!("{name} needs Python, but {python} cannot be started: {what}"),
            format!(
                "install Python 3.10 or later and then `{install}`, or name another interpreter (--set data.python=PATH, or SELFSAME_PYTHON)"
            ),
        ),
        "package" => {
            let remedy = match missing_module(what) {
                Some(module) if OWN_MODULES.contains(&module) => format!("`{install}`"),
                Some(module) => format!(
                    "install the package that brings `{module}`; where it is one of your own, start in its folder or set PYTHONPATH"
                ),
                // Gymnasium's own words name what to install.
                None if what.contains("pip install") => {
                    format!("install it as that says, with `{python} -m pip`")
                }
                None => format!("`{install}`"),
            };
            Error::config(
                format!("{name} needs a package that {python} does not have: {what}"),
                format!("{remedy}, or name another interpreter (--set data.python=PATH, or SELFSAME_PYTHON)"),
            )
        }
        "unknown" => {
            // Capitals, which the names are full of, are no distance.
            let known: Vec<&str> = what.lines().collect();
            let plain: Vec<String> = known.iter().map(|known| known.to_lowercase()).collect();
            let nearest = closest(name, plain.iter().map(String::as_str));
            let nearest = nearest.and_then(|nearest| plain.iter().position(|known| known == nearest));
            let help = match nearest {
                Some(nearest) => format!("did you mean `{}`?", known[nearest]),
                None => format!(
                    "{python} knows {} environments; a package that brings others is named before a colon: `package:Name-v0`",
                    known.len()
                ),
            };
            Error::config(format!("there is no environment `{name}`"), help)
        }
        "space" => Error::config(
            format!("{name} cannot be used: {what}"),
            "choose another environment, or wrap it in one that fits",
        ),
        "hung" => Error::data(
            name,
            format!("the environment does not answer: {what}"),
            "see where it waits in the traceback; give it more time with data.timeout if it is only slow",
        ),
        "died" => Error::data(
            name,
            format!("the process of the environment ended: {what}"),
            "see its last words above; `selfsame resume` goes on with the training",
        ),
        _ => {
            let renderer = match kind {
                Kind::Control => "; where EGL is missing, MUJOCO_GL=osmesa or glfw renders instead",
                _ => "",
            };
            Error::data(
                name,
                format!("the environment failed: {what}"),
                format!(
                    "mend the environment or its arguments{renderer}; `selfsame resume` goes on with a training"
                ),
            )
        }
    }
}

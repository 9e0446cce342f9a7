//! Several environments that step at the same time, while their owner does something else.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

use selfsame_core::{Error, Result};

use super::{Action, Actions, Environment, Outcome, Pixels, StepsAlone};

enum Command {
    Reset(u64),
    Step(Action),
    State,
    Restore(Vec<u8>),
}

enum Answer {
    Frame(Result<Vec<u8>>),
    Outcome(Result<Outcome>),
    State(Option<Vec<u8>>),
    Restored(Result<()>),
}

/// Where an environment steps.
enum Place {
    /// In a thread of ours.
    Thread(Worker),
    /// By itself: a thread would only wait for it. How the beginning of its step went is told at the end.
    Itself { environment: Box<dyn Environment>, begun: Result<()> },
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Thread(worker) => formatter.debug_tuple("Thread").field(worker).finish(),
            Self::Itself { environment, .. } => {
                formatter.debug_tuple("Itself").field(&environment.name()).finish()
            }
        }
    }
}

/// One environment's thread. It ends, and with it the environment, when its commands do.
#[derive(Debug)]
struct Worker {
    commands: Sender<Command>,
    answers: Receiver<Answer>,
}

/// Equal environments, each in a thread or process of its own.
#[derive(Debug)]
pub struct VectorEnvironment {
    name: String,
    pixels: Pixels,
    actions: Actions,
    places: Vec<Place>,
    stepping: bool,
}

impl VectorEnvironment {
    /// Takes environments of one kind.
    ///
    /// # Errors
    /// `Error::Config` when there is none, `Error::Internal` when they differ or the system has no threads left.
    pub fn new(environments: Vec<Box<dyn Environment>>) -> Result<Self> {
        let Some(first) = environments.first() else {
            return Err(Error::config("no environment to act in", "ask for at least one"));
        };
        let (name, pixels, actions) = (first.name().to_owned(), first.pixels(), first.actions());
        if environments.iter().any(|other| (other.pixels(), other.actions()) != (pixels, actions)) {
            return Err(Error::Internal(format!("environments of {name} differ in their frames or actions")));
        }
        let places = environments.into_iter().map(Place::of).collect::<Result<_>>()?;
        Ok(Self { name, pixels, actions, places, stepping: false })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none, which cannot be.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// As typed on the command line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size of frames.
    pub fn pixels(&self) -> Pixels {
        self.pixels
    }

    /// What can be done.
    pub fn actions(&self) -> Actions {
        self.actions
    }

    /// Begins an episode in one environment and gives its first frame.
    ///
    /// # Errors
    /// When the environment fails, or steps are still going on.
    pub fn reset(&mut self, environment: usize, seed: u64) -> Result<Vec<u8>> {
        match self.place(environment)? {
            Place::Itself { environment, .. } => environment.reset(seed),
            Place::Thread(worker) => match worker.ask(Command::Reset(seed))? {
                Answer::Frame(frame) => frame,
                _ => Err(confused()),
            },
        }
    }

    /// Acts in all environments and waits for what it leads to.
    ///
    /// # Errors
    /// Those of [`begin_step`](Self::begin_step) and [`finish_step`](Self::finish_step).
    pub fn step(&mut self, actions: Vec<Action>) -> Result<Vec<Outcome>> {
        self.begin_step(actions)?;
        self.finish_step()
    }

    /// Acts in all environments, one action for each, and returns at once.
    ///
    /// # Errors
    /// When steps are still going on, or the number of actions is wrong.
    pub fn begin_step(&mut self, actions: Vec<Action>) -> Result<()> {
        if self.stepping || actions.len() != self.places.len() {
            let what = format!("{} actions for {} environments", actions.len(), self.places.len());
            return Err(Error::Internal(format!("{what}, stepping: {}", self.stepping)));
        }
        for (place, action) in self.places.iter_mut().zip(actions) {
            match place {
                Place::Thread(worker) => worker.send(Command::Step(action))?,
                Place::Itself { environment, begun } => {
                    *begun = alone(&mut **environment).and_then(|alone| alone.begin_step(&action));
                }
            }
        }
        self.stepping = true;
        Ok(())
    }

    /// Waits for what the actions of [`begin_step`](Self::begin_step) lead to. After an end, that environment must be reset.
    ///
    /// # Errors
    /// When an environment fails, or no step was begun.
    pub fn finish_step(&mut self) -> Result<Vec<Outcome>> {
        if !std::mem::take(&mut self.stepping) {
            return Err(Error::Internal("no step of the environments was begun".into()));
        }
        // All answers are taken before the first error is told: the next ones must not be mistaken for these.
        let outcomes: Vec<Result<Outcome>> = self.places.iter_mut().map(Place::outcome).collect();
        outcomes.into_iter().collect()
    }

    /// What [`Environment::state`] says of one environment.
    ///
    /// # Errors
    /// When steps are still going on.
    pub fn state(&mut self, environment: usize) -> Result<Option<Vec<u8>>> {
        match self.place(environment)? {
            Place::Itself { environment, .. } => Ok(environment.state()),
            Place::Thread(worker) => match worker.ask(Command::State)? {
                Answer::State(state) => Ok(state),
                _ => Err(confused()),
            },
        }
    }

    /// Lets one environment go on where its state was taken.
    ///
    /// # Errors
    /// When the bytes are not such a state, or steps are still going on.
    pub fn restore(&mut self, environment: usize, state: &[u8]) -> Result<()> {
        match self.place(environment)? {
            Place::Itself { environment, .. } => environment.restore(state),
            Place::Thread(worker) => match worker.ask(Command::Restore(state.to_vec()))? {
                Answer::Restored(restored) => restored,
                _ => Err(confused()),
            },
        }
    }

    fn place(&mut self, environment: usize) -> Result<&mut Place> {
        match self.stepping {
            true => Err(Error::Internal("the environments are still stepping".into())),
            false => Ok(&mut self.places[environment]),
        }
    }
}

impl Place {
    fn of(mut environment: Box<dyn Environment>) -> Result<Self> {
        match environment.steps_alone().is_some() {
            true => Ok(Self::Itself { environment, begun: Ok(()) }),
            false => Worker::start(environment).map(Self::Thread),
        }
    }

    fn outcome(&mut self) -> Result<Outcome> {
        match self {
            Self::Itself { environment, begun } => {
                std::mem::replace(begun, Ok(()))?;
                alone(&mut **environment)?.finish_step()
            }
            Self::Thread(worker) => match worker.answer()? {
                Answer::Outcome(outcome) => outcome,
                _ => Err(confused()),
            },
        }
    }
}

fn alone(environment: &mut dyn Environment) -> Result<&mut dyn StepsAlone> {
    environment.steps_alone().ok_or_else(confused)
}

impl Worker {
    fn start(mut environment: Box<dyn Environment>) -> Result<Self> {
        let (commands, received) = channel();
        let (answer, answers) = channel();
        let thread = Builder::new().name("environment".into()).spawn(move || {
            for command in received {
                let done = match command {
                    Command::Reset(seed) => Answer::Frame(environment.reset(seed)),
                    Command::Step(action) => Answer::Outcome(environment.step(&action)),
                    Command::State => Answer::State(environment.state()),
                    Command::Restore(state) => Answer::Restored(environment.restore(&state)),
                };
                if answer.send(done).is_err() {
                    return;
                }
            }
        });
        thread
            .map_err(|error| Error::Internal(format!("cannot start a thread for an environment: {error}")))?;
        Ok(Self { commands, answers })
    }

    fn ask(&self, command: Command) -> Result<Answer> {
        self.send(command)?;
        self.answer()
    }

    fn send(&self, command: Command) -> Result<()> {
        self.commands.send(command).map_err(|_| gone())
    }

    fn answer(&self) -> Result<Answer> {
        self.answers.recv().map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::Internal("the thread of an environment has ended".into())
}

fn confused() -> Error {
    Error::Internal("an environment answered something else".into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::data::{EnvironmentOptions, make};

    fn pendulum() -> Box<dyn Environment> {
        make("pendulum-pixels", &EnvironmentOptions { size: Some(16), ..Default::default() }).unwrap()
    }

    #[test]
    fn together_they_do_what_each_does_alone() {
        let mut together = VectorEnvironment::new((0..3).map(|_| pendulum()).collect()).unwrap();
        let mut alone: Vec<_> = (0..3).map(|_| pendulum()).collect();
        for (number, environment) in alone.iter_mut().enumerate() {
            assert_eq!(
                together.reset(number, number as u64).unwrap(),
                environment.reset(number as u64).unwrap()
            );
        }
        for step in 0..20 {
            let actions: Vec<_> =
                (0..3).map(|number| Action::Continuous(vec![((step * 3 + number) as f32).sin()])).collect();
            let each = alone.iter_mut().zip(&actions);
            let expected: Vec<_> =
                each.map(|(environment, action)| environment.step(action).unwrap()).collect();
            assert_eq!(together.step(actions).unwrap(), expected);
        }
        let state = together.state(1).unwrap().unwrap();
        assert_eq!(state, alone[1].state().unwrap());
        together.restore(2, &state).unwrap();
        assert_eq!(together.state(2).unwrap().unwrap(), state);
        assert!(together.restore(2, &[1]).is_err());
    }

    #[test]
    fn one_that_fails_leaves_the_others_in_step() {
        let mut together = VectorEnvironment::new(vec![pendulum(), pendulum()]).unwrap();
        let still = || Action::Continuous(vec![0.0]);
        assert_eq!(
            together.step(vec![Action::Continuous(vec![f32::NAN]), still()]).unwrap_err().exit_code(),
            5
        );
        assert_eq!(together.step(vec![still(), still()]).unwrap().len(), 2);
        together.begin_step(vec![still(), still()]).unwrap();
        assert!(together.reset(0, 1).is_err());
        assert!(together.begin_step(vec![still(), still()]).is_err());
        assert_eq!(together.finish_step().unwrap().len(), 2);
        assert!(together.finish_step().is_err());
        assert!(together.step(vec![still()]).is_err());
        assert_eq!(VectorEnvironment::new(Vec::new()).unwrap_err().exit_code(), 2);
    }
}

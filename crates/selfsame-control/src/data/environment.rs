//! What every environment is to an agent: frames of pixels, actions, rewards.

use selfsame_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The size of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pixels {
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Pixels {
    /// Bytes of a frame, one a channel and pixel.
    pub fn bytes(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// What can be done in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actions {
    /// One of so many.
    Discrete(usize),
    /// So many numbers in `-1..=1`.
    Continuous(usize),
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The number of a discrete action, from 0.
    Discrete(usize),
    /// Numbers in `-1..=1`.
    Continuous(Vec<f32>),
}

/// What an action led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The next frame, `[channels, height, width]` in bytes.
    pub frame: Vec<u8>,
    /// The reward, as the environment gives it (nothing clipped).
    pub reward: f32,
    /// The task has ended: nothing comes after this frame, so its value is 0.
    pub terminated: bool,
    /// The episode was cut off, by a limit of time say: its value goes on.
    pub truncated: bool,
    /// A life was lost: training may take it for an end, the episode goes on.
    pub life_lost: bool,
}

/// Something to act in, one episode after the other. Frames are single: agents stack them.
pub trait Environment: Send {
    /// As typed on the command line: `catch`, `ALE/Pong-v5`.
    fn name(&self) -> &str;

    /// The size of its frames.
    fn pixels(&self) -> Pixels;

    /// What can be done.
    fn actions(&self) -> Actions;

    /// Begins an episode and gives its first frame. Equal seeds begin equal episodes.
    ///
    /// # Errors
    /// When the environment fails.
    fn reset(&mut self, seed: u64) -> Result<Vec<u8>>;

    /// Acts. After an end, only [`reset`](Self::reset) may follow.
    ///
    /// # Errors
    /// When the environment fails, or the action is not one of [`actions`](Self::actions).
    fn step(&mut self, action: &Action) -> Result<Outcome>;

    /// All that the rest of the episode depends on, for an exact resume; none where an environment cannot tell, which then goes on with a
    /// new episode.
    fn state(&self) -> Option<Vec<u8>>;

    /// Goes on where [`state`](Self::state) was taken.
    ///
    /// # Errors
    /// When the bytes are not such a state.
    fn restore(&mut self, state: &[u8]) -> Result<()>;

    /// Itself, where it steps while its owner does something else; none where [`step`](Self::step) does all the work.
    fn steps_alone(&mut self) -> Option<&mut dyn StepsAlone> {
        None
    }
}

/// An environment that steps by itself, in a process of its own say.
pub trait StepsAlone {
    /// Begins a step and returns at once.
    ///
    /// # Errors
    /// Those of [`Environment::step`].
    fn begin_step(&mut self, action: &Action) -> Result<()>;

    /// Waits for what the step leads to that was begun.
    ///
    /// # Errors
    /// Those of [`Environment::step`].
    fn finish_step(&mut self) -> Result<Outcome>;
}

/// The number of a discrete action.
///
/// # Errors
/// `Error::Internal` when it is none of `actions`.
pub(super) fn discrete(action: &Action, actions: Actions) -> Result<usize> {
    match (action, actions) {
        (Action::Discrete(number), Actions::Discrete(count)) if *number < count => Ok(*number),
        _ => Err(Error::Internal(format!("{action:?} is none of the environment's actions, {actions:?}"))),
    }
}

/// The numbers of a continuous action.
///
/// # Errors
/// `Error::Internal` when they are of another kind or count than `actions`, `Error::Diverged` when one is not a number.
pub(super) fn continuous(action: &Action, actions: Actions) -> Result<&[f32]> {
    match (action, actions) {
        (Action::Continuous(numbers), Actions::Continuous(count)) if numbers.len() == count => {
            if numbers.iter().all(|number| number.is_finite()) {
                return Ok(numbers);
            }
            Err(Error::diverged(format!("the agent's action is {numbers:?}"), "lower the learning rate"))
        }
        _ => Err(Error::Internal(format!("{action:?} is none of the environment's actions, {actions:?}"))),
    }
}

/// The error for bytes that are no state of an environment.
pub(super) fn state_error(name: &str) -> Error {
    Error::data(
        name,
        "its state in the checkpoint is none of this environment's",
        "train from the start: only this checkpoint has what its agent has seen",
    )
}

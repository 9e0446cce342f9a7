//! Environments that an agent acts in, and the memory of what it has seen.

mod area;
mod catch;
mod environment;
mod gymnasium;
mod make;
mod names;
mod options;
mod pendulum;
mod repeat;
pub mod replay;
mod vector;

pub use catch::Catch;
pub use environment::{Action, Actions, Environment, Outcome, Pixels, StepsAlone};
pub use gymnasium::Gymnasium;
pub use make::{OWN, make};
pub use names::{game, is_of_domain};
pub use options::EnvironmentOptions;
pub use pendulum::PendulumPixels;
pub use repeat::RepeatActions;
pub use vector::VectorEnvironment;

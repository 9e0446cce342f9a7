//! Environments that an agent acts in, and the memory of what it has seen.

mod environment;
pub mod replay;

pub use environment::{Action, Actions, Environment, Outcome, Pixels};

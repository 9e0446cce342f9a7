//! Environments that an agent acts in, and the memory of what it has seen.

mod environment;

pub use environment::{Action, Actions, Environment, Outcome, Pixels};

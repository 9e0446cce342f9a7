//! What every kind of data shares in selfsame.

mod error;
mod host;
mod random;

pub mod loss;
pub mod monitor;
pub mod optimizer;
pub mod probe;
pub mod queue;
pub mod schedule;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod golden;

pub use error::{Error, Result};
pub use random::Random;

//! What every kind of data shares in selfsame: losses, heads, optimisers, the training loop, checkpoints, probes.

pub mod collective;
mod error;
mod random;

pub use error::{Error, Result};
pub use random::Random;

//! What every kind of data shares in selfsame: losses, heads, optimisers, the training loop, checkpoints, probes.

pub mod collective;
pub mod device;
mod error;
pub mod head;
pub mod momentum_encoder;
pub mod nn;
mod random;

pub use error::{Error, Result};
pub use random::Random;

//! What every kind of data shares in selfsame.

pub mod collective;
mod error;
mod random;

pub use error::{Error, Result};
pub use random::Random;

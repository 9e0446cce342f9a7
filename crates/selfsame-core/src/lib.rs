//! What every kind of data shares in selfsame: losses, heads, optimisers, the training loop, checkpoints, probes.

pub mod atomic_file;
pub mod checkpoint;
pub mod collective;
pub mod data;
pub mod device;
mod error;
pub mod eval;
pub mod head;
pub mod host;
pub mod loss;
pub mod method;
pub mod momentum_contrast;
pub mod momentum_encoder;
pub mod monitor;
pub mod nn;
pub mod optimizer;
pub mod pretrain;
pub mod probe;
pub mod queue;
mod random;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod stop;
pub mod tensor;
pub mod train;
pub mod video_names;
pub mod weights;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod golden;

pub use error::{Error, Result};
pub use random::Random;
pub use selfsame_kernels::keep_freed_memory;

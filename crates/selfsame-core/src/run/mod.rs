//! A run on the disk: one training and its folder.
//!
//! ```text
//! runs/a/  config.toml  run.json  metrics.jsonl  train.log  events.out.tfevents.*  bad_files.tsv  checkpoints/
//! ```

pub mod clock;
pub mod folder;
pub mod host;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod record;
pub mod tensorboard;

pub use folder::RunFolder;
pub use host::Host;
pub use log::RunLog;
pub use memory::{Memory, megabytes};
pub use metrics::{Kind, Metrics, Record};
pub use record::{DataRecord, RunRecord, Status};
pub use tensorboard::EventWriter;

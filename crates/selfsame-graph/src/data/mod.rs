//! Where interactions come from: files of several formats, splits, statistics, and the batches of a training.
//!
//! [`InteractionData::open`] reads files and splits them, [`Interactions`] holds the items of each user,
//! [`PairSampler`] makes batches for a pairwise loss, [`statistics`](statistics()) says what a data set looks like, and
//! [`power_law`] makes one up.

mod delimited;
mod files;
mod format;
mod generate;
mod ids;
mod interactions;
mod noise;
mod parquet_file;
mod sampler;
mod split;
mod statistics;
mod table;

pub use files::{InteractionData, OpenOptions, OpenReport, Overlap};
pub use format::{Columns, Format, IdKind, ReadOptions};
pub use generate::{PowerLaw, power_law};
pub use ids::Ids;
pub use interactions::Interactions;
pub use noise::with_noise;
pub use sampler::{PairBatch, PairEpoch, PairSampler, Visits};
pub use split::Holdout;
pub use statistics::{PopularityPoint, Quantiles, Statistics, popularity_groups, statistics};
pub use table::{Row, Table, read_table};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

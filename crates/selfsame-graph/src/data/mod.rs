//! Where interactions come from: files of several formats, splits, statistics, and the batches of a training.
//!
//! [`InteractionData::open`] reads files and splits them, [`Interactions`] holds the items of each user,
//! [`check_interactions`] looks at them beforehand, [`PairSampler`] makes batches for a pairwise loss, [`statistics`](statistics()) says what a data set looks like, and
//! [`power_law`] makes one up.

mod check;
mod delimited;
mod files;
mod format;
mod generate;
mod held_out;
mod ids;
mod interactions;
mod locate;
mod noise;
mod parquet_file;
mod report;
mod sampler;
mod split;
mod statistics;
mod table;

pub use check::{COLD, InteractionCheck, check_interactions};
pub use files::{InteractionData, OpenOptions};
pub use format::{Columns, Format, IdKind, ReadOptions};
pub use generate::{PowerLaw, power_law};
pub use held_out::read_held_out;
pub use ids::Ids;
pub use interactions::Interactions;
pub use locate::holds_interactions;
pub use noise::with_noise;
pub use report::{OpenReport, Overlap};
pub use sampler::{PairBatch, PairEpoch, PairSampler, Visits};
pub use split::Holdout;
pub use statistics::{PopularityPoint, Quantiles, Statistics, popularity_groups, statistics};
pub use table::{Row, Table, read_table};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

//! What a data set of interactions looks like, and what is odd about it, before anything is trained on it.

use std::path::Path;

use selfsame_core::Result;
use serde::Serialize;

use super::files::{InteractionData, OpenOptions};
use super::report::OpenReport;
use super::statistics::{Statistics, statistics};

/// Interactions below which a user or an item is called cold.
pub const COLD: u32 = 5;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InteractionCheck {
    /// Always `interactions`.
    pub kind: &'static str,
    /// What training interactions look like. Users and items that only the test has are counted as being without.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// Users with at least one, but fewer than [`COLD`] training interactions.
    pub cold_users: usize,
    /// Items with at least one, but fewer than [`COLD`] training interactions.
    pub cold_items: usize,
    /// What was found in the files.
    #[serde(flatten)]
    pub report: OpenReport,
    /// What is odd, in words.
    pub warnings: Vec<String>,
}

/// Reads interactions and describes them. Nothing is held out of them: what is in one file is all training.
///
/// # Errors
/// Those of [`InteractionData::open`].
pub fn check_interactions(path: &Path, options: &OpenOptions) -> Result<InteractionCheck> {
    let options = OpenOptions { test: None, validation: None, ..options.clone() };
    let InteractionData { train, report, .. } = InteractionData::open(path, &options)?;
    let cold = |degrees: Vec<u32>| degrees.into_iter().filter(|degree| (1..COLD).contains(degree)).count();
    Ok(InteractionCheck {
        kind: "interactions",
        statistics: statistics(&train),
        cold_users: cold(train.user_degrees()),
        cold_items: cold(train.item_degrees()),
        warnings: report.warnings(),
        report,
    })
}

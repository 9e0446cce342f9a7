//! What can be typed to use what a run on interactions has learned.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::GraphRun;

/// `selfsame recommend`
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("whom").required(true),
    after_help = "Examples:\n  selfsame recommend runs/g --user 17 --top 20\n  \
        selfsame recommend runs/g --users all -o lists.parquet\n  \
        selfsame recommend runs/g --similar-items 42"
)]
pub struct Recommend {
    #[command(flatten)]
    pub graph: GraphRun,
    /// Original id of a user
    #[arg(long, value_name = "ID", group = "whom", allow_hyphen_values = true)]
    pub user: Option<String>,
    /// Users whose ids are in a file, one a line, or `all`
    #[arg(long, value_name = "FILE|all", group = "whom", requires = "output_file")]
    pub users: Option<String>,
    /// Original id of an item: show items like it instead
    #[arg(long, value_name = "ID", group = "whom", allow_hyphen_values = true)]
    pub similar_items: Option<String>,
    /// Length of a list
    #[arg(long, default_value_t = 20)]
    pub top: usize,
    /// Recommend items too that the user had in training
    #[arg(long, conflicts_with = "similar_items")]
    pub include_known: bool,
    /// A file for the lists of --users: .csv, .jsonl or .parquet
    #[arg(long = "output", short = 'o', value_name = "FILE", conflicts_with_all = ["user", "similar_items"])]
    pub output_file: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub overwrite: bool,
}

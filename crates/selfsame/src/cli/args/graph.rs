//! What commands for runs on interactions have in common.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;

/// A run on interactions.
#[derive(Debug, Args)]
pub struct GraphRun {
    /// Folder of the run
    pub run: PathBuf,
    /// Where the run's own interactions lie now, if they were moved
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Which checkpoint: last, best or epoch-0010
    #[arg(long, default_value = "last")]
    pub checkpoint: String,
    #[command(flatten)]
    pub output: Output,
}

/// How files of interactions are written, where their content does not say it.
#[derive(Debug, Default, Args)]
pub struct Reading {
    /// How the files are written
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<FileFormat>,
    /// The column of users
    #[arg(long, value_name = "NAME")]
    pub user_column: Option<String>,
    /// The column of items
    #[arg(long, value_name = "NAME")]
    pub item_column: Option<String>,
    /// The column of ratings
    #[arg(long, value_name = "NAME")]
    pub rating_column: Option<String>,
    /// The column of times
    #[arg(long, value_name = "NAME")]
    pub time_column: Option<String>,
    /// Ids are text, even if they look like integers
    #[arg(long)]
    pub text_ids: bool,
    /// Leave interactions with a lower rating out
    #[arg(long, value_name = "RATING")]
    pub min_rating: Option<f64>,
}

/// Formats of files with interactions.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FileFormat {
    /// `user item item …` a line
    Lists,
    /// Columns separated by tabs
    Tabs,
    /// Columns separated by commas
    Commas,
    /// Columns separated by spaces
    Spaces,
    /// `RecBole`'s .inter
    Recbole,
    /// Apache Parquet
    Parquet,
}

//! What can be typed.

mod data;
mod embeddings;
mod evaluation;
mod graph;
mod recommend;
mod training;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

pub use data::{Data, Kind};
pub use embeddings::{Embed, Export, ExportFormat, Nodes};
pub use evaluation::{AgentRun, ClassFolders, Descent, Eval, Finetuning, Network, PixelFolders, Probing};
pub use graph::{FileFormat, GraphRun, Reading};
pub use recommend::Recommend;
pub use training::{Preset, Pretrain, Resume, Sweep, Training};

/// Learn representations without labels.
#[derive(Debug, Parser)]
#[command(
    name = "selfsame",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  \
        selfsame pretrain simclr --data photos/ --out runs/a\n  \
        selfsame eval knn runs/a --data labelled/\n  \
        selfsame embed runs/a --data photos/ -o embeddings.parquet\n\n\
        Exit codes: 0 ok, 1 failed, 2 usage or settings, 3 data, 4 device or memory,\n\
        5 diverged or collapsed, 75 stopped by SIGTERM and 130 by Ctrl-C with a good checkpoint."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Learn a representation from data without labels
    Pretrain(Pretrain),
    /// Go on with a stopped training, exactly where it was
    Resume(Resume),
    /// Train several methods, seeds and settings one after another, and compare them
    Sweep(Sweep),
    /// Measure what a representation is worth
    #[command(subcommand)]
    Eval(Eval),
    /// Write the representations of pictures or videos, or of users and items, to a file
    Embed(Embed),
    /// Print the items that a run on interactions recommends
    Recommend(Recommend),
    /// Write a backbone's weights for other programs
    Export(Export),
    /// Look at data before training on it
    #[command(subcommand)]
    Data(Data),
    /// Print a table of runs side by side
    Compare(Compare),
    /// List methods, backbones or recipes
    List(List),
    /// Tell what this program and this machine can do
    Doctor(Doctor),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  selfsame completions bash > ~/.local/share/bash-completion/completions/selfsame"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How to print.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// `selfsame compare`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  selfsame compare runs/*\n  selfsame compare runs/* --curves curves.png\n  \
    selfsame compare runs/noise --against data.noise --chart noise.png\n  selfsame compare runs/sgl runs/lightgcn --long-tail tail.png"
)]
#[command(group = ArgGroup::new("pictures").args(["curves", "chart", "long_tail"]).multiple(true))]
pub struct Compare {
    /// Folders of runs; a folder that holds runs, such as a sweep's, stands for all of them
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// A picture of what was measured while training: a curve for runs that differ only by seed, in its 95 % interval
    #[arg(long, value_name = "FILE.png")]
    pub curves: Option<PathBuf>,
    /// A picture of what was evaluated over the values of --against: a curve for runs that differ by it and by seed alone
    #[arg(long, value_name = "FILE.png", requires = "against")]
    pub chart: Option<PathBuf>,
    /// The setting of --chart's axis, a number such as data.noise or method.temperature
    #[arg(long, value_name = "SECTION.NAME", requires = "chart")]
    pub against: Option<String>,
    /// What --chart shows, by its name in --json, such as knn or recall@20; otherwise the first that was measured in all runs
    #[arg(long, value_name = "NAME", requires = "chart")]
    pub measure: Option<String>,
    /// A picture of what rare and popular items contribute to the recall of ranked runs
    #[arg(long, value_name = "FILE.png")]
    pub long_tail: Option<PathBuf>,
    /// Replace existing pictures
    #[arg(long, requires = "pictures")]
    pub overwrite: bool,
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
}

/// `selfsame list`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selfsame list recipes")]
pub struct List {
    /// What to list
    pub what: Listing,
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listing {
    /// What can be trained
    Methods,
    /// Networks
    Backbones,
    /// Ways to make views
    Recipes,
}

/// `selfsame doctor`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selfsame doctor")]
pub struct Doctor {
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
}

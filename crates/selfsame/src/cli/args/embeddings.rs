//! What can be typed to take a representation out of a run: `embed`, `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;
use super::evaluation::Layer;

/// `selfsame embed`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  selfsame embed runs/a --data photos/ -o embeddings.parquet\n  \
    selfsame embed runs/a --data photos/ -o projector/\n  \
    selfsame embed runs/v --data clips/ -o clips.npy\n  \
    selfsame embed runs/g --nodes items -o items.npy")]
pub struct Embed {
    /// Folder of the run
    pub run: PathBuf,
    /// Pictures or videos; of a run on interactions, where these lie now if they were moved
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// .parquet, .npy, .csv, .safetensors, or a folder for TensorBoard's projector
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    pub output_file: PathBuf,
    /// parquet, npy, csv, safetensors or projector, where the name does not say it
    #[arg(long)]
    pub format: Option<String>,
    /// Replace an existing file
    #[arg(long)]
    pub overwrite: bool,
    /// Which checkpoint: last, best or epoch-0010
    #[arg(long, default_value = "last")]
    pub checkpoint: String,
    /// Which layer's output is the representation
    #[arg(long, value_enum, default_value_t)]
    pub layer: Layer,
    /// Whose embeddings to write, of a run on interactions
    #[arg(long, value_enum, default_value_t)]
    pub nodes: Nodes,
    /// Clips of a video over which the mean is taken; 10 by default
    #[arg(long)]
    pub clips: Option<usize>,
    /// Threads that read pictures or videos
    #[arg(long)]
    pub workers: Option<usize>,
    /// Where to compute
    #[arg(long, default_value = "cpu")]
    pub device: String,
    #[command(flatten)]
    pub output: Output,
}

/// Nodes of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Nodes {
    /// Users, then items
    #[default]
    All,
    /// Users alone
    Users,
    /// Items alone
    Items,
}

/// `selfsame export`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selfsame export runs/a --to torchvision -o resnet18.safetensors")]
pub struct Export {
    /// Folder of the run
    pub run: PathBuf,
    /// Whose names to use
    #[arg(long, value_enum, default_value_t)]
    pub to: ExportFormat,
    /// The file; RUN/export/backbone.safetensors by default
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    pub output_file: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub overwrite: bool,
    /// Which checkpoint: last, best or epoch-0010
    #[arg(long, default_value = "last")]
    pub checkpoint: String,
    #[command(flatten)]
    pub output: Output,
}

/// Whose parameter names an export uses.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ExportFormat {
    /// torchvision's, with batch norm's counters
    #[default]
    Torchvision,
    /// timm's
    Timm,
    /// Weights alone, torchvision's names
    Safetensors,
}

//! What can be typed after `selfsame data`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::{Output, Reading};

/// `selfsame data`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  selfsame data check photos/\n  selfsame data preview photos/ -o sheet.png\n  \
    selfsame data pack photos/ -o photos.pack --raw --max-side 256"
)]
pub enum Data {
    /// List unreadable, truncated, tiny and duplicate pictures with reasons, or describe interactions
    #[command(after_help = "Examples:\n  selfsame data check photos/ --json > report.json\n  \
        selfsame data check interactions/ -o popularity.png")]
    Check {
        /// Pictures: a folder, tar shards or a pack. Interactions: a file, or a folder with `train.txt` and `test.txt`
        path: PathBuf,
        /// What is there, where names of files do not say it
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Pictures with a side below this many pixels are tiny
        #[arg(long, default_value_t = 16)]
        tiny: usize,
        /// A file of test interactions beside those of training
        #[arg(long, value_name = "FILE")]
        test: Option<PathBuf>,
        /// Keep users and items with at least so many interactions only
        #[arg(long, value_name = "K", default_value_t = 0)]
        core: usize,
        /// A picture of the popularity curve of interactions: a PNG, or a folder for it
        #[arg(long = "output", short = 'o', value_name = "FILE.png")]
        output_file: Option<PathBuf>,
        /// Replace an existing picture
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        reading: Box<Reading>,
        #[command(flatten)]
        output: Output,
    },
    /// Write a contact sheet of pictures beside their views
    #[command(
        after_help = "Example:\n  selfsame data preview photos/ --recipe simclr-cifar --image-size 32 -o sheet.png"
    )]
    Preview {
        /// Pictures: a folder, tar shards or a pack
        path: PathBuf,
        /// The PNG to write
        #[arg(long = "output", short = 'o', default_value = "preview.png")]
        output_file: PathBuf,
        /// The views: `selfsame list recipes`
        #[arg(long, default_value = "simclr")]
        recipe: String,
        /// Side of a view in pixels
        #[arg(long, default_value_t = 96)]
        image_size: usize,
        /// Rows of the sheet
        #[arg(long, default_value_t = 8)]
        instances: usize,
        /// Views of each instance
        #[arg(long, default_value_t = 6)]
        views: usize,
        /// Seed of the choice and of the views
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Replace an existing file
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Index a folder or shards now, so that the first training starts at once
    #[command(after_help = "Example:\n  selfsame data index photos/")]
    Index {
        /// Pictures: a folder or tar shards
        path: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Write everything into one file that is fast to read
    #[command(after_help = "Example:\n  selfsame data pack photos/ -o photos.pack --raw --max-side 256")]
    Pack {
        /// Pictures: a folder or tar shards
        path: PathBuf,
        /// The pack to write
        #[arg(long = "output", short = 'o', value_name = "FILE.pack")]
        output_file: PathBuf,
        /// Shrink pictures whose shorter side is longer than this
        #[arg(long, value_name = "PIXELS")]
        max_side: Option<usize>,
        /// Store decoded pixels instead of the files
        #[arg(long)]
        raw: bool,
        /// Replace an existing file
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        output: Output,
    },
}

/// Kinds of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Pictures
    Pictures,
    /// Interactions of users and items
    Interactions,
}

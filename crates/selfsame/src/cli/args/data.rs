//! What can be typed after `selfsame data`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::{Output, Reading};

/// `selfsame data`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  selfsame data check photos/\n  selfsame data preview photos/ -o sheet.png\n  \
    selfsame data pack photos/ -o photos.pack --raw --max-side 256\n  \
    selfsame data motion video.mp4 -o vectors.safetensors"
)]
pub enum Data {
    /// List pictures or videos that cannot be used, with reasons, or describe interactions
    #[command(after_help = "Examples:\n  selfsame data check photos/ --json > report.json\n  \
        selfsame data check interactions/ -o popularity.png")]
    Check {
        /// Pictures: a folder, tar shards or a pack. Videos: a folder or a file. Interactions: a file, or a folder with
        /// `train.txt` and `test.txt`
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
    /// Write a contact sheet of pictures beside their views, or of clips above theirs and with their motion
    #[command(
        after_help = "Examples:\n  selfsame data preview photos/ --recipe simclr-cifar --image-size 32 -o sheet.png\n  \
        selfsame data preview clips/ --method cmd -o sheet.png"
    )]
    Preview {
        /// Pictures: a folder, tar shards or a pack. Videos: a folder or a file
        path: PathBuf,
        /// What is there, where names of files do not say it
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// The PNG to write
        #[arg(long = "output", short = 'o', default_value = "preview.png")]
        output_file: PathBuf,
        /// The views: `selfsame list recipes`; left out, `simclr` for pictures, and for videos the recipe of the method
        #[arg(long)]
        recipe: Option<String>,
        /// The method whose views of videos are shown: `selfsame list methods`; left out, `video-moco`
        #[arg(long)]
        method: Option<String>,
        /// Side of a view in pixels
        #[arg(long, default_value_t = 96)]
        image_size: usize,
        /// How many pictures or videos
        #[arg(long, default_value = "8")]
        instances: NonZeroUsize,
        /// Views of each picture; left out, 6. A video has those of the method
        #[arg(long)]
        views: Option<usize>,
        /// Frames of a clip
        #[arg(long, value_name = "COUNT", default_value_t = 8)]
        frames: usize,
        /// Frames of a video from one to the next of a clip
        #[arg(long, value_name = "FRAMES", default_value_t = 4)]
        stride: usize,
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
        /// Pictures: a folder or tar shards. Videos: a folder
        path: PathBuf,
        /// What is there, where names of files do not say it
        #[arg(long, value_enum)]
        kind: Option<Kind>,
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
    /// Write the motion vectors that videos are coded with
    #[command(after_help = "Examples:\n  selfsame data motion video.mp4 -o vectors.safetensors\n  \
        selfsame data motion clips/ -o vectors/")]
    Motion {
        /// A video, or a folder of videos
        path: PathBuf,
        /// The .safetensors or .parquet to write, or a folder for one .safetensors for each video of a folder
        #[arg(long = "output", short = 'o', value_name = "FILE")]
        output_file: PathBuf,
        /// Decode as if pixels were wanted too: slower, and the vectors are the same
        #[arg(long)]
        no_shortcuts: bool,
        /// Replace existing files
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Copy videos with regular key frames and without B-frames, as methods on motion vectors want them
    #[command(
        after_help = "Example:\n  selfsame data reencode clips/ small/ --size 340x256 --key-interval 12"
    )]
    Reencode {
        /// A video, or a folder of videos
        from: PathBuf,
        /// The video to write (.mp4, .mkv or .avi), or a folder for those of a folder
        to: PathBuf,
        /// Sides of the frames, such as 340x256; left out, they stay as they are
        #[arg(long, value_name = "WxH", value_parser = sides)]
        size: Option<(usize, usize)>,
        /// A key frame every so many frames
        #[arg(long, value_name = "FRAMES", default_value_t = 12)]
        key_interval: u32,
        /// mpeg4, which every FFmpeg can write, or h264, where it was built with libx264
        #[arg(long, default_value = "mpeg4")]
        codec: String,
        /// From 1, the best: up to 31 for mpeg4 (default 4), 51 for h264 (default 23)
        #[arg(long)]
        quality: Option<u32>,
        /// Replace existing files
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Render labelled videos whose class is a motion, over backgrounds that may mislead
    #[command(
        after_help = "Example:\n  selfsame data motion-set motion/ --biased 0.9 --videos-per-class 100 --seed 0"
    )]
    MotionSet {
        /// The folder to make, with `train/` and `test/`
        out: PathBuf,
        /// How often the background of a video in `train/` is that of its class; `test/` is always fair, and 0 makes both so
        #[arg(long, value_name = "RATE", default_value_t = 0.9)]
        biased: f64,
        /// How far the camera wanders, in shares of the frame's height; 0 stands still, 0.1 is held by a calm hand
        #[arg(long, value_name = "REACH", default_value_t = 0.0)]
        camera: f64,
        /// Videos of each class, in each split
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        videos_per_class: usize,
        /// Frames of a video
        #[arg(long, default_value_t = 64)]
        frames: usize,
        /// Sides of the frames
        #[arg(long, value_name = "WxH", default_value = "128x96", value_parser = sides)]
        size: (usize, usize),
        /// h264 or mpeg4; left out, h264 where FFmpeg can write it
        #[arg(long)]
        codec: Option<String>,
        /// Everything random depends on it
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Replace a motion set that is there
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        output: Output,
    },
}

/// Width and height as `340x256`.
fn sides(text: &str) -> Result<(usize, usize), String> {
    let sides = text
        .split_once(['x', '×'])
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides
        .filter(|&(width, height)| (1..=16_384).contains(&width) && (1..=16_384).contains(&height))
        .ok_or_else(|| "give width and height as in 340x256".to_owned())
}

/// Kinds of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Pictures
    Pictures,
    /// Videos
    Videos,
    /// Interactions of users and items
    Interactions,
}

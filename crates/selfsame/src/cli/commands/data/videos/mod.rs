//! `selfsame data` on videos

mod check;
mod index;
mod motion;
mod motion_set;
mod preview;
mod reencode;

use std::path::Path;
use std::process::ExitCode;

use selfsame_core::{Error, Result};
use selfsame_image::data::BadFile;
use selfsame_video::data::{VideoFolder, VideoFolderOptions};

use crate::cli::args;
use crate::cli::progress::Counter;

/// Looks at videos, or makes some.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    match args {
        args::Data::Check { path, output, .. } => check::run(path, *output),
        args::Data::Preview { .. } => preview::run(args),
        args::Data::Index { path, output, .. } => index::run(path, *output),
        args::Data::Motion { .. } => motion::run(args),
        args::Data::Reencode { .. } => reencode::run(args),
        args::Data::MotionSet { .. } => motion_set::run(args),
        args::Data::Pack { .. } => Err(Error::config(
            "videos are not packed",
            "train on the folder; `selfsame data reencode` makes smaller copies of videos",
        )),
    }
}

/// Opens the videos below a path.
fn open(path: &Path, quiet: bool) -> Result<VideoFolder> {
    let counter = std::sync::OnceLock::new();
    let folder = VideoFolder::open(path, &VideoFolderOptions::default(), &|done, total| {
        counter.get_or_init(|| Counter::new("indexed", total, quiet)).at(done);
    });
    if let Some(counter) = counter.into_inner() {
        counter.finish();
    }
    folder
}

/// Lines about files that could not be used.
fn left_out(files: &[BadFile]) -> String {
    files.iter().map(|file| format!("left out {}: {}\n", file.name, file.reason)).collect()
}

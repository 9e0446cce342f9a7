//! `selfsame data`

mod check;
mod interactions;
mod kind;
mod pack;
mod preview;
#[cfg(feature = "video")]
mod videos;

use std::path::Path;
use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_image::data::{Dataset, OpenOptions, PackOptions};

use crate::cli::args::{self, Kind};

#[cfg(not(feature = "video"))]
mod videos {
    //! What stands in for commands on videos in a program without FFmpeg.

    use std::process::ExitCode;

    use selfsame_core::Result;

    use crate::cli::args;
    use crate::cli::modalities::without_video;

    /// Says how to get a program that can do it.
    pub fn run(_args: &args::Data) -> Result<ExitCode> {
        Err(without_video())
    }
}

/// Looks at data, or makes some.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    match args {
        args::Data::Check { path, kind, tiny, output, .. } => match kind::of(path, *kind) {
            Kind::Interactions => interactions::check(args),
            Kind::Videos => videos::run(args),
            Kind::Pictures => check::run(path, *tiny, *output),
        },
        args::Data::Preview { path, kind, .. } => match kind::of(path, *kind) {
            Kind::Videos => videos::run(args),
            _ => preview::run(args),
        },
        args::Data::Index { path, kind, output } => match kind::of(path, *kind) {
            Kind::Videos => videos::run(args),
            _ => pack::index(path, *output),
        },
        args::Data::Pack { path, output_file, max_side, raw, overwrite, output } => {
            let options = PackOptions { raw: *raw, max_side: *max_side, overwrite: *overwrite };
            pack::run(path, output_file, &options, *output)
        }
        args::Data::Motion { .. } | args::Data::Reencode { .. } | args::Data::MotionSet { .. } => {
            videos::run(args)
        }
    }
}

/// Opens pictures.
fn open(path: &Path) -> Result<Dataset> {
    Dataset::open(path, &OpenOptions::default())
}

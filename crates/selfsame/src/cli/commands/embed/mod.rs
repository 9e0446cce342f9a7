//! `selfsame embed`

mod nodes;
mod pictures;
#[cfg(feature = "video")]
mod videos;

use std::process::ExitCode;

use selfsame::embeddings::Format;
use selfsame_core::Result;
use selfsame_core::run::RunFolder;

use crate::cli::args;
use crate::cli::modalities::settings_of;

/// Writes representations: of pictures or videos, or of users and items, as the run has learned.
pub fn run(args: &args::Embed) -> Result<ExitCode> {
    let format = match &args.format {
        Some(name) => name.parse()?,
        None => Format::of(&args.output_file)?,
    };
    let modality = settings_of(&RunFolder::open(&args.run)?)?.modality;
    match modality.data {
        "interactions" => nodes::run(args, format),
        #[cfg(feature = "video")]
        "videos" => videos::run(args, format),
        _ => pictures::run(args, format),
    }
}

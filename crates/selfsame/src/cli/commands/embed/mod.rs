//! `selfsame embed`

mod nodes;
mod pictures;

use std::process::ExitCode;

use selfsame::embeddings::Format;
use selfsame_core::Result;
use selfsame_core::pretrain::read_settings;
use selfsame_core::run::RunFolder;

use crate::cli::args;
use crate::cli::modalities::MODALITIES;

/// Writes representations: of pictures, or of users and items, as the run has learned.
pub fn run(args: &args::Embed) -> Result<ExitCode> {
    let format = match &args.format {
        Some(name) => name.parse()?,
        None => Format::of(&args.output_file)?,
    };
    let modality = read_settings(&RunFolder::open(&args.run)?, &MODALITIES)?.modality;
    match modality.data {
        "interactions" => nodes::run(args, format),
        _ => pictures::run(args, format),
    }
}

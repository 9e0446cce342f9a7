//! `selfsame embed`

mod nodes;
mod pictures;
#[cfg(feature = "video")]
mod videos;

use std::process::ExitCode;

use selfsame::embeddings::{Format, Written};
use selfsame_core::Result;
use selfsame_core::data::BadFile;
use selfsame_core::run::RunFolder;
use serde_json::json;

use crate::cli::args;
use crate::cli::modalities::settings_of;
use crate::cli::output::print;

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

/// Says what was written of pictures or videos, and what was left out.
fn told(args: &args::Embed, written: &Written, skipped: &[BadFile]) -> Result<ExitCode> {
    if args.output.json {
        let Written { files, instances } = written;
        print(json!({ "files": files, "instances": instances, "skipped": skipped.len() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print(format!("{} embeddings: {}", written.instances, args.output_file.display()))?;
    for file in skipped {
        print(format!("left out {}: {}", file.name, file.reason))?;
    }
    Ok(ExitCode::SUCCESS)
}

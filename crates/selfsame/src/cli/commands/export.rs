//! `selfsame export`

use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_core::nn::Parameters;
use selfsame_image::model::{About, Format, export, loading_note};
use selfsame_image::trained::{TrainedRun, Weights};
use serde_json::json;

use crate::cli::args::{self, ExportFormat};
use crate::cli::output::{print, refuse_existing};

/// Writes a backbone for other programs.
pub fn run(args: &args::Export) -> Result<ExitCode> {
    let run = TrainedRun::open(&args.run, &Weights::Checkpoint(args.checkpoint.clone()), "cpu")?;
    let file = match &args.output_file {
        Some(file) => file.clone(),
        None => run.stored.folder.path().join("export").join("backbone.safetensors"),
    };
    refuse_existing(&file, args.overwrite)?;
    let format = match args.to {
        ExportFormat::Torchvision => Format::Torchvision,
        ExportFormat::Timm => Format::Timm,
        ExportFormat::Safetensors => Format::Safetensors,
    };
    let about: About = run.about()?;
    let files = export(&run.method.backbone().parameters(), format, &about, &file)?;
    let note = loading_note(&about.backbone);
    if args.output.json {
        print(json!({ "files": files, "format": format.name(), "note": note }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for file in &files {
        print(file.display())?;
    }
    if let Some(note) = note {
        print(note)?;
    }
    Ok(ExitCode::SUCCESS)
}

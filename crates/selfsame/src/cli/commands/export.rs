//! `selfsame export`

use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_core::nn::Parameters;
use selfsame_core::run::RunFolder;
use selfsame_image::model::{About, Format, export, loading_note};
use selfsame_image::trained::{TrainedRun, Weights};
use serde_json::json;

use crate::cli::args::{self, ExportFormat};
use crate::cli::modalities::settings_of;
use crate::cli::output::{print, refuse_existing};

/// Writes a backbone for other programs.
pub fn run(args: &args::Export) -> Result<ExitCode> {
    let folder = RunFolder::open(&args.run)?;
    let weights = Weights::Checkpoint(args.checkpoint.clone());
    let format = match args.to {
        ExportFormat::Torchvision => Format::Torchvision,
        ExportFormat::Timm => Format::Timm,
        ExportFormat::Safetensors => Format::Safetensors,
    };
    let file = match &args.output_file {
        Some(file) => file.clone(),
        None => folder.path().join("export").join("backbone.safetensors"),
    };
    refuse_existing(&file, args.overwrite)?;
    // What is written beside the weights is theirs, and would belong to no other weights there.
    refuse_existing(&file.with_file_name("preprocess.json"), args.overwrite)?;
    let (files, note) = match settings_of(&folder)?.modality.data {
        #[cfg(feature = "video")]
        "videos" => {
            let run = selfsame_video::trained::TrainedVideo::open(&args.run, &weights, "cpu")?;
            let parameters = run.method.backbone().parameters();
            (selfsame_video::model::export(&parameters, format, &run.about()?, &file)?, None)
        }
        _ => {
            let run = TrainedRun::open(&args.run, &weights, "cpu")?;
            let about: About = run.about()?;
            let files = export(&run.method.backbone().parameters(), format, &about, &file)?;
            (files, loading_note(&about.backbone))
        }
    };
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

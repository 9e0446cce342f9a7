//! `selfsame data index|pack`

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use selfsame_core::Result;
use selfsame_image::data::{PackOptions, write_pack};
use serde_json::json;

use super::open;
use crate::cli::args::Output;
use crate::cli::output::print;
use crate::cli::progress::Counter;

/// Looks at names and sizes, and remembers them.
pub fn index(path: &Path, output: Output) -> Result<ExitCode> {
    let begun = Instant::now();
    let dataset = open(path)?;
    let seconds = begun.elapsed().as_secs_f64();
    if output.json {
        let result = json!({ "instances": dataset.len(), "classes": dataset.classes(), "seconds": seconds });
        print(result)?;
    } else {
        let (pictures, classes) = (dataset.len(), dataset.classes().len());
        print(format!("{pictures} pictures in {classes} classes, indexed in {seconds:.2} s"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes everything into one file.
pub fn run(path: &Path, pack: &Path, options: &PackOptions, output: Output) -> Result<ExitCode> {
    let dataset = open(path)?;
    let counter = Counter::new("packed", dataset.len(), output.quiet);
    let summary = write_pack(&dataset, pack, options, &|done| counter.at(done))?;
    counter.finish();
    if output.json {
        let skipped: Vec<&str> = summary.skipped.iter().map(|file| file.name.as_str()).collect();
        print(
            json!({ "file": pack, "written": summary.written, "bytes": summary.bytes, "skipped": skipped }),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    print(format!("{} pictures, {:.1} MB: {}", summary.written, summary.bytes as f64 / 1e6, pack.display()))?;
    for file in &summary.skipped {
        print(format!("left out {}: {}", file.name, file.reason))?;
    }
    Ok(ExitCode::SUCCESS)
}

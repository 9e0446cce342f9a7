//! `selfsame data index` of videos

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use selfsame_core::Result;
use serde_json::json;

use super::{left_out, open};
use crate::cli::args::Output;
use crate::cli::output::print;

/// Counts frames and finds key frames, and remembers them.
pub fn run(path: &Path, output: Output) -> Result<ExitCode> {
    let begun = Instant::now();
    let folder = open(path, output.quiet)?;
    let seconds = begun.elapsed().as_secs_f64();
    let frames: usize = folder.videos().iter().map(|video| video.frames()).sum();
    let key_frames: usize = folder.videos().iter().map(|video| video.index.key_frames().len()).sum();
    let bad = folder.bad_files();
    if output.json {
        print(json!({
            "instances": folder.len(),
            "classes": folder.classes(),
            "frames": frames,
            "key_frames": key_frames,
            "bad_files": bad,
            "seconds": seconds,
        }))?;
    } else {
        let (videos, classes) = (folder.len(), folder.classes().len());
        let line = format!(
            "{videos} videos in {classes} classes, {frames} frames, {key_frames} of them key frames, indexed in {seconds:.2} s\n"
        );
        print(line + &left_out(&bad))?;
    }
    Ok(ExitCode::SUCCESS)
}

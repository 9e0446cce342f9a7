//! `selfsame data motion`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use selfsame::motion_vectors::VectorWriter;
use selfsame_core::{Error, Result};
use selfsame_image::data::{BadFile, reason};
use selfsame_video::data::{VideoError, extract_motion_vectors};
use serde_json::json;

use super::{left_out, open};
use crate::cli::args::{self, Output};
use crate::cli::output::print;
use crate::cli::progress::Counter;

/// Writes motion vectors: of a video into a file, of a folder into a folder.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    let args::Data::Motion { path, output_file, no_shortcuts, overwrite, output } = args else {
        return Err(Error::Internal("not an extraction".into()));
    };
    let extraction = Extraction { shortcuts: !no_shortcuts, overwrite: *overwrite };
    if path.is_dir() {
        check_folder(output_file)?;
        folder(path, output_file, extraction, *output)
    } else {
        file(path, output_file, extraction, *output)
    }
}

/// The vectors of a folder go into a folder.
fn check_folder(to: &Path) -> Result<()> {
    let is_table = ["parquet", "safetensors"]
        .iter()
        .any(|ending| to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending)));
    if !to.is_dir() && (is_table || to.exists()) {
        return Err(Error::config(
            format!(
                "{} is the name of a file, but a folder of videos becomes a folder of files",
                to.display()
            ),
            "name a folder with -o, or give one video",
        ));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Extraction {
    shortcuts: bool,
    overwrite: bool,
}

/// Of the video, or of writing its vectors.
enum Failure {
    Video(VideoError),
    Writing(Error),
}

impl From<VideoError> for Failure {
    fn from(error: VideoError) -> Self {
        Self::Video(error)
    }
}

impl Extraction {
    /// Writes the vectors of a video and returns the numbers of frames and vectors.
    fn run(self, from: &Path, to: &Path) -> Result<(usize, usize)> {
        let mut writer = VectorWriter::create(to, self.overwrite)?;
        let done = extract_motion_vectors(from, self.shortcuts, |_, frame| {
            writer.push(&frame).map_err(Failure::Writing)
        });
        done.map_err(|failure| match failure {
            Failure::Video(error) => error.of(from),
            Failure::Writing(error) => error,
        })?;
        let counts = writer.counts();
        writer.finish()?;
        Ok(counts)
    }
}

fn file(from: &Path, to: &Path, extraction: Extraction, output: Output) -> Result<ExitCode> {
    let begun = Instant::now();
    let (frames, vectors) = extraction.run(from, to)?;
    let seconds = begun.elapsed().as_secs_f64();
    match output.json {
        true => print(json!({ "file": to, "frames": frames, "vectors": vectors, "seconds": seconds }))?,
        false => {
            print(format!("{vectors} motion vectors of {frames} frames in {seconds:.2} s: {}", to.display()))?
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn folder(from: &Path, to: &Path, extraction: Extraction, output: Output) -> Result<ExitCode> {
    let videos = open(from, output.quiet)?;
    let begun = Instant::now();
    let counter = Counter::new("extracted", videos.len(), output.quiet);
    let done = AtomicUsize::new(0);
    let extracted: Vec<Result<(usize, usize), BadFile>> = videos
        .videos()
        .par_iter()
        .map(|video| {
            let file = to.join(format!("{}.safetensors", video.name));
            let counts = extraction.run(&videos.path_of(video), &file);
            counter.at(done.fetch_add(1, Ordering::Relaxed) + 1);
            match counts {
                Ok(counts) => Ok(Ok(counts)),
                Err(error @ Error::Data { .. }) => {
                    Ok(Err(BadFile { name: video.name.clone(), reason: reason(&error) }))
                }
                Err(error) => Err(error),
            }
        })
        .collect::<Result<_>>()?;
    counter.finish();
    let seconds = begun.elapsed().as_secs_f64();
    let (mut files, mut frames, mut vectors, mut bad) = (0, 0, 0, videos.bad_files());
    for outcome in extracted {
        match outcome {
            Ok((of_frames, of_vectors)) => {
                files += 1;
                frames += of_frames;
                vectors += of_vectors;
            }
            Err(file) => bad.push(file),
        }
    }
    if files == 0 {
        let first = bad.first().map_or(String::new(), |file| format!(": {}: {}", file.name, file.reason));
        let what = format!("no video gave motion vectors{first}");
        return Err(Error::data(from, what, "`selfsame data reencode` makes copies that have some"));
    }
    let folder: PathBuf = to.to_owned();
    match output.json {
        true => print(json!({
            "folder": folder, "files": files, "frames": frames, "vectors": vectors, "bad_files": bad, "seconds": seconds
        }))?,
        false => {
            let line = format!(
                "{vectors} motion vectors of {frames} frames of {files} videos in {seconds:.2} s: {}\n",
                folder.display()
            );
            print(line + &left_out(&bad))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! `selfsame data reencode`

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use selfsame_core::atomic_file::make_folder_of;
use selfsame_core::{Error, Result};
use selfsame_image::data::{BadFile, reason};
use selfsame_video::data::{ReencodeOptions, Size, VideoCodec, VideoFolder, check_key_interval, reencode};
use serde_json::json;

use super::{left_out, open};
use crate::cli::args::{self, Output};
use crate::cli::output::{print, refuse_existing};
use crate::cli::progress::Counter;

/// Copies a video into a file, or those of a folder into a folder.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    let args::Data::Reencode { from, to, size, key_interval, codec, quality, overwrite, output } = args
    else {
        return Err(Error::Internal("not a re-encoding".into()));
    };
    check_key_interval(*key_interval)?;
    let codec = VideoCodec::by_name(codec)?;
    let options = ReencodeOptions {
        codec,
        size: size.map(|(width, height)| Size { width, height }),
        key_interval: *key_interval,
        quality: quality_of(codec, *quality)?,
    };
    if from.is_dir() {
        return folder(from, to, &options, *overwrite, *output);
    }
    refuse_existing(to, *overwrite)?;
    if to.exists() && same(from, to) {
        let help = "choose another name: a video is read while its copy is written";
        return Err(Error::config(format!("{} would replace itself", from.display()), help));
    }
    make_folder_of(to)?;
    let frames = reencode(from, to, &options)?;
    match output.json {
        true => print(json!({ "file": to, "frames": frames }))?,
        false => print(format!("{frames} frames: {}", to.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

fn quality_of(codec: VideoCodec, given: Option<u32>) -> Result<u32> {
    let (default, worst) = match codec {
        VideoCodec::H264 => (23, 51),
        VideoCodec::Mpeg4 => (4, 31),
    };
    let quality = given.unwrap_or(default);
    if (1..=worst).contains(&quality) {
        return Ok(quality);
    }
    let what = format!("{} has no quality {quality}", codec.name());
    Err(Error::config(what, format!("choose --quality from 1 (best) to {worst}")))
}

fn folder(
    from: &Path,
    to: &Path,
    options: &ReencodeOptions,
    overwrite: bool,
    output: Output,
) -> Result<ExitCode> {
    if !overwrite && fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::config(
            format!("{} exists and is not empty", to.display()),
            "choose another folder, or replace files of the same names with --overwrite",
        ));
    }
    if same(from, to) {
        let help = "choose another folder: videos are read while their copies are written";
        return Err(Error::config(format!("{} would replace itself", from.display()), help));
    }
    if to.ancestors().skip(1).any(|above| same(from, above)) {
        return Err(Error::config(
            format!("{} is inside {}, whose videos its copies would be", to.display(), from.display()),
            "choose a folder beside it",
        ));
    }
    let videos = open(from, output.quiet)?;
    let names = names(&videos);
    let counter = Counter::new("re-encoded", videos.len(), output.quiet);
    let done = AtomicUsize::new(0);
    let copied: Vec<Result<usize, BadFile>> = videos
        .videos()
        .par_iter()
        .zip(&names)
        .map(|(video, name)| {
            let copy = to.join(name);
            make_folder_of(&copy)?;
            let frames = reencode(&videos.path_of(video), &copy, options);
            counter.at(done.fetch_add(1, Ordering::Relaxed) + 1);
            match frames {
                Ok(frames) => Ok(Ok(frames)),
                Err(error @ Error::Data { .. }) => {
                    Ok(Err(BadFile { name: video.name.clone(), reason: reason(&error) }))
                }
                Err(error) => Err(error),
            }
        })
        .collect::<Result<_>>()?;
    counter.finish();
    let (mut files, mut frames, mut bad) = (0, 0, videos.bad_files());
    for outcome in copied {
        match outcome {
            Ok(count) => {
                files += 1;
                frames += count;
            }
            Err(file) => bad.push(file),
        }
    }
    match output.json {
        true => print(json!({ "folder": to, "files": files, "frames": frames, "bad_files": bad }))?,
        false => print(format!("{files} videos, {frames} frames: {}\n", to.display()) + &left_out(&bad))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of the copies: as the originals, but MP4. Where two would be the same, both keep their whole names.
fn names(videos: &VideoFolder) -> Vec<PathBuf> {
    let mut counts = std::collections::HashMap::new();
    let shorts: Vec<PathBuf> =
        videos.videos().iter().map(|video| Path::new(&video.name).with_extension("mp4")).collect();
    for short in &shorts {
        *counts.entry(short).or_insert(0) += 1;
    }
    let named = videos.videos().iter().zip(&shorts);
    named
        .map(|(video, short)| match counts[short] {
            1 => short.clone(),
            _ => PathBuf::from(format!("{}.mp4", video.name)),
        })
        .collect()
}

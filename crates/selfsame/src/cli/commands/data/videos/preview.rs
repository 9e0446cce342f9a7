//! `selfsame data preview` of videos

use std::process::ExitCode;

use selfsame_core::{Error, Random, Result};
use selfsame_image::picture::Picture;
use selfsame_image::view::preview::contact_sheet;
use selfsame_video::data::{VideoFolder, clip_frames, motion_drawn};
use serde_json::json;

use super::open;
use crate::cli::args;
use crate::cli::output::{print, refuse_existing};

/// Draws clips, and below each its motion.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    let args::Data::Preview {
        path,
        output_file,
        image_size,
        instances,
        views,
        stride,
        seed,
        overwrite,
        output,
        ..
    } = args
    else {
        return Err(Error::Internal("not a preview".into()));
    };
    refuse_existing(output_file, *overwrite)?;
    if *views == 0 || *stride == 0 || *image_size == 0 {
        return Err(Error::config(
            "a clip needs frames of some size, a stride apart",
            "give 1 or more for --views, --stride and --image-size",
        ));
    }
    let folder = open(path, output.quiet)?;
    let random = Random::new(*seed);
    let (mut rows, mut count) = (Vec::new(), 0);
    for index in random.named("preview").permutation(folder.len()) {
        if count == *instances {
            break;
        }
        // What cannot be decoded is left out here; `data check` reports it.
        if let Ok(drawn) = clip(&folder, index, *views, *stride, *image_size, &random) {
            rows.extend(drawn);
            count += 1;
        }
    }
    if rows.is_empty() {
        return Err(Error::data(path, "no video can be decoded", "`selfsame data check` says why"));
    }
    contact_sheet(&rows, *image_size).save_png(output_file)?;
    match output.json {
        true => print(json!({ "file": output_file, "instances": count, "frames": views, "stride": stride }))?,
        false => {
            print(format!("{count} clips of {views} frames and their motion: {}", output_file.display()))?
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A row with the frames of a clip, and one with their motion where there is some.
fn clip(
    folder: &VideoFolder,
    index: usize,
    length: usize,
    stride: usize,
    side: usize,
    random: &Random,
) -> Result<Vec<(Picture, Vec<Picture>)>> {
    let video = folder.video(index)?;
    let span = (length - 1) * stride;
    let start = random.named("clip").at(index as u64).below(video.frames().saturating_sub(span).max(1));
    let size = video.size().shrunk_to(side);
    let clip = folder.clip(index, start, stride, length, Some(size))?;
    let frames: Vec<Picture> = (0..length)
        .filter_map(|number| Picture::new(size.width, size.height, clip.frame(number)?.to_vec()).ok())
        .collect();
    let motion: Result<Vec<Picture>> = clip_frames(start, stride, length, video.frames())
        .into_iter()
        .zip(&frames)
        .map(|(number, frame)| {
            let map = folder.motion(index, number, 1)?;
            Ok(motion_drawn(frame, &map.values, map.size.width, map.size.height))
        })
        .collect();
    let row = |pictures: Vec<Picture>| {
        let mut pictures = pictures.into_iter();
        Some((pictures.next()?, pictures.collect()))
    };
    Ok([row(frames), motion.ok().and_then(row)].into_iter().flatten().collect())
}

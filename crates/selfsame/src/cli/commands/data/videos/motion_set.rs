//! `selfsame data motion-set`

use std::process::ExitCode;

use selfsame_core::{Error, Result};
use selfsame_video::data::{Motion, MotionSetOptions, Size, VideoCodec, write_motion_set};
use serde_json::json;

use crate::cli::args;
use crate::cli::output::print;
use crate::cli::progress::Counter;

/// Renders the videos.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    let args::Data::MotionSet {
        out,
        biased,
        camera,
        videos_per_class,
        frames,
        size,
        codec,
        seed,
        overwrite,
        output,
    } = args
    else {
        return Err(Error::Internal("not a motion set".into()));
    };
    let codec = match codec {
        Some(name) => VideoCodec::by_name(name)?,
        None => VideoCodec::best(),
    };
    let options = MotionSetOptions {
        biased: *biased as f32,
        camera: *camera as f32,
        videos_per_class: *videos_per_class,
        frames: *frames,
        size: Size { width: size.0, height: size.1 },
        seed: *seed,
        codec,
        overwrite: *overwrite,
    };
    let total = 2 * Motion::ALL.len() * videos_per_class;
    let counter = Counter::new("rendered", total, output.quiet);
    let videos = write_motion_set(out, &options, &|done| counter.at(done))?;
    counter.finish();
    let classes = Motion::ALL.map(Motion::name);
    match output.json {
        true => print(json!({
            "folder": out,
            "videos": videos,
            "classes": classes,
            "biased": biased,
            "camera": camera,
            "codec": codec.name(),
        }))?,
        false => print(format!(
            "{videos} videos of {} motions in train/ and test/, {}: {}",
            classes.len(),
            codec.name(),
            out.display()
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

//! Videos: motion vectors, clips for a training, and steps of backbones for clips.

use super::{Case, Options, Ratio, Row};
use crate::Failure;
use crate::process::{command, succeeds};

/// Backbone, batch, frames, side.
const STEPS: [[&str; 4]; 3] =
    [["r3d_18", "4", "16", "112"], ["r2plus1d_18", "4", "16", "112"], ["s3d", "4", "16", "112"]];

/// Frames, stride and side of the clips that are loaded.
const CLIP: [&str; 3] = ["8", "4", "112"];

/// The libraries whose motion vectors are compared with ours, and the module that each is.
const EXTRACTORS: [[&str; 2]; 2] = [["pyav", "av"], ["motion-vector-extractor", "mvextractor"]];

/// Steps beside PyTorch's; out of files, motion vectors beside PyAV's and motion-vector-extractor's, and clips beside PyAV with torchvision.
pub fn video(options: &Options) -> Result<Vec<Ratio>, Failure> {
    let mut ratios = Vec::new();
    match &options.videos {
        Some(folder) => {
            let folder = folder.to_string_lossy();
            ratios.extend(motion_vectors(options, &folder)?);
            ratios.extend(clips(options, &folder)?);
        }
        None => println!("\nmotion vectors and clips out of files: left out (--videos FOLDER)"),
    }
    for arguments in STEPS {
        let step = arguments.join(" ");
        let rows = [Row::rate(&step), Row::cost(format!("{step}: peak memory"))];
        let case = Case {
            title: "training step of clips (backbone, batch, frames, side)",
            unit: "clips a second; peak memory of the process in MB",
            rows: &rows,
        };
        ratios.extend(options.compare_example("clip_step", "torch_clip.py", &arguments, case)?);
    }
    Ok(ratios)
}

fn motion_vectors(options: &Options, folder: &str) -> Result<Vec<Ratio>, Failure> {
    let mut ratios = Vec::new();
    for [name, module] in EXTRACTORS {
        let is_there = |python: &String| succeeds(command(python).args(["-c", &format!("import {module}")]));
        if options.peers.as_ref().is_some_and(|python| !is_there(python)) {
            println!("\nmotion vectors beside {name}: left out, it is not installed");
            continue;
        }
        ratios.extend(motion_vectors_beside(options, folder, name)?);
        if options.peers.is_none() {
            break;
        }
    }
    Ok(ratios)
}

fn motion_vectors_beside(options: &Options, folder: &str, peer: &str) -> Result<Vec<Ratio>, Failure> {
    let workers = cores();
    let rows = [Row::rate(format!("{}, {workers} workers, beside {peer}", options.videos_name()))];
    let case = Case { title: "motion vectors", unit: "frames a second", rows: &rows };
    let arguments = [folder, &workers, peer];
    options.compare_example("motion_throughput", "motion_vectors.py", &arguments, case)
}

fn clips(options: &Options, folder: &str) -> Result<Vec<Ratio>, Failure> {
    let workers = cores();
    let [frames, stride, side] = CLIP;
    let name = options.videos_name();
    let rows =
        [Row::rate(format!("{name}, {frames} frames, stride {stride}, {side} pixels, {workers} workers"))];
    let case = Case { title: "clips out of files", unit: "clips a second", rows: &rows };
    let arguments = [folder, frames, stride, side, &workers];
    options.compare_example("clip_throughput", "torchvision_clips.py", &arguments, case)
}

fn cores() -> String {
    std::thread::available_parallelism().map_or(1, usize::from).to_string()
}

//! The motion set: labelled videos whose class is a motion, over backgrounds that may mislead.
//!
//! In `train/` the background belongs to the class with a given rate, in `test/` it is independent of it: a representation of
//! backgrounds does well in training and fails in the test, one of motion does not.

mod camera;
mod motions;
mod scene;
mod texture;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use selfsame_core::{Error, Random, Result, atomic_file};

use super::encode::{EncodeOptions, VideoCodec, VideoWriter, check_sides};
use super::size::Size;

use camera::Camera;
pub use motions::Motion;
use scene::Scene;
use texture::PATTERNS;

/// How a motion set is made.
#[derive(Clone, Debug)]
pub struct MotionSetOptions {
    /// How often the background of a video in `train/` is that of its class, from 0 to 1; otherwise it is any. At 0 both
    /// splits are fair.
    pub biased: f32,
    /// How far the camera wanders, as one held by hand does, in shares of the frame's height, from 0 (it stands still) to 0.5. Whatever the class, it
    /// moves background and objects alike.
    pub camera: f32,
    /// Videos of each class, in each of the splits.
    pub videos_per_class: usize,
    /// Frames of a video.
    pub frames: usize,
    /// Their sides.
    pub size: Size,
    /// Everything random depends on it.
    pub seed: u64,
    /// The codec.
    pub codec: VideoCodec,
    /// Replace a motion set that is there.
    pub overwrite: bool,
}

impl Default for MotionSetOptions {
    fn default() -> Self {
        Self {
            biased: 0.9,
            camera: 0.0,
            videos_per_class: 100,
            frames: 64,
            size: Size { width: 128, height: 96 },
            seed: 0,
            codec: VideoCodec::best(),
            overwrite: false,
        }
    }
}

/// The table of all videos, which shows that a folder is a motion set.
const TABLE: &str = "videos.tsv";

/// Where a set is made, in its own folder.
const UNFINISHED: &str = ".unfinished";

const SPLITS: [&str; 2] = ["train", "test"];

/// A video to be made.
struct Planned {
    split: &'static str,
    motion: Motion,
    number: usize,
    background: usize,
    random: Random,
}

impl Planned {
    /// The path from the set's folder.
    fn name(&self) -> String {
        let motion = self.motion.name();
        format!("{}/{motion}/{motion}_{:04}.mp4", self.split, self.number)
    }
}

/// Writes a motion set into the folder `out`: `train/` and `test/` with a folder for each class, and the table `videos.tsv` of the videos, their
/// classes and the groups of their backgrounds. Returns the number of videos; `progress` is told how many are done.
///
/// # Errors
/// [`Error::Config`] for options that are not possible and for a folder with something else in it; [`Error::Io`] when a file
/// cannot be written.
pub fn write_motion_set(
    out: &Path,
    options: &MotionSetOptions,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<usize> {
    check(options)?;
    check_room(out, options.overwrite)?;
    let plan = plan(options);
    // The set that is there gives way when the new one is whole.
    let unfinished = out.join(UNFINISHED);
    remove(&unfinished)?;
    for planned in &plan {
        atomic_file::make_folder_of(&unfinished.join(planned.name()))?;
    }
    let done = AtomicUsize::new(0);
    plan.par_iter().try_for_each(|planned| {
        write(&unfinished.join(planned.name()), planned, options)?;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        Ok::<(), Error>(())
    })?;
    for split in SPLITS {
        let place = out.join(split);
        remove(&place)?;
        fs::rename(unfinished.join(split), &place).map_err(|source| Error::io("write", &place, source))?;
    }
    remove(&unfinished)?;
    atomic_file::write(&out.join(TABLE), |file| {
        writeln!(file, "video\tclass\tbackground")?;
        plan.iter().try_for_each(|planned| {
            writeln!(file, "{}\t{}\t{}", planned.name(), planned.motion.name(), planned.background)
        })
    })?;
    Ok(plan.len())
}

fn check(options: &MotionSetOptions) -> Result<()> {
    if !(0.0..=1.0).contains(&options.biased) {
        return Err(Error::config(
            format!("a background cannot be biased at the rate {}", options.biased),
            "choose --biased from 0 (fair) to 1 (always that of the class)",
        ));
    }
    if !(0.0..=0.5).contains(&options.camera) {
        return Err(Error::config(
            format!("a camera cannot wander by {} of the frame's height", options.camera),
            "choose --camera from 0 (it stands still) to 0.5; 0.1 is that of a calm hand",
        ));
    }
    for (what, count) in [("--videos-per-class", options.videos_per_class), ("--frames", options.frames)] {
        if count == 0 {
            return Err(Error::config(format!("{what} is 0"), "choose 1 or more"));
        }
    }
    if options.size.width < 16 || options.size.height < 16 {
        let what = format!("frames of {} pixels are too small for anything to move in", options.size);
        return Err(Error::config(what, "choose sides of 16 or more"));
    }
    check_sides(options.size)
}

/// Makes sure that the folder holds nothing, or a motion set that may go. What this command has begun and not finished is nothing.
fn check_room(out: &Path, overwrite: bool) -> Result<()> {
    let is_empty = match fs::read_dir(out) {
        Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == UNFINISHED)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(source) => return Err(Error::io("list", out, source)),
    };
    if is_empty {
        return Ok(());
    }
    if !overwrite {
        return Err(Error::config(
            format!("{} exists and is not empty", out.display()),
            "choose another folder, or replace a motion set with --overwrite",
        ));
    }
    if !out.join(TABLE).is_file() {
        return Err(Error::config(
            format!("{} is not a motion set: it has no {TABLE}", out.display()),
            "choose another folder; --overwrite only replaces what this command has made",
        ));
    }
    Ok(())
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", folder, source))
        }
        _ => Ok(()),
    }
}

/// Draws which background each video has.
fn plan(options: &MotionSetOptions) -> Vec<Planned> {
    let root = Random::new(options.seed).named("motion set");
    let mut plan = Vec::new();
    for (split, biased) in SPLITS.into_iter().zip([options.biased, 0.0]) {
        for (class, motion) in Motion::ALL.into_iter().enumerate() {
            for number in 0..options.videos_per_class {
                let random = root.named(split).at(class as u64).at(number as u64);
                let mut drawn = random.named("group");
                let background = if drawn.chance(biased) { class } else { drawn.below(PATTERNS) };
                plan.push(Planned { split, motion, number, background, random });
            }
        }
    }
    plan
}

fn write(path: &Path, planned: &Planned, options: &MotionSetOptions) -> Result<()> {
    let encode = EncodeOptions {
        codec: options.codec,
        size: options.size,
        frame_rate: (25, 1),
        key_interval: 12,
        b_frames: 0,
        quality: match options.codec {
            VideoCodec::H264 => 26,
            VideoCodec::Mpeg4 => 5,
        },
    };
    let mut writer = VideoWriter::create(path, &encode)?;
    let camera = Camera::draw(options.camera, &planned.random);
    let scene = Scene::draw(planned.motion, planned.background, camera, options.size, &planned.random);
    let mut pixels = Vec::new();
    for frame in 0..options.frames {
        scene.render(frame, options.frames, &mut pixels);
        writer.push(&pixels)?;
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backgrounds(biased: f32) -> Vec<(&'static str, usize, usize)> {
        let options = MotionSetOptions { biased, ..MotionSetOptions::default() };
        plan(&options)
            .iter()
            .map(|planned| {
                let class = Motion::ALL.iter().position(|&motion| motion == planned.motion);
                (planned.split, class.unwrap_or(usize::MAX), planned.background)
            })
            .collect()
    }

    /// The share of a split's videos whose background is that of their class.
    fn share(plan: &[(&str, usize, usize)], split: &str) -> f32 {
        let of_split: Vec<_> = plan.iter().filter(|(of, ..)| *of == split).collect();
        of_split.iter().filter(|(_, class, background)| class == background).count() as f32
            / of_split.len() as f32
    }

    #[test]
    fn training_is_biased_at_the_rate_and_the_test_is_fair() {
        let plan = backgrounds(0.9);
        assert_eq!(plan.len(), 2000);
        // A background that is drawn freely is that of the class once in ten times: 0.9 + 0.1 · 0.1.
        assert!((share(&plan, "train") - 0.91).abs() < 0.03);
        assert!((share(&plan, "test") - 0.1).abs() < 0.03);
        assert!((share(&backgrounds(0.0), "train") - 0.1).abs() < 0.03);
        assert_eq!(share(&backgrounds(1.0), "train"), 1.0);
    }

    #[test]
    fn every_background_occurs_in_the_test() {
        let plan = backgrounds(0.9);
        let test = plan.iter().filter(|(split, ..)| *split == "test");
        let groups: std::collections::BTreeSet<usize> = test.map(|&(_, _, background)| background).collect();
        assert_eq!(groups.len(), PATTERNS);
    }
}

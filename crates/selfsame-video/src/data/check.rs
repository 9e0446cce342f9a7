//! Decoding every frame of a folder's videos before a training meets what is wrong with them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use selfsame_image::data::ClassCount;
use serde::{Deserialize, Serialize};

use super::decoder::{Decoder, Wanted};
use super::ffmpeg;
use super::folder::{Video, VideoFolder};
use super::motion_vectors::{FrameType, require};
use super::problem::{Problem, VideoError};
use super::size::Size;

/// Videos with fewer frames than this are noted: clips of them are looped.
pub const SHORT: usize = 16;

/// What is unusual about a video that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum VideoNote {
    /// It is turned before it is shown.
    Rotated,
    /// The frames' size changes; all are scaled to the first one's.
    ChangesSize,
    /// Frames are not equally far from each other in time; they are numbered nevertheless.
    VariableFrameRate,
    /// It has B-frames, whose motion vectors point to past and future.
    BFrames,
    /// Motion vectors are not to be had.
    NoMotionVectors,
    /// Every reading starts at the beginning, which is slow.
    NotSeekable,
    /// It has fewer than 16 frames.
    Short,
}

/// A problem and the file that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoFinding {
    /// The file's path from the folder.
    pub name: String,
    /// The kind of problem.
    pub problem: Problem,
    /// The problem in words.
    pub detail: String,
}

/// What was found in a folder of videos.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VideoReport {
    /// Files that are or should be videos.
    pub files: usize,
    /// Those of which every frame can be decoded.
    pub usable: usize,
    /// Files that are something else.
    pub other_files: usize,
    /// Frames of all usable videos.
    pub frames: u64,
    /// Their length in seconds, as far as frame rates are known.
    pub seconds: f64,
    /// Usable videos by codec.
    pub codecs: BTreeMap<String, usize>,
    /// Usable videos by size, as `340×256`.
    pub sizes: BTreeMap<String, usize>,
    /// Videos by class, in the order of classes.
    pub classes: Vec<ClassCount>,
    /// Problems by the name of the file.
    pub findings: Vec<VideoFinding>,
    /// Names of files with something unusual.
    pub notes: BTreeMap<VideoNote, Vec<String>>,
    /// What was odd when the folder was opened.
    pub warnings: Vec<String>,
}

/// Decodes every frame of every video, in parallel. `progress` is told how many are done.
pub fn check_videos(folder: &VideoFolder, progress: &(dyn Fn(usize) + Sync)) -> VideoReport {
    let done = AtomicUsize::new(0);
    let checked: Vec<Result<Vec<VideoNote>, VideoError>> = folder
        .videos()
        .par_iter()
        .map(|video| {
            let notes = look_at(folder, video);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            notes
        })
        .collect();

    let mut report = VideoReport {
        files: folder.len() + folder.unusable().len(),
        other_files: folder.other_files(),
        warnings: folder.warnings().to_vec(),
        ..VideoReport::default()
    };
    let mut class_counts = vec![0; folder.classes().len()];
    for (index, (video, checked)) in folder.videos().iter().zip(checked).enumerate() {
        if let Some(count) = folder.label(index).and_then(|label| class_counts.get_mut(label)) {
            *count += 1;
        }
        match checked {
            Ok(notes) => report.add(video, notes),
            Err(error) => report.findings.push(finding(&video.name, error)),
        }
    }
    let unusable = folder.unusable().iter().map(|file| finding(&file.name, file.error.clone()));
    report.findings.extend(unusable);
    report.findings.sort_by(|a, b| a.name.cmp(&b.name));
    let classes = folder.classes().iter().zip(class_counts);
    report.classes = classes.map(|(name, count)| ClassCount { name: name.clone(), count }).collect();
    report
}

impl VideoReport {
    fn add(&mut self, video: &Video, notes: Vec<VideoNote>) {
        self.usable += 1;
        self.frames += video.frames() as u64;
        if video.info.frame_rate > 0.0 {
            self.seconds += video.frames() as f64 / video.info.frame_rate;
        }
        *self.codecs.entry(video.info.codec.clone()).or_default() += 1;
        *self.sizes.entry(video.size().to_string()).or_default() += 1;
        for note in notes {
            self.notes.entry(note).or_default().push(video.name.clone());
        }
    }

    /// How many files have each problem.
    pub fn problem_counts(&self) -> BTreeMap<Problem, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.problem).or_default() += 1;
        }
        counts
    }
}

fn finding(name: &str, error: VideoError) -> VideoFinding {
    VideoFinding { name: name.to_owned(), problem: error.problem, detail: error.detail }
}

/// Decodes a whole video.
fn look_at(folder: &VideoFolder, video: &Video) -> Result<Vec<VideoNote>, VideoError> {
    let mut decoder = Decoder::open(&folder.path_of(video), Wanted::Pixels)?;
    let coded = video.info.coded;
    let (mut frames, mut damaged, mut b_frames, mut changes) = (0, None, false, false);
    while let Some(frame) = decoder.next_frame() {
        if ffmpeg::is_damaged(frame) {
            damaged.get_or_insert(frames);
        }
        b_frames |= FrameType::of(frame) == FrameType::B;
        changes |= Size { width: frame.width() as usize, height: frame.height() as usize } != coded;
        if !decoder.take_refused().is_empty() {
            damaged.get_or_insert(frames);
        }
        frames += 1;
    }
    if let Some(reason) = decoder.broken_off() {
        let detail = format!("the video ends after {frames} frames: {reason}");
        return Err(VideoError::new(Problem::Truncated, detail));
    }
    let expected = video.frames();
    if let Some(first) = damaged {
        let detail =
            format!("frame {first} or one near it is damaged; {frames} of {expected} frames can be decoded");
        return Err(VideoError::new(Problem::Corrupt, detail));
    }
    if frames != expected || !decoder.take_refused().is_empty() {
        let detail = format!("only {frames} of {expected} frames can be decoded");
        return Err(VideoError::new(Problem::Corrupt, detail));
    }
    let index = &video.index;
    let notes = [
        (video.info.rotation.degrees() != 0, VideoNote::Rotated),
        (changes, VideoNote::ChangesSize),
        (!index.is_regular(), VideoNote::VariableFrameRate),
        (b_frames, VideoNote::BFrames),
        (require(&video.info.codec, index.is_all_key()).is_err(), VideoNote::NoMotionVectors),
        (!index.is_seekable(), VideoNote::NotSeekable),
        (expected < SHORT, VideoNote::Short),
    ];
    Ok(notes.into_iter().filter_map(|(is, note)| is.then_some(note)).collect())
}

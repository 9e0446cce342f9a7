//! What can be wrong with a video file.

use std::path::Path;

use selfsame_core::Error;
use serde::{Deserialize, Serialize};

/// Kinds of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Problem {
    /// The system refuses to read it, or it is gone.
    Unreadable,
    /// It has no bytes.
    Empty,
    /// Its content is not a video file.
    NotAVideo,
    /// It has sound or text but no pictures.
    NoPictures,
    /// FFmpeg cannot decode it.
    Unsupported,
    /// It ends too soon.
    Truncated,
    /// It contradicts itself: some frames cannot be decoded.
    Corrupt,
    /// Its frames have too many pixels.
    TooLarge,
    /// It holds no motion vectors.
    NoMotionVectors,
    /// It is not the file that was indexed.
    Changed,
}

/// A problem of a video file, whose path the caller knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoError {
    /// The kind of problem.
    pub problem: Problem,
    /// The problem in words.
    pub detail: String,
}

impl VideoError {
    pub(crate) fn new(problem: Problem, detail: impl Into<String>) -> Self {
        Self { problem, detail: detail.into() }
    }

    /// The error of the file at `path`.
    pub fn of(self, path: impl AsRef<Path>) -> Error {
        let help = match self.problem {
            Problem::Unreadable => "check the path and the permissions of the file and its folder",
            Problem::Empty | Problem::NotAVideo | Problem::NoPictures => {
                "give a video file, or remove this one"
            }
            Problem::Unsupported => "convert it with a program that knows this format, for example ffmpeg",
            Problem::Truncated | Problem::Corrupt => "get a new copy of the file, or remove it",
            Problem::TooLarge => "scale it down first",
            Problem::NoMotionVectors => {
                "`selfsame data reencode` writes a copy with motion vectors and regular key frames"
            }
            Problem::Changed => {
                "leave the files alone while they are read; `selfsame data index` looks at them anew"
            }
        };
        Error::data(path, self.detail, help)
    }
}

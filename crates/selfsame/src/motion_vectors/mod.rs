//! Motion vectors of a video, in files that other tools read.
//!
//! | format | content |
//! |---|---|
//! | `safetensors` | for each frame N `frame_N`, `[vectors, 10]` i16: source (−1 past, 1 future), block width and height, source x and y, x and y of the block's middle, motion x and y, motion scale; and `frame_types`, `[frames]` u8: 0 I, 1 P, 2 B |
//! | `parquet` | a row for each vector: `frame` and the same ten numbers; the types of all frames as the letters `IPB` under the key `frame_types` |
//!
//! Motion points from the block to its source in the reference, in pixels times the scale. Frames are written as they come, so
//! that memory does not grow with the video.

mod parquet;
mod safetensors;

use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};
use selfsame_video::data::FrameVectors;

/// A format of motion vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tensor for each frame.
    Safetensors,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format that a path's ending says.
    ///
    /// # Errors
    /// Endings that say none.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match &*ending {
            "safetensors" => Ok(Self::Safetensors),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Error::config(
                format!("`{}` does not say in which format to write motion vectors", path.display()),
                "end the name in .safetensors or .parquet",
            )),
        }
    }
}

/// Writes one format.
trait Sink {
    fn push(&mut self, frame: &FrameVectors) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<PathBuf>;
}

/// Writes the vectors of a video frame by frame. The file appears under its name in [`VectorWriter::finish`], whole or not at all.
pub struct VectorWriter {
    sink: Box<dyn Sink>,
    frames: usize,
    vectors: usize,
}

impl VectorWriter {
    /// Begins to write `path`, creating the folders above it. An existing file is only replaced with `overwrite`.
    ///
    /// # Errors
    /// An ending that says no format, a file that exists and may not be replaced, and what the system refuses.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let sink: Box<dyn Sink> = match Format::of(path)? {
            Format::Safetensors => Box::new(safetensors::Safetensors::create(path, overwrite)?),
            Format::Parquet => Box::new(parquet::Parquet::create(path, overwrite)?),
        };
        Ok(Self { sink, frames: 0, vectors: 0 })
    }

    /// Writes the next frame.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn push(&mut self, frame: &FrameVectors) -> Result<()> {
        self.frames += 1;
        self.vectors += frame.vectors.len();
        self.sink.push(frame)
    }

    /// The numbers of frames and vectors so far.
    pub fn counts(&self) -> (usize, usize) {
        (self.frames, self.vectors)
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn finish(self) -> Result<PathBuf> {
        self.sink.finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

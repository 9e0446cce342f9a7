//! The motion vectors of whole files, as fast as the codec's own decoder allows.

use std::path::Path;

use super::decoder::{Decoder, StreamInfo, Wanted};
use super::ffmpeg;
use super::motion_vectors::{FrameType, MotionVector, require, vectors};
use super::problem::{Problem, VideoError};
use super::scan::require_end;

/// One frame's motion vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameVectors {
    /// The frame's number, in the order of showing.
    pub frame: usize,
    /// How it is coded.
    pub kind: FrameType,
    /// In the decoder's order; empty for I-frames.
    pub vectors: Vec<MotionVector>,
}

/// Hands the motion vectors of every frame of a file to `take`, frame by frame in the order of showing. With `shortcuts`, work on pixels that
/// vectors do not need is left out; they are the same either way. It is done by one thread: several files at once are faster.
///
/// # Errors
/// What is wrong with the file, see [`Problem`]: codecs without motion vectors, and the first frame that cannot be decoded. What
/// `take` returns.
pub fn extract_motion_vectors<E: From<VideoError>>(
    path: &Path,
    shortcuts: bool,
    mut take: impl FnMut(&StreamInfo, FrameVectors) -> Result<(), E>,
) -> Result<StreamInfo, E> {
    let wanted = if shortcuts { Wanted::Vectors } else { Wanted::PixelsAndVectors };
    let mut decoder = Decoder::open(path, wanted)?;
    let info = decoder.info().clone();
    require(&info.codec, false)?;
    let (mut frame, mut all_intra) = (0, true);
    loop {
        let taken = decoder.next_frame().map(|decoded| {
            let found = FrameVectors { frame, kind: FrameType::of(decoded), vectors: vectors(decoded) };
            (found, ffmpeg::is_damaged(decoded))
        });
        let Some((found, is_damaged)) = taken else { break };
        if is_damaged || !decoder.take_refused().is_empty() {
            return Err(damaged(frame).into());
        }
        all_intra &= found.kind == FrameType::I;
        take(&info, found)?;
        frame += 1;
    }
    require_end(&mut decoder)?;
    if frame == 0 || !decoder.take_refused().is_empty() {
        return Err(damaged(frame).into());
    }
    require(&info.codec, all_intra)?;
    Ok(info)
}

fn damaged(frame: usize) -> VideoError {
    VideoError::new(Problem::Corrupt, format!("the file is damaged at frame {frame}"))
}

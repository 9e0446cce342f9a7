//! Motion vectors as the codec wrote them.
//!
//! A codec writes most blocks of a frame as a piece of another frame, its reference, plus a difference. A motion vector tells
//! where that piece lies: it points *from the block in the current frame to its source in the reference*,
//!
//! (source x − x, source y − y) = motion / scale, in pixels, x to the right and y downwards.
//!
//! An object that has moved to the right since a past reference therefore has a *negative* motion x. Places are the middles of
//! blocks, in pixels of the coded frame: a file's rotation is not applied.

use ffmpeg_the_third as av;

use av::frame;
use serde::Serialize;

use super::problem::{Problem, VideoError};

/// How many numbers describe a vector in a table, see [`MotionVector::row`].
pub const COLUMNS: [&str; 10] = [
    "source",
    "block_width",
    "block_height",
    "source_x",
    "source_y",
    "x",
    "y",
    "motion_x",
    "motion_y",
    "motion_scale",
];

/// Where the pixels of a block come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MotionVector {
    /// −1: a past frame, 1: a future frame (only of B-frames). Larger numbers are further references, where a codec tells them.
    pub source: i32,
    /// Width of the block.
    pub block_width: u8,
    /// Height of the block.
    pub block_height: u8,
    /// Middle of the source in the reference, rounded to whole pixels; may lie outside of the frame.
    pub source_x: i16,
    /// As `source_x`, from the top.
    pub source_y: i16,
    /// Middle of the block in the current frame.
    pub x: i16,
    /// As `x`, from the top.
    pub y: i16,
    /// From the block to its source, in pixels times `motion_scale`.
    pub motion_x: i32,
    /// As `motion_x`, downwards.
    pub motion_y: i32,
    /// Parts of a pixel that the codec counts in: 4 for H.264, 2 for MPEG-4 part 2 without quarter pixels.
    pub motion_scale: u16,
}

impl MotionVector {
    /// The numbers in the order of [`COLUMNS`]; those that 16 bits do not hold become the nearest that they do.
    pub fn row(&self) -> [i16; 10] {
        let narrow = |value: i32| value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        [
            narrow(self.source),
            i16::from(self.block_width),
            i16::from(self.block_height),
            self.source_x,
            self.source_y,
            self.x,
            self.y,
            narrow(self.motion_x),
            narrow(self.motion_y),
            narrow(i32::from(self.motion_scale)),
        ]
    }

    /// One vector in the layout of FFmpeg's `AVMotionVector` (libavutil/motion_vector.h), which is part of its interface: `source`
    /// i32, `w`, `h` u8, `src_x`, `src_y`, `dst_x`, `dst_y` i16, `flags` u64, `motion_x`, `motion_y` i32, `motion_scale` u16,
    /// each at a multiple of its size.
    fn of_bytes(bytes: &[u8; BYTES]) -> Self {
        let [b0, b1, b2, b3, block_width, block_height, rest @ ..] = *bytes;
        let short = |at: usize| i16::from_ne_bytes([rest[at - 6], rest[at - 5]]);
        let word = |at: usize| i32::from_ne_bytes([rest[at - 6], rest[at - 5], rest[at - 4], rest[at - 3]]);
        Self {
            source: i32::from_ne_bytes([b0, b1, b2, b3]),
            block_width,
            block_height,
            source_x: short(6),
            source_y: short(8),
            x: short(10),
            y: short(12),
            motion_x: word(24),
            motion_y: word(28),
            motion_scale: short(32) as u16,
        }
    }
}

/// The size of an `AVMotionVector`.
const BYTES: usize = 40;

const _: () = assert!(size_of::<av::ffi::AVMotionVector>() == BYTES);

/// Kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum FrameType {
    /// Coded alone.
    I,
    /// From frames before it.
    P,
    /// From frames before and after it.
    B,
}

impl FrameType {
    /// The number of the kind in tables: 0, 1, 2.
    pub fn number(self) -> u8 {
        match self {
            Self::I => 0,
            Self::P => 1,
            Self::B => 2,
        }
    }

    pub(super) fn of(frame: &frame::Video) -> Self {
        use av::picture::Type;
        match frame.kind() {
            Type::I | Type::SI => Self::I,
            Type::B => Self::B,
            // Switching frames and sprites of MPEG-4 are made from frames before them. What codecs without such kinds
            // leave open is coded alone, BI is intra within a B-frame's place.
            Type::P | Type::SP | Type::S => Self::P,
            Type::None | Type::BI => Self::I,
        }
    }
}

/// The vectors that the decoder has attached to a frame, in its order.
pub(super) fn vectors(frame: &frame::Video) -> Vec<MotionVector> {
    let data = frame.side_data(av::frame::side_data::Type::MotionVectors);
    let (vectors, _) = data.as_ref().map_or(&[][..], |data| data.data()).as_chunks();
    vectors.iter().map(MotionVector::of_bytes).collect()
}

/// Codecs of which FFmpeg tells motion vectors.
const CODECS: [&str; 15] = [
    "h264",
    "mpeg4",
    "mpeg1video",
    "mpeg2video",
    "h263",
    "h263p",
    "h263i",
    "flv1",
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4v3",
    "wmv1",
    "wmv2",
    "rv10",
    "rv20",
];

/// Makes sure that a video can have motion vectors.
///
/// # Errors
/// [`Problem::NoMotionVectors`]
pub(super) fn require(codec: &str, all_key: bool) -> Result<(), VideoError> {
    if !CODECS.contains(&codec) {
        let detail = format!("FFmpeg tells no motion vectors of the codec {codec}");
        return Err(VideoError::new(Problem::NoMotionVectors, detail));
    }
    if all_key {
        let detail = "every frame is coded alone, so there are no motion vectors";
        return Err(VideoError::new(Problem::NoMotionVectors, detail));
    }
    Ok(())
}

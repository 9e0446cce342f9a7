//! Where clips come from: compressed files, decoded frame by frame, with the motion vectors and key frames that they hold.
//!
//! [`VideoFolder`] finds videos and gives clips, motion maps and pictures out of them; [`Decoder`] goes through one file, [`Reader`] to any frame
//! of it; [`extract_motion_vectors`] takes the vectors of a whole file. [`check_videos`] looks for what is wrong, [`reencode`] makes copies
//! with regular key frames, [`write_motion_set`] renders labelled videos.

mod check;
mod clip;
mod decoder;
mod draw;
mod encode;
mod extract;
mod ffmpeg;
mod folder;
mod index;
mod list_file;
mod motion_map;
mod motion_set;
mod motion_vectors;
mod picture;
mod problem;
mod reader;
mod reencode;
mod render;
mod rotation;
mod scan;
mod size;

pub use check::{SHORT, VideoFinding, VideoNote, VideoReport, check_videos};
pub use clip::{Clip, clip_frames};
pub use decoder::{Decoder, StreamInfo, Wanted};
pub use draw::motion_drawn;
pub use encode::{EncodeOptions, VideoCodec, VideoWriter};
pub use extract::{FrameVectors, extract_motion_vectors};
pub use folder::{UnusableFile, Video, VideoFolder, VideoFolderOptions};
pub use index::FrameIndex;
pub use list_file::{Listed, read_list};
pub use motion_map::MotionMaps;
pub use motion_set::{Motion, MotionSetOptions, write_motion_set};
pub use motion_vectors::{COLUMNS, FrameType, MotionVector};
pub use picture::Scaler;
pub use problem::{Problem, VideoError};
pub use reader::Reader;
pub use reencode::{ReencodeOptions, check_key_interval, reencode};
pub use render::{Loader, VideoRender, evaluation_batches};
pub use rotation::Rotation;
pub use scan::{Scanned, scan};
pub use size::Size;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

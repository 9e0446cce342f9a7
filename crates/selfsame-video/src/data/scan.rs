//! Looking through a file for its frames, without decoding where its packets tell them.
//!
//! A packet mostly holds one frame and says when that is shown: then reading the file is enough. Where it may be otherwise (no
//! times, fields, hidden or dropped frames), frames are decoded and counted.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::decoder::{Decoder, StreamInfo, Wanted};
use super::ffmpeg;
use super::index::FrameIndex;
use super::problem::{Problem, VideoError};

/// An MPEG-4 packet of at most so many bytes may say that a frame is left out (as in FFmpeg's own decoder).
const DROPPED_FRAME_BYTES: usize = 19;

/// A video whose frames are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scanned {
    /// What the header says.
    pub info: StreamInfo,
    /// The frames.
    pub index: FrameIndex,
}

/// What the packets say.
#[derive(Default)]
struct Packets {
    times: Vec<i64>,
    keys: Vec<i64>,
    /// Whether each holds one frame that is told by its time.
    are_frames: bool,
}

/// Finds the frames of the video in a file.
///
/// # Errors
/// What is wrong with the file, see [`Problem`]. Damage inside of frames only shows when they are decoded.
pub fn scan(path: &Path) -> Result<Scanned, VideoError> {
    let mut decoder = Decoder::open(path, Wanted::Count)?;
    let info = decoder.info().clone();
    let packets = read_packets(&mut decoder)?;
    let index = match packets.are_frames {
        true => FrameIndex::of_times(packets.times, &packets.keys),
        false => count(path, &packets.keys)?,
    };
    if index.frames() == 0 || index.key_frames().is_empty() {
        return Err(VideoError::new(Problem::Corrupt, "no frame of the video can be decoded"));
    }
    Ok(Scanned { info, index })
}

/// Reads all packets, the cut off ones included.
fn read_packets(decoder: &mut Decoder) -> Result<Packets, VideoError> {
    let mpeg4 = ["mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3"].contains(&decoder.info().codec.as_str());
    let hides_frames = ["vp8", "mpeg1video"].contains(&decoder.info().codec.as_str());
    let mut are_frames = !hides_frames && !decoder.is_interlaced();
    let (mut found, mut cut) = (Packets::default(), false);
    while let Some(packet) = decoder.next_packet() {
        cut = packet.is_corrupt();
        if ffmpeg::is_discarded(&packet) {
            continue;
        }
        let may_be_dropped = packet.size() == 0 || (mpeg4 && packet.size() <= DROPPED_FRAME_BYTES);
        match packet.pts() {
            Some(time) if !may_be_dropped => {
                if packet.is_key() {
                    found.keys.push(time);
                }
                // What precedes every key frame cannot be decoded.
                are_frames &= found.keys.first().is_some_and(|&key| time >= key);
                found.times.push(time);
            }
            _ => are_frames = false,
        }
    }
    if cut && decoder.broken_off().is_none() {
        return Err(ends_after(decoder.packets().0, "its last frame is cut off"));
    }
    require_end(decoder)?;
    found.times.sort_unstable();
    let before = found.times.len();
    found.times.dedup();
    found.are_frames = are_frames && found.times.len() == before;
    Ok(found)
}

/// Makes sure that the video that was read is whole: that the reading came to the end, and the end is where the container promises it.
///
/// # Errors
/// [`Problem::Truncated`]
pub(super) fn require_end(decoder: &mut Decoder) -> Result<(), VideoError> {
    let (count, last) = decoder.packets();
    let reason = decoder.broken_off().map(str::to_owned);
    match reason.or_else(|| missing_end(decoder, count, last)) {
        Some(reason) => Err(ends_after(count, &reason)),
        None => Ok(()),
    }
}

fn ends_after(count: u64, reason: &str) -> VideoError {
    VideoError::new(Problem::Truncated, format!("the video ends after {count} frames: {reason}"))
}

/// What the container promises beyond the frames that were found, in words.
fn missing_end(decoder: &mut Decoder, count: u64, last: Option<i64>) -> Option<String> {
    let container = decoder.info().container.clone();
    let length = std::fs::metadata(decoder.path()).map_or(u64::MAX, |metadata| metadata.len());
    let (input, number) = decoder.container();
    let only_stream = input.nb_streams() == 1;
    let whole_seconds = input.duration() as f64 / f64::from(ffmpeg_the_third::ffi::AV_TIME_BASE);
    let mut stream = input.stream_mut(number)?;
    let needed = ffmpeg::needed_bytes(&mut stream);
    if needed > length {
        return Some(format!("the file has {length} bytes and should have at least {needed}"));
    }
    // An edit list hides frames that an MP4 declares; an AVI has none.
    let declared = u64::try_from(stream.frames()).unwrap_or(0);
    if container == "avi" && count < declared {
        return Some(format!("the header declares {declared}"));
    }
    if container.starts_with("matroska") {
        let tagged = stream.metadata().get("DURATION").and_then(seconds);
        let promised = tagged.or(only_stream.then_some(whole_seconds))?;
        let base = stream.time_base();
        let end = last? as f64 * f64::from(base.0) / f64::from(base.1.max(1));
        let rate = stream.avg_frame_rate();
        let frame = if rate.0 > 0 { f64::from(rate.1) / f64::from(rate.0) } else { 0.1 };
        if end + 3.0 * frame < promised {
            return Some(format!("at {end:.1} of {promised:.1} seconds"));
        }
    }
    None
}

/// Hours, minutes and seconds as `01:02:03.5`, in seconds.
fn seconds(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |sum, part| Some(60.0 * sum + part.trim().parse::<f64>().ok()?))
}

/// Decodes all frames to count them.
fn count(path: &Path, keys: &[i64]) -> Result<FrameIndex, VideoError> {
    let mut decoder = Decoder::open(path, Wanted::Count)?;
    let (mut times, mut key_frames, mut count) = (Vec::new(), Vec::new(), 0);
    while let Some(frame) = decoder.next_frame() {
        times.push(frame.pts());
        if frame.kind() == ffmpeg_the_third::picture::Type::I {
            key_frames.push(count);
        }
        count += 1;
    }
    let told: Option<Vec<i64>> = times.into_iter().collect();
    let told = told.filter(|times| times.windows(2).all(|pair| pair[0] < pair[1]));
    // One can only go to a key frame that is shown; what is before the first cannot be decoded.
    let first_key = keys
        .iter()
        .copied()
        .filter(|key| told.as_ref().is_some_and(|times| times.binary_search(key).is_ok()))
        .min();
    Ok(match (told, first_key) {
        (Some(mut times), Some(first)) => {
            times.retain(|&time| time >= first);
            FrameIndex::of_times(times, keys)
        }
        _ => FrameIndex::of_count(count as usize, key_frames),
    })
}

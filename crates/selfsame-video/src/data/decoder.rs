//! Frame after frame out of one file.

use std::path::{Path, PathBuf};

use ffmpeg_the_third as av;

use av::format::context::Input;
use av::frame;
use serde::{Deserialize, Serialize};

use super::ffmpeg;
use super::problem::{Problem, VideoError};
use super::rotation::Rotation;
use super::size::Size;

/// Frames with more pixels than this are refused before they are decoded.
const MAX_PIXELS: usize = 1 << 27;

/// So many damaged frames may follow each other at the end: a decoder that never says that it is done must not be asked for
/// ever.
const MAX_ERRORS_AT_END: usize = 256;

/// What is decoded beside, or instead of, the pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Pixels alone.
    #[default]
    Pixels,
    /// Pixels and motion vectors.
    PixelsAndVectors,
    /// Motion vectors, and no more work on pixels than they need: no loop filter, no inverse transform where that is a
    /// step of its own. Pixels are wrong then.
    Vectors,
    /// Whatever is quickest for counting frames.
    Count,
}

/// What a file's header says about its video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamInfo {
    /// FFmpeg's name of the codec, such as `h264`.
    pub codec: String,
    /// FFmpeg's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
    /// Sides of the frames as they are coded.
    pub coded: Size,
    /// How they are turned before they are shown.
    pub rotation: Rotation,
    /// Frames a second on average; 0 when unknown.
    pub frame_rate: f64,
}

impl StreamInfo {
    /// Sides of the frames as they are shown.
    pub fn size(&self) -> Size {
        self.coded.turned(self.rotation)
    }
}

/// An open file whose frames come one after another, in the order of showing.
pub struct Decoder {
    path: PathBuf,
    wanted: Wanted,
    input: Input,
    stream: usize,
    codec: av::decoder::Video,
    frame: frame::Video,
    info: StreamInfo,
    state: State,
    /// Packets that the decoder refused, by their times.
    refused: Vec<Option<i64>>,
    broken_off: Option<String>,
    /// Packets of the video that were read, and the last time that one of them tells.
    packets: (u64, Option<i64>),
    /// The times of the frames that must come, ascending; `None`: all frames.
    needed: Option<Vec<i64>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Packets are read.
    Reading,
    /// The file has ended, the decoder still holds frames.
    Draining,
    Ended,
}

impl Decoder {
    /// Opens the video in a file. Decoding is done by the thread that asks for frames.
    ///
    /// # Errors
    /// What is wrong with the file, see [`Problem`].
    pub fn open(path: &Path, wanted: Wanted) -> Result<Self, VideoError> {
        let mut input = ffmpeg::open(path)?;
        let stream = video_stream(&input)?;
        ffmpeg::keep_only(&mut input, stream);
        let info = describe(&input, stream)?;
        let codec = open_codec(&input, stream, &info, wanted)?;
        Ok(Self {
            path: path.to_owned(),
            wanted,
            input,
            stream,
            codec,
            frame: frame::Video::empty(),
            info,
            state: State::Reading,
            refused: Vec::new(),
            broken_off: None,
            packets: (0, None),
            needed: None,
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file's header says.
    pub fn info(&self) -> &StreamInfo {
        &self.info
    }

    /// The frame that [`next_frame`](Self::next_frame) returned last.
    pub(super) fn frame(&self) -> &frame::Video {
        &self.frame
    }

    /// The open file and the number of the video stream in it.
    pub(super) fn container(&mut self) -> (&mut Input, usize) {
        (&mut self.input, self.stream)
    }

    /// Whether fields instead of whole frames may be coded.
    pub(super) fn is_interlaced(&self) -> bool {
        use av::FieldOrder;
        let order = self.input.stream(self.stream).map(|stream| stream.parameters().field_order());
        !matches!(order, Some(FieldOrder::Progressive | FieldOrder::Unknown) | None)
    }

    /// The next packet of the video, undecoded; nothing at the end. What stops the reading before the end is kept for
    /// [`broken_off`](Self::broken_off).
    pub(super) fn next_packet(&mut self) -> Option<av::Packet> {
        loop {
            let mut packet = av::Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream => {
                    let (count, last) = self.packets;
                    self.packets = (count + 1, last.max(packet.pts()));
                    return Some(packet);
                }
                Ok(()) => {}
                Err(av::Error::Eof) => return None,
                Err(error) => {
                    self.broken_off = Some(ffmpeg::words(error));
                    return None;
                }
            }
        }
    }

    /// Why the reading ended before the file did, if so.
    pub(super) fn broken_off(&self) -> Option<&str> {
        self.broken_off.as_deref()
    }

    /// How many packets of the video were read, and the last time that one of them tells: of all, when every frame was asked for.
    pub(super) fn packets(&self) -> (u64, Option<i64>) {
        self.packets
    }

    /// The times of packets that could not be decoded since this was last asked.
    pub(super) fn take_refused(&mut self) -> Vec<Option<i64>> {
        std::mem::take(&mut self.refused)
    }

    /// The next frame; nothing at the end.
    pub fn next_frame(&mut self) -> Option<&frame::Video> {
        while self.state != State::Ended {
            match self.codec.receive_frame(&mut self.frame) {
                Ok(()) => return Some(&self.frame),
                Err(av::Error::Eof) => self.state = State::Ended,
                Err(error) if !is_again(error) => {
                    // A damaged frame in the decoder: others may follow.
                    self.refused.push(None);
                    if self.state == State::Draining && self.refused.len() > MAX_ERRORS_AT_END {
                        self.state = State::Ended;
                    }
                    self.feed();
                }
                Err(_) if self.state == State::Draining => self.state = State::Ended,
                Err(_) => self.feed(),
            }
        }
        None
    }

    /// Gives the decoder its next packet.
    fn feed(&mut self) {
        if self.state != State::Reading {
            return;
        }
        let Some(packet) = self.next_packet() else {
            self.state = State::Draining;
            if self.codec.send_eof().is_err() {
                self.state = State::Ended;
            }
            return;
        };
        self.send(&packet);
    }

    /// Goes near the last key frame at or before `time`; the packet that comes next tells where that is.
    pub(super) fn seek(&mut self, time: i64) -> Result<(), VideoError> {
        let done = ffmpeg::seek(&mut self.input, self.stream, time);
        done.map_err(|error| VideoError::new(Problem::Corrupt, ffmpeg::words(error)))?;
        self.codec.flush();
        self.refused.clear();
        self.broken_off = None;
        self.state = State::Reading;
        Ok(())
    }

    /// Lets frames on which no other depends be left out, unless they are shown at one of these ascending times; with `None`, all frames come.
    ///
    /// That is done for H.264, whose packets say whether others depend on them: about half of the frames of usual files are such.
    pub(super) fn need_only(&mut self, times: Option<Vec<i64>>) {
        self.needed = times.filter(|_| self.info.codec == "h264" && !self.is_interlaced());
    }

    /// Decodes a packet that was read by [`next_packet`](Self::next_packet).
    pub(super) fn send(&mut self, packet: &av::Packet) {
        let is_needed = match (&self.needed, packet.pts()) {
            (Some(needed), Some(time)) => needed.binary_search(&time).is_ok(),
            _ => true,
        };
        self.codec.skip_frame(if is_needed { av::Discard::Default } else { av::Discard::NonReference });
        if self.codec.send_packet(packet).is_err() || packet.is_corrupt() {
            self.refused.push(packet.pts());
        }
    }

    /// Begins again at the first frame.
    pub(super) fn reopen(&mut self) -> Result<(), VideoError> {
        *self = Self::open(&self.path, self.wanted)?;
        Ok(())
    }
}

fn is_again(error: av::Error) -> bool {
    matches!(error, av::Error::Other { errno } if errno == libc::EAGAIN)
}

/// The number of the stream that FFmpeg takes for the main one; the cover of an album is no video.
fn video_stream(input: &Input) -> Result<usize, VideoError> {
    if input.nb_streams() == 0 {
        return Err(VideoError::new(
            Problem::Truncated,
            "the container is empty: the file was cut off or never completed",
        ));
    }
    let none = || VideoError::new(Problem::NoPictures, "the file has no video, only sound or text");
    let best = input.streams().best(av::media::Type::Video).ok_or_else(none)?;
    if best.disposition().contains(av::format::stream::Disposition::ATTACHED_PIC) {
        return Err(none());
    }
    Ok(best.index())
}

fn describe(input: &Input, number: usize) -> Result<StreamInfo, VideoError> {
    let stream = input.stream(number);
    let stream = stream.ok_or_else(|| VideoError::new(Problem::Corrupt, "the video stream is gone"))?;
    let parameters = stream.parameters();
    let codec = parameters.id().name().to_owned();
    let coded = Size { width: parameters.width() as usize, height: parameters.height() as usize };
    if coded.width == 0 || coded.height == 0 {
        return Err(VideoError::new(Problem::Corrupt, "the frames' size cannot be found out"));
    }
    if coded.width.saturating_mul(coded.height) > MAX_PIXELS {
        let detail = format!("frames of {coded} pixels; at most {MAX_PIXELS} are decoded");
        return Err(VideoError::new(Problem::TooLarge, detail));
    }
    let rate = stream.avg_frame_rate();
    let frame_rate = if rate.1 > 0 && rate.0 > 0 { f64::from(rate.0) / f64::from(rate.1) } else { 0.0 };
    let container = input.format().name().to_owned();
    Ok(StreamInfo { codec, container, coded, rotation: ffmpeg::rotation(&stream), frame_rate })
}

fn open_codec(
    input: &Input,
    number: usize,
    info: &StreamInfo,
    wanted: Wanted,
) -> Result<av::decoder::Video, VideoError> {
    let unsupported =
        |what: String| VideoError::new(Problem::Unsupported, format!("codec {}: {what}", info.codec));
    let stream = input.stream(number).ok_or_else(|| unsupported("the stream is gone".into()))?;
    let id = stream.parameters().id();
    let codec =
        av::decoder::find(id).ok_or_else(|| unsupported("FFmpeg has no decoder for it here".into()))?;
    let mut options = av::Dictionary::new();
    // Many files are decoded at once instead. With several threads in one, an error would be told of another packet than the
    // one it is in, and motion vectors of B-frames may be those of another frame.
    options.set("threads", "1");
    if matches!(wanted, Wanted::PixelsAndVectors | Wanted::Vectors) {
        options.set("flags2", "+export_mvs");
    }
    if matches!(wanted, Wanted::Vectors | Wanted::Count) {
        options.set("skip_loop_filter", "all");
        options.set("skip_idct", "all");
        // Without colours, where FFmpeg was built with that ability.
        options.set("flags", "+gray");
    }
    let context = av::codec::Context::from_parameters(stream.parameters());
    let opened = context.and_then(|context| context.decoder().open_as_with(codec, options)?.video());
    opened.map_err(|error| unsupported(ffmpeg::words(error)))
}

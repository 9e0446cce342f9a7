//! Any frames of one file, by their numbers.
//!
//! A frame is decoded from a key frame before it, and known by its time, so that its pixels are those of decoding the whole
//! file from the beginning. Where a container goes elsewhere than it was asked to, or a "key frame" does not stand for itself
//! (open groups of pictures, gradual refresh), an earlier one is tried, in the end the beginning.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffmpeg_the_third::frame;

use super::decoder::{Decoder, Wanted};
use super::ffmpeg;
use super::index::FrameIndex;
use super::problem::{Problem, VideoError};

/// Reads frames by their numbers.
pub struct Reader {
    path: PathBuf,
    decoder: Decoder,
    index: Arc<FrameIndex>,
    /// The least number that the next frame can have; `None`: unknown, the reader must go somewhere first.
    next: Option<usize>,
    /// The frame at which decoding began.
    start: usize,
    /// Frames that cannot be trusted: something that they may depend on is damaged.
    damaged: Vec<Range<usize>>,
}

/// Where decoding begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// The place of a key frame among all.
    Key(usize),
    Beginning,
}

impl Reader {
    /// Opens a file whose frames are known.
    ///
    /// # Errors
    /// What is wrong with the file, see [`Problem`].
    pub fn open(path: &Path, index: Arc<FrameIndex>, wanted: Wanted) -> Result<Self, VideoError> {
        let decoder = Decoder::open(path, wanted)?;
        Ok(Self { path: path.to_owned(), decoder, index, next: Some(0), start: 0, damaged: Vec::new() })
    }

    /// Calls `visit` with each of these frames, which must ascend, and its place in `wanted`.
    ///
    /// # Errors
    /// [`Problem::Corrupt`] when one of them, or one that it depends on, cannot be decoded; what `visit` returns.
    pub fn visit(
        &mut self,
        wanted: &[usize],
        mut visit: impl FnMut(usize, &frame::Video) -> Result<(), VideoError>,
    ) -> Result<(), VideoError> {
        let mut done = 0;
        self.need_only(wanted);
        while let Some(&frame) = wanted.get(done) {
            if frame >= self.index.frames() {
                let detail = format!("there is no frame {frame}: the video has {}", self.index.frames());
                return Err(VideoError::new(Problem::Changed, detail));
            }
            if self.index.key_place(frame).is_none() {
                let detail = format!("frame {frame} comes before the first key frame");
                return Err(VideoError::new(Problem::Corrupt, detail));
            }
            let before = done;
            if self.is_on_the_way_to(frame) {
                done += self.advance(&wanted[before..], |place, frame| visit(before + place, frame))?;
            }
            if done == before {
                done += self.go_to(&wanted[before..], |place, frame| visit(before + place, frame))?;
            }
        }
        Ok(())
    }

    /// Whether going on is no longer than going to the key frame before this frame.
    fn is_on_the_way_to(&self, frame: usize) -> bool {
        let key = self.index.key_place(frame).map_or(0, |place| self.index.key_frames()[place] as usize);
        self.next.is_some_and(|next| next <= frame && (!self.index.is_seekable() || next >= key))
    }

    /// Tries one start after another until the first of the wanted frames comes.
    fn go_to(
        &mut self,
        wanted: &[usize],
        mut visit: impl FnMut(usize, &frame::Video) -> Result<(), VideoError>,
    ) -> Result<usize, VideoError> {
        let frame = wanted[0];
        for (attempt, start) in self.starts(frame).into_iter().enumerate() {
            if attempt > 0 {
                // Frames may have come in a wrong order because some were left out.
                self.decoder.need_only(None);
            }
            match start {
                Start::Beginning => self.begin()?,
                Start::Key(place) => {
                    if !self.begin_at_key(self.index.key_frames()[place] as usize) {
                        continue;
                    }
                }
            }
            let done = self.advance(wanted, &mut visit)?;
            if done > 0 {
                return Ok(done);
            }
        }
        self.next = None;
        let detail = match self.decoder.broken_off() {
            Some(reason) => format!("frame {frame} cannot be read: {reason}"),
            None => format!("frame {frame} cannot be decoded, or one that it depends on"),
        };
        Err(VideoError::new(Problem::Corrupt, detail))
    }

    /// Lets the decoder leave out frames that are not wanted, and of no use to those that are.
    fn need_only(&mut self, wanted: &[usize]) {
        let times = wanted.iter().map(|&frame| self.index.time(frame)).collect();
        self.decoder.need_only(if self.index.is_seekable() { times } else { None });
    }

    fn starts(&self, frame: usize) -> Vec<Start> {
        let mut starts = Vec::new();
        if self.index.is_seekable()
            && let Some(place) = self.index.key_place(frame)
        {
            starts.extend([Some(place), place.checked_sub(1)].into_iter().flatten().map(Start::Key));
        }
        starts.push(Start::Beginning);
        starts
    }

    fn begin(&mut self) -> Result<(), VideoError> {
        self.decoder.reopen()?;
        (self.next, self.start) = (Some(0), 0);
        self.damaged.clear();
        Ok(())
    }

    /// Goes to a key frame and gives it to the decoder; whether that, or an earlier one, was found.
    fn begin_at_key(&mut self, key: usize) -> bool {
        self.next = None;
        self.damaged.clear();
        let Some(time) = self.index.time(key) else { return false };
        if self.decoder.seek(time).is_err() {
            return false;
        }
        // Containers without an index stop before a key frame: what comes until it is of no use.
        while let Some(packet) = self.decoder.next_packet() {
            let frame = packet.pts().and_then(|time| self.index.find(time));
            match frame {
                Some(frame) if frame > key => return false,
                Some(frame) if self.index.key_frames().binary_search(&(frame as u32)).is_ok() => {
                    self.decoder.send(&packet);
                    (self.next, self.start) = (Some(frame), frame);
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// Goes on frame by frame through as many of the wanted frames as can be reached without going elsewhere; how many.
    fn advance(
        &mut self,
        wanted: &[usize],
        mut visit: impl FnMut(usize, &frame::Video) -> Result<(), VideoError>,
    ) -> Result<usize, VideoError> {
        let mut done = 0;
        while let (Some(&frame), Some(next)) = (wanted.get(done), self.next) {
            if done > 0 && !self.is_on_the_way_to(frame) {
                break;
            }
            let Some(decoded) = self.decoder.next_frame() else {
                self.next = None;
                break;
            };
            let number = if self.index.is_seekable() {
                decoded.pts().and_then(|time| self.index.find(time))
            } else {
                Some(next)
            };
            // Before the key frame, where an open group of pictures begins; or hidden.
            let Some(number) = number.filter(|&number| number >= next) else { continue };
            if ffmpeg::is_damaged(decoded) {
                self.damaged.push(number..self.end_of_damage(number));
            }
            self.next = Some(number + 1);
            self.note_refused();
            if number < frame {
                continue;
            }
            if number > frame || self.is_damaged(number) {
                break;
            }
            // `decoded` was given back for the bookkeeping; it is still the decoder's current frame.
            visit(done, self.decoder.frame())?;
            done += 1;
        }
        Ok(done)
    }

    /// What depends on refused packets is not to be trusted.
    fn note_refused(&mut self) {
        let next = self.next.unwrap_or(0);
        self.damaged.retain(|range| range.end >= next);
        for time in self.decoder.take_refused() {
            let first = time.and_then(|time| self.index.find(time)).unwrap_or(next.saturating_sub(1));
            // Frames that are shown before the one at which decoding began are not asked for.
            if first >= self.start {
                self.damaged.push(first..self.end_of_damage(first));
            }
        }
    }

    /// The next frame that depends on none before it.
    fn end_of_damage(&self, frame: usize) -> usize {
        if self.index.is_seekable() { self.index.next_key(frame) } else { self.index.frames() }
    }

    fn is_damaged(&self, frame: usize) -> bool {
        self.damaged.iter().any(|range| range.contains(&frame))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

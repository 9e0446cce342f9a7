//! Videos whose frames say which they are: eight squares at the top are the bits of the frame's number, below them a
//! square moves to the right by a known distance.

use std::path::{Path, PathBuf};

use super::super::{Clip, EncodeOptions, Size, VideoCodec, VideoFolder, VideoFolderOptions, VideoWriter};

/// Sides of all films.
pub const SIZE: Size = Size { width: 128, height: 64 };

/// Pixels that the square moves from frame to frame.
pub const SPEED: usize = 2;

/// Where the square is at the beginning, and how large.
pub const SQUARE: (usize, usize) = (4, 24);

/// What kind of film it is.
#[derive(Clone)]
pub struct Film {
    pub codec: VideoCodec,
    pub frames: usize,
    pub key_interval: u32,
    pub b_frames: usize,
    /// Whether frames are not equally far from each other.
    pub irregular: bool,
}

impl Default for Film {
    fn default() -> Self {
        Self { codec: VideoCodec::Mpeg4, frames: 40, key_interval: 12, b_frames: 0, irregular: false }
    }
}

impl Film {
    pub fn of(frames: usize) -> Self {
        Self { frames, ..Self::default() }
    }

    /// Writes it into a folder.
    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let options = EncodeOptions {
            codec: self.codec,
            size: SIZE,
            frame_rate: (25, 1),
            key_interval: self.key_interval,
            b_frames: self.b_frames,
            quality: if self.codec == VideoCodec::H264 { 20 } else { 3 },
        };
        let mut writer = VideoWriter::create(&path, &options).unwrap();
        let mut time = 0;
        for number in 0..self.frames {
            writer.push_at(&picture(number), time).unwrap();
            time += if self.irregular && number % 3 == 1 { 3 } else { 1 };
        }
        writer.finish().unwrap();
        path
    }
}

/// The frame of this number.
pub fn picture(number: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(SIZE.width * SIZE.height * 3);
    let left = SQUARE.0 + SPEED * number % 96;
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let value = if y < 16 {
                if number >> (x / 16) & 1 == 1 { 230 } else { 25 }
            } else if (left..left + SQUARE.1).contains(&x) && (28..28 + SQUARE.1).contains(&y) {
                // Textured, so that its motion can be seen.
                [200, 90][((x - left) / 4 + (y - 28) / 4) % 2]
            } else {
                (60 + (x * 7 + y * 13) % 40) as u8
            };
            pixels.extend([value, value / 2 + 40, value]);
        }
    }
    pixels
}

/// The number that a frame of these sides shows.
pub fn number_in(pixels: &[u8], size: Size) -> usize {
    (0..8)
        .filter(|bit| {
            let (x, y) = ((16 * bit + 8) * size.width / SIZE.width, 8 * size.height / SIZE.height);
            pixels[3 * (y * size.width + x)] > 128
        })
        .map(|bit| 1 << bit)
        .sum()
}

/// The numbers that the frames of a clip show.
pub fn numbers(clip: &Clip) -> Vec<usize> {
    (0..clip.frames).map(|frame| number_in(clip.frame(frame).unwrap(), clip.size)).collect()
}

/// Opens without a cache.
pub fn open(path: &Path) -> VideoFolder {
    VideoFolder::open(path, &VideoFolderOptions { cache: None, list: None }, &|_, _| ()).unwrap()
}

/// The codecs that can be written here.
pub fn codecs() -> Vec<VideoCodec> {
    ["mpeg4", "h264"].into_iter().filter_map(|name| VideoCodec::by_name(name).ok()).collect()
}

/// Turns an MP4 by changing its display matrix: a, b, c, d of `tkhd` (ISO 14496-12, section 8.3.2).
pub fn set_matrix(path: &Path, entries: [i32; 4]) {
    let mut bytes = std::fs::read(path).unwrap();
    let header = bytes.windows(4).position(|window| window == b"tkhd").unwrap();
    for (entry, place) in entries.into_iter().zip([0, 1, 3, 4]) {
        bytes[header + 44 + 4 * place..][..4].copy_from_slice(&(entry << 16).to_be_bytes());
    }
    std::fs::write(path, bytes).unwrap();
}

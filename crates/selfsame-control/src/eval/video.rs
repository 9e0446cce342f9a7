//! Moving pictures of episodes, as GIF.

use std::io::{self, Write};
use std::path::Path;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};
use selfsame_core::{Result, atomic_file};

use crate::data::Pixels;

/// Rows that a picture has at least, for people: small frames are enlarged.
const ROWS: usize = 168;
/// Milliseconds of a frame: 15 a second, as an Atari shows of every fourth frame.
const MILLISECONDS: u32 = 67;
/// From 1, slow and good, to 30.
const SPEED: i32 = 10;

/// The frames of episodes, one after the other.
#[derive(Debug)]
pub struct Video {
    frames: Vec<(Vec<u8>, Pixels)>,
    most: usize,
}

impl Video {
    /// Without a frame yet; what comes after `most` is left out.
    pub fn new(most: usize) -> Self {
        Self { frames: Vec::new(), most }
    }

    /// Adds a frame, `[channels, height, width]`.
    pub fn push(&mut self, frame: &[u8], pixels: Pixels) {
        if self.frames.len() < self.most {
            self.frames.push((frame.to_vec(), pixels));
        }
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Writes a GIF that repeats.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(self, path: &Path) -> Result<()> {
        let mut bytes = Vec::new();
        let delay = Delay::from_numer_denom_ms(MILLISECONDS, 1);
        let encode = || -> image::ImageResult<()> {
            let mut encoder = GifEncoder::new_with_speed(&mut bytes, SPEED);
            encoder.set_repeat(Repeat::Infinite)?;
            let frames = self.frames.into_iter();
            encoder.encode_frames(
                frames.map(|(frame, pixels)| Frame::from_parts(picture(&frame, pixels), 0, 0, delay)),
            )
        };
        let encoded = { encode }().map_err(io::Error::other);
        atomic_file::write(path, |writer| {
            encoded?;
            writer.write_all(&bytes)
        })
    }
}

/// A frame, enlarged.
fn picture(frame: &[u8], pixels: Pixels) -> RgbaImage {
    let Pixels { channels, height, width } = pixels;
    let scale = ROWS.div_ceil(height.max(1));
    RgbaImage::from_fn((width * scale) as u32, (height * scale) as u32, |x, y| {
        let at = y as usize / scale * width + x as usize / scale;
        // Grey is the same in all three.
        let colour = |number: usize| frame[number.min(channels - 1) * height * width + at];
        image::Rgba([colour(0), colour(1), colour(2), u8::MAX])
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::AnimationDecoder;
    use image::codecs::gif::GifDecoder;

    use super::*;

    #[test]
    fn frames_come_back_enlarged_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("episodes.gif");
        let mut video = Video::new(2);
        let grey = Pixels { channels: 1, height: 2, width: 3 };
        video.push(&[0, 0, 0, 0, 0, 255], grey);
        let colour = Pixels { channels: 3, height: 2, width: 3 };
        video.push(&[[255; 6], [0; 6], [0; 6]].concat(), colour);
        video.push(&[0; 6], grey);
        assert_eq!(video.len(), 2);
        video.save(&path).unwrap();
        let decoder = GifDecoder::new(io::BufReader::new(std::fs::File::open(&path).unwrap())).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        let [first, second] = &frames[..] else { unreachable!("two frames") };
        assert_eq!(first.buffer().dimensions(), (252, 168));
        assert_eq!(first.buffer().get_pixel(10, 10).0, [0, 0, 0, 255]);
        assert_eq!(first.buffer().get_pixel(251, 167).0, [255; 4]);
        assert_eq!(second.buffer().get_pixel(251, 0).0, [255, 0, 0, 255]);
    }
}

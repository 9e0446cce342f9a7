//! Decoded frames as RGB pixels of a wanted size.

use ffmpeg_the_third as av;

use av::format::Pixel;
use av::frame;
use av::software::scaling::{Context, Flags};

use super::ffmpeg;
use super::problem::{Problem, VideoError};
use super::rotation::Rotation;
use super::size::Size;

/// Makes pixels of frames: scaled, with their colours, turned.
#[derive(Default)]
pub struct Scaler {
    /// Made for frames of this format and size, and pictures of this size.
    context: Option<((Pixel, Size, Size), Context)>,
    scaled: Option<frame::Video>,
}

impl Scaler {
    /// Appends a frame as `[height, width, 3]` to `pixels`, with the sides that it has after it is turned.
    ///
    /// # Errors
    /// Formats that FFmpeg cannot convert.
    pub fn append(
        &mut self,
        frame: &frame::Video,
        size: Size,
        rotation: Rotation,
        pixels: &mut Vec<u8>,
    ) -> Result<(), VideoError> {
        // What is turned afterwards is scaled lying.
        let scaled_size = size.turned(rotation);
        let fits = |scaled: &frame::Video| {
            [scaled.width(), scaled.height()] == [scaled_size.width as u32, scaled_size.height as u32]
        };
        let mut scaled = self.scaled.take().filter(fits).unwrap_or_else(frame::Video::empty);
        let context = self.context(frame, scaled_size)?;
        context.run(frame, &mut scaled).map_err(|error| unsupported(&ffmpeg::words(error)))?;
        copy(&scaled, scaled_size, rotation, pixels);
        self.scaled = Some(scaled);
        Ok(())
    }

    fn context(&mut self, frame: &frame::Video, to: Size) -> Result<&mut Context, VideoError> {
        let from = Size { width: frame.width() as usize, height: frame.height() as usize };
        let wanted = (frame.format(), from, to);
        let made = match self.context.take().filter(|(made_for, _)| *made_for == wanted) {
            Some((_, context)) => context,
            None => {
                let [from_width, from_height, width, height] =
                    [from.width, from.height, to.width, to.height].map(|side| side as u32);
                // Bilinear over all the pixels that a smaller one covers.
                let flags = Flags::BILINEAR | Flags::ACCURATE_RND;
                let made =
                    Context::get(wanted.0, from_width, from_height, Pixel::RGB24, width, height, flags);
                let mut made = made.map_err(|error| unsupported(&ffmpeg::words(error)))?;
                ffmpeg::set_colours(&mut made, frame);
                made
            }
        };
        Ok(&mut self.context.insert((wanted, made)).1)
    }
}

fn unsupported(what: &str) -> VideoError {
    VideoError::new(Problem::Unsupported, format!("the frames' pixels cannot be made RGB: {what}"))
}

/// Copies pixels without the gaps between rows, turned.
fn copy(frame: &frame::Video, size: Size, rotation: Rotation, pixels: &mut Vec<u8>) {
    let (stride, row) = (frame.stride(0), size.width * 3);
    let rows = frame.data(0).chunks(stride).take(size.height).map(|line| &line[..row]);
    if rotation == Rotation::None {
        rows.for_each(|line| pixels.extend_from_slice(line));
        return;
    }
    let begin = pixels.len();
    pixels.resize(begin + row * size.height, 0);
    let turned = size.turned(rotation);
    for (y, line) in rows.enumerate() {
        for (x, pixel) in line.chunks_exact(3).enumerate() {
            let [to_x, to_y] = rotation.place([x, y], [size.width, size.height]);
            pixels[begin + 3 * (to_y * turned.width + to_x)..][..3].copy_from_slice(pixel);
        }
    }
}

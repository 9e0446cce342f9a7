//! Copies of videos with regular key frames, no B-frames and one size, as methods on motion vectors want them.
//!
//! CMD and CoViAR re-encode their videos once as MPEG-4 part 2 at 340×256 with a key frame every 12 frames.

use std::path::Path;

use selfsame_core::{Error, Result};

use super::decoder::{Decoder, Wanted};
use super::encode::{EncodeOptions, VideoCodec, VideoWriter};
use super::ffmpeg;
use super::picture::Scaler;
use super::problem::{Problem, VideoError};
use super::scan::require_end;
use super::size::Size;

/// How videos are re-encoded.
#[derive(Clone, Debug)]
pub struct ReencodeOptions {
    /// The codec.
    pub codec: VideoCodec,
    /// The frames' sides; `None` keeps them, made even.
    pub size: Option<Size>,
    /// A key frame every so many frames.
    pub key_interval: u32,
    /// See [`EncodeOptions::quality`].
    pub quality: u32,
}

/// Writes a copy of a video, turned as it is shown and without sound, and returns its number of frames. Frames keep their number and
/// order; a variable frame rate becomes its average.
///
/// # Errors
/// What is wrong with the file: a copy of a damaged video is not made; and what [`VideoWriter`] refuses.
pub fn reencode(from: &Path, to: &Path, options: &ReencodeOptions) -> Result<usize> {
    let of = |error: VideoError| error.of(from);
    let mut decoder = Decoder::open(from, Wanted::Pixels).map_err(of)?;
    let info = decoder.info().clone();
    let size = options.size.unwrap_or_else(|| even(info.size()));
    let mut writer = VideoWriter::create(
        to,
        &EncodeOptions {
            codec: options.codec,
            size,
            frame_rate: fraction(info.frame_rate),
            key_interval: options.key_interval,
            b_frames: 0,
            quality: options.quality,
        },
    )?;
    let (mut scaler, mut pixels, mut count) = (Scaler::default(), Vec::new(), 0);
    let damaged = |count: usize| {
        let detail = format!("the file is damaged at frame {count}");
        VideoError::new(Problem::Corrupt, detail).of(from)
    };
    while let Some(frame) = decoder.next_frame() {
        if ffmpeg::is_damaged(frame) {
            return Err(damaged(count));
        }
        pixels.clear();
        scaler.append(frame, size, info.rotation, &mut pixels).map_err(of)?;
        if !decoder.take_refused().is_empty() {
            return Err(damaged(count));
        }
        writer.push(&pixels)?;
        count += 1;
    }
    require_end(&mut decoder).map_err(of)?;
    if count == 0 || !decoder.take_refused().is_empty() {
        return Err(damaged(count));
    }
    writer.finish()?;
    Ok(count)
}

fn even(size: Size) -> Size {
    let even = |side: usize| (side + side % 2).max(2);
    Size { width: even(size.width), height: even(size.height) }
}

/// Frames a second as a fraction of numbers that every container can hold; 25 when unknown.
fn fraction(rate: f64) -> (i32, i32) {
    // Rates of television are whole numbers times 1000/1001.
    for denominator in [1, 1001] {
        let scaled = rate * f64::from(denominator);
        let unit = if denominator == 1 { 1.0 } else { 1000.0 };
        if rate > 0.0
            && (scaled / unit).round() >= 1.0
            && (scaled - (scaled / unit).round() * unit).abs() < 1e-3 * unit
        {
            return (((scaled / unit).round() * unit) as i32, denominator);
        }
    }
    // MPEG-4 counts time in at most 65,535 parts of a second.
    let denominators = [1000, 100, 10];
    let fits = |&denominator: &i32| (0.01..65_535.0 / f64::from(denominator)).contains(&rate);
    let denominator = denominators.into_iter().find(fits);
    denominator.map_or((25, 1), |denominator| ((rate * f64::from(denominator)).round() as i32, denominator))
}

/// Makes sure that a key interval can be used.
///
/// # Errors
/// [`Error::Config`] for 0 and for more than MPEG-4 allows.
pub fn check_key_interval(interval: u32) -> Result<()> {
    if (1..=600).contains(&interval) {
        return Ok(());
    }
    Err(Error::config(
        format!("a key frame every {interval} frames is not possible"),
        "choose --key-interval from 1 to 600",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_rates_become_fractions() {
        assert_eq!(fraction(25.0), (25, 1));
        assert_eq!(fraction(30_000.0 / 1001.0), (30_000, 1001));
        assert_eq!(fraction(12.5), (12_500, 1000));
        assert_eq!(fraction(0.0), (25, 1));
        assert_eq!(fraction(f64::NAN), (25, 1));
    }

    #[test]
    fn sides_become_even() {
        let size = |width, height| Size { width, height };
        assert_eq!(even(size(341, 256)), size(342, 256));
        assert_eq!(even(size(1, 2)), size(2, 2));
    }
}

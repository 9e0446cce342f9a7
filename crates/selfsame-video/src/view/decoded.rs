//! What a decoder hands to the views: frames and motion maps, lent for as long as a view is made of them.

use selfsame_core::{Error, Result};
use selfsame_image::view::resample::Source;

/// What is known of a video before any of it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoShape {
    /// Number of frames.
    pub frames: usize,
    /// Height in pixels, upright.
    pub height: usize,
    /// Width in pixels, upright.
    pub width: usize,
}

/// Decoded frames of one size, upright. They may be decoded smaller than the video is.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    pixels: &'a [u8],
    height: usize,
    width: usize,
}

impl<'a> Frames<'a> {
    /// Frames from their RGB bytes, `[frames, height, width, 3]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when a side is zero or the bytes are not those of whole frames.
    pub fn new(pixels: &'a [u8], height: usize, width: usize) -> Result<Self> {
        check_area(pixels.len(), [height, width, 3], "RGB frames")?;
        Ok(Self { pixels, height, width })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.pixels.len() / self.area()
    }

    /// Frame number `at` of these, which is below [`count`](Self::count).
    pub(super) fn frame(&self, at: usize) -> Source<'a, u8> {
        let area = self.area();
        let samples = &self.pixels[at * area..(at + 1) * area];
        Source { samples, width: self.width, height: self.height }
    }

    fn area(&self) -> usize {
        3 * self.height * self.width
    }
}

/// Motion of consecutive frames: for each pixel (dx, dy), how far what it shows has come from where it was in the frame before, in pixels of the
/// video; x grows to the right, y downwards. The maps may be coarser than the video is.
#[derive(Clone, Copy, Debug)]
pub struct MotionFrames<'a> {
    vectors: &'a [f32],
    height: usize,
    width: usize,
}

impl<'a> MotionFrames<'a> {
    /// Maps from their vectors, `[frames, 2, height, width]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when a side is zero or the numbers are not those of whole maps.
    pub fn new(vectors: &'a [f32], height: usize, width: usize) -> Result<Self> {
        check_area(vectors.len(), [2, height, width], "motion maps")?;
        Ok(Self { vectors, height, width })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.vectors.len() / (2 * self.height * self.width)
    }

    /// One component of each map after the other: dx and dy of the first, then those of the second.
    pub(super) fn components(&self) -> impl Iterator<Item = Source<'a, f32, 1>> {
        let Self { height, width, .. } = *self;
        self.vectors.chunks_exact(height * width).map(move |samples| Source { samples, width, height })
    }
}

fn check_area(numbers: usize, shape: [usize; 3], what: &str) -> Result<()> {
    let area = shape.iter().try_fold(1usize, |area, &side| area.checked_mul(side));
    if area.is_some_and(|area| area > 0 && numbers.is_multiple_of(area)) {
        return Ok(());
    }
    Err(Error::Internal(format!("{numbers} numbers are not whole {what} of {shape:?}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_whole_frames_are_refused() {
        assert_eq!(Frames::new(&[0; 24], 2, 2).unwrap().count(), 2);
        assert_eq!(MotionFrames::new(&[0.0; 24], 3, 2).unwrap().count(), 2);
        for (bytes, height, width) in [(25, 2, 2), (0, 0, 2), (12, usize::MAX, usize::MAX)] {
            assert!(Frames::new(&vec![0; bytes], height, width).is_err());
            assert!(MotionFrames::new(&vec![0.0; bytes], height, width).is_err());
        }
    }
}

//! Clips: some frames of a video, evenly apart.

use super::size::Size;

/// The frames of a clip, as they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The number of frames.
    pub frames: usize,
    /// Their sides.
    pub size: Size,
    /// `[frames, height, width, 3]`: red, green, blue of each pixel, row by row from the top.
    pub pixels: Vec<u8>,
}

impl Clip {
    /// The pixels of one frame, `[height, width, 3]`.
    pub fn frame(&self, number: usize) -> Option<&[u8]> {
        let length = self.size.width * self.size.height * 3;
        self.pixels.get(number * length..(number + 1) * length)
    }
}

/// The numbers of the frames of a clip: `start`, `start + stride` … A video that ends before the clip does is looped from its
/// beginning.
pub fn clip_frames(start: usize, stride: usize, length: usize, frames: usize) -> Vec<usize> {
    if frames == 0 {
        return Vec::new();
    }
    (0..length).map(|place| start.saturating_add(place.saturating_mul(stride)) % frames).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_a_stride_apart_and_loop() {
        assert_eq!(clip_frames(3, 4, 4, 100), [3, 7, 11, 15]);
        assert_eq!(clip_frames(0, 4, 4, 6), [0, 4, 2, 0]);
        assert_eq!(clip_frames(5, 1, 3, 1), [0, 0, 0]);
        assert!(clip_frames(0, 1, 3, 0).is_empty());
    }
}

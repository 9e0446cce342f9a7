//! What an agent sees: the last frames.

/// The last frames of an episode, `[stack · channels, height, width]`, the oldest first. Before there are as many, the first one fills up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    bytes: Vec<u8>,
    frame: usize,
}

impl Observation {
    /// What is seen when an episode begins.
    pub fn begin(frame: &[u8], stack: usize) -> Self {
        Self { bytes: frame.repeat(stack), frame: frame.len() }
    }

    /// One whose frames have so many bytes, as it was.
    pub fn of(bytes: Vec<u8>, frame: usize) -> Self {
        Self { bytes, frame }
    }

    /// A frame more, and the oldest less.
    pub fn push(&mut self, frame: &[u8]) {
        self.bytes.rotate_left(self.frame);
        let newest = self.bytes.len() - self.frame;
        self.bytes[newest..].copy_from_slice(frame);
    }

    /// The newest frame.
    pub fn newest(&self) -> &[u8] {
        &self.bytes[self.bytes.len() - self.frame..]
    }

    /// All frames.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_frame_comes_first() {
        let mut seen = Observation::begin(&[1, 2], 3);
        assert_eq!(seen.bytes(), [1, 2, 1, 2, 1, 2]);
        seen.push(&[3, 4]);
        seen.push(&[5, 6]);
        assert_eq!((seen.bytes(), seen.newest()), (&[1, 2, 3, 4, 5, 6][..], &[5, 6][..]));
        seen.push(&[7, 8]);
        assert_eq!(seen.bytes(), [3, 4, 5, 6, 7, 8]);
        assert_eq!(Observation::of(seen.bytes().to_vec(), 2), seen);
    }
}

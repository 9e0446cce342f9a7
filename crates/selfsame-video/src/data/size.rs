//! Sides of frames.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rotation::Rotation;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

impl Size {
    /// The size after a rotation.
    pub fn turned(self, rotation: Rotation) -> Self {
        if rotation.swaps_sides() { Self { width: self.height, height: self.width } } else { self }
    }

    /// The size with the same proportions whose shorter side has `side` pixels; this one when it is smaller already.
    pub fn shrunk_to(self, side: usize) -> Self {
        let shorter = self.width.min(self.height);
        if side == 0 || shorter <= side {
            return self;
        }
        let scaled = |length: usize| ((length * side + shorter / 2) / shorter).max(1);
        Self { width: scaled(self.width), height: scaled(self.height) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_keeps_proportions_and_never_enlarges() {
        let size = |width, height| Size { width, height };
        assert_eq!(size(340, 256).shrunk_to(128), size(170, 128));
        assert_eq!(size(256, 340).shrunk_to(128), size(128, 170));
        assert_eq!(size(64, 100).shrunk_to(128), size(64, 100));
        assert_eq!(size(1000, 3).shrunk_to(1), size(333, 1));
        assert_eq!(size(3, 2).turned(Rotation::Quarter), size(2, 3));
    }
}

//! How a video is to be turned before it is shown: phones write frames as their sensor lies and say so in the file.

use serde::{Deserialize, Serialize};

/// A rotation clockwise, by quarters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rotation {
    /// Shown as it is coded.
    #[default]
    None,
    /// By 90° clockwise.
    Quarter,
    /// By 180°.
    Half,
    /// By 270° clockwise.
    ThreeQuarters,
}

impl Rotation {
    /// The rotation of a display matrix: 3×3 numbers, in 16.16 fixed point but for the last column.
    ///
    /// A matrix [a b u; c d v; x y w] maps a coded point (p, q) to (a·p + c·q, b·p + d·q) with y downwards (ISO 14496-12,
    /// section 6.2.2), so that (0, 1; −1, 0) turns to the right. Angles between are rounded to a quarter; mirror images are not known.
    pub fn of_display_matrix(matrix: &[u8]) -> Self {
        let entry = |at: usize| {
            let bytes = matrix.get(4 * at..4 * at + 4).and_then(|bytes| bytes.try_into().ok());
            f64::from(bytes.map_or(0, i32::from_ne_bytes))
        };
        let (a, b) = (entry(0), entry(1));
        if a == 0.0 && b == 0.0 {
            return Self::None;
        }
        let quarters = (b.atan2(a) / std::f64::consts::FRAC_PI_2).round() as i64;
        Self::of_quarters(quarters)
    }

    fn of_quarters(quarters: i64) -> Self {
        match quarters.rem_euclid(4) {
            1 => Self::Quarter,
            2 => Self::Half,
            3 => Self::ThreeQuarters,
            _ => Self::None,
        }
    }

    /// Degrees clockwise.
    pub fn degrees(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        matches!(self, Self::Quarter | Self::ThreeQuarters)
    }

    /// Where the pixel (x, y) of a picture of `width` × `height` goes.
    pub fn place(self, [x, y]: [usize; 2], [width, height]: [usize; 2]) -> [usize; 2] {
        match self {
            Self::None => [x, y],
            Self::Quarter => [height - 1 - y, x],
            Self::Half => [width - 1 - x, height - 1 - y],
            Self::ThreeQuarters => [y, width - 1 - x],
        }
    }

    /// What becomes of a displacement (dx, dy).
    pub fn turn(self, [dx, dy]: [f32; 2]) -> [f32; 2] {
        match self {
            Self::None => [dx, dy],
            Self::Quarter => [-dy, dx],
            Self::Half => [-dx, -dy],
            Self::ThreeQuarters => [dy, -dx],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Rotation; 4] = [Rotation::None, Rotation::Quarter, Rotation::Half, Rotation::ThreeQuarters];

    fn matrix([a, b, c, d]: [i32; 4]) -> Vec<u8> {
        let one = 1 << 16;
        let entries = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30];
        entries.iter().flat_map(|entry| entry.to_ne_bytes()).collect()
    }

    #[test]
    fn display_matrices_are_read() {
        for (entries, rotation) in
            [[1, 0, 0, 1], [0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0]].into_iter().zip(ALL)
        {
            assert_eq!(Rotation::of_display_matrix(&matrix(entries)), rotation);
        }
        assert_eq!(Rotation::of_display_matrix(&[0; 36]), Rotation::None);
        assert_eq!(Rotation::of_display_matrix(&[]), Rotation::None);
    }

    #[test]
    fn a_quarter_turns_the_top_to_the_right() {
        // The left top corner of a wide picture becomes the right top corner of a tall one.
        assert_eq!(Rotation::Quarter.place([0, 0], [5, 3]), [2, 0]);
        assert_eq!(Rotation::Quarter.place([4, 2], [5, 3]), [0, 4]);
        // What moves to the right moves down afterwards.
        assert_eq!(Rotation::Quarter.turn([1.0, 0.0]), [0.0, 1.0]);
    }

    #[test]
    fn places_and_displacements_turn_alike_and_nothing_is_lost() {
        let [width, height] = [5, 3];
        for rotation in ALL {
            let [turned_width, _] = if rotation.swaps_sides() { [height, width] } else { [width, height] };
            let mut seen = vec![false; width * height];
            for y in 0..height {
                for x in 0..width {
                    let [to_x, to_y] = rotation.place([x, y], [width, height]);
                    seen[to_y * turned_width + to_x] = true;
                    if x + 1 < width {
                        let next = rotation.place([x + 1, y], [width, height]);
                        let step = [next[0] as f32 - to_x as f32, next[1] as f32 - to_y as f32];
                        assert_eq!(rotation.turn([1.0, 0.0]), step);
                    }
                    if y + 1 < height {
                        let next = rotation.place([x, y + 1], [width, height]);
                        let step = [next[0] as f32 - to_x as f32, next[1] as f32 - to_y as f32];
                        assert_eq!(rotation.turn([0.0, 1.0]), step);
                    }
                }
            }
            assert!(seen.iter().all(|&seen| seen), "{rotation:?}");
        }
    }
}

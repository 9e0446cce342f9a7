//! Motion vectors as pictures: how far the content of each pixel has moved.
//!
//! A map tells displacement *in the direction of time*: positive dx is motion to the right, in pixels a frame of the reference,
//! which is the opposite of the codec's vectors (see [`motion_vectors`](super::motion_vectors)). Source: Wu et al. 2018 (CoViAR), whose decoder
//! subtracts the source's place from the block's; Huang et al. 2021 (CMD), section 3.2.

use super::motion_vectors::MotionVector;
use super::rotation::Rotation;
use super::size::Size;

/// Motion maps of consecutive frames.
#[derive(Clone, Debug, PartialEq)]
pub struct MotionMaps {
    /// The number of frames.
    pub frames: usize,
    /// Sides as the frames are shown.
    pub size: Size,
    /// `[frames, 2, height, width]`: dx of all pixels, then dy, of each frame. Zero where a block is coded alone.
    pub values: Vec<f32>,
}

impl MotionMaps {
    /// The map of one frame, `[2, height, width]`.
    pub fn frame(&self, number: usize) -> Option<&[f32]> {
        let length = 2 * self.size.width * self.size.height;
        self.values.get(number * length..(number + 1) * length)
    }
}

/// Draws a frame's vectors into `map`, `[2, height, width]` after the rotation, which is all zeros.
///
/// Blocks with two references (of B-frames) show the past one.
pub(super) fn draw(vectors: &[MotionVector], coded: Size, rotation: Rotation, map: &mut [f32]) {
    let of_the_future = vectors.iter().filter(|vector| vector.source > 0);
    let of_the_past = vectors.iter().filter(|vector| vector.source <= 0);
    let shown = coded.turned(rotation);
    let plane = shown.width * shown.height;
    for vector in of_the_future.chain(of_the_past) {
        let [dx, dy] = rotation.turn(displacement(vector));
        let columns = covered(vector.x, vector.block_width, coded.width);
        let rows = covered(vector.y, vector.block_height, coded.height);
        for y in rows {
            for x in columns.clone() {
                let [to_x, to_y] = rotation.place([x, y], [coded.width, coded.height]);
                let pixel = to_y * shown.width + to_x;
                map[pixel] = dx;
                map[plane + pixel] = dy;
            }
        }
    }
}

/// In pixels, in the direction of time.
fn displacement(vector: &MotionVector) -> [f32; 2] {
    let sign = if vector.source > 0 { 1.0 } else { -1.0 };
    let scale = f32::from(vector.motion_scale.max(1));
    [vector.motion_x, vector.motion_y].map(|motion| {
        // No negative zero for blocks that stand still.
        if motion == 0 { 0.0 } else { sign * motion as f32 / scale }
    })
}

/// The pixels on one axis of a block around `middle`, within the frame.
fn covered(middle: i16, length: u8, limit: usize) -> std::ops::Range<usize> {
    let first = i32::from(middle) - i32::from(length) / 2;
    let clamp = |place: i32| place.clamp(0, limit as i32) as usize;
    clamp(first)..clamp(first + i32::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(source: i32, [x, y]: [i16; 2], motion: [i32; 2]) -> MotionVector {
        MotionVector {
            source,
            block_width: 4,
            block_height: 2,
            source_x: 0,
            source_y: 0,
            x,
            y,
            motion_x: motion[0],
            motion_y: motion[1],
            motion_scale: 4,
        }
    }

    fn drawn(vectors: &[MotionVector], rotation: Rotation) -> Vec<f32> {
        let mut map = vec![0.0; 2 * 8 * 4];
        draw(vectors, Size { width: 8, height: 4 }, rotation, &mut map);
        map
    }

    #[test]
    fn a_block_shows_where_its_content_went() {
        // Its source lies 1.5 pixels to the left and half a pixel below: it has moved right and up.
        let map = drawn(&[block(-1, [2, 1], [-6, 2])], Rotation::None);
        for y in 0..4 {
            for x in 0..8 {
                let inside = x < 4 && y < 2;
                assert_eq!(map[y * 8 + x], if inside { 1.5 } else { 0.0 });
                assert_eq!(map[32 + y * 8 + x], if inside { -0.5 } else { 0.0 });
            }
        }
    }

    #[test]
    fn the_past_goes_before_the_future_which_is_turned_round() {
        let future = block(1, [2, 1], [8, 0]);
        assert_eq!(drawn(&[future], Rotation::None)[0], 2.0);
        assert_eq!(drawn(&[block(-1, [2, 1], [-4, 0]), future], Rotation::None)[0], 1.0);
    }

    #[test]
    fn blocks_at_the_edge_are_cut_off() {
        let map = drawn(&[block(-1, [7, 4], [-4, -4]), block(-1, [-9, -9], [4, 4])], Rotation::None);
        assert_eq!(map[..32].iter().filter(|&&dx| dx == 1.0).count(), 3);
        assert_eq!(map[32..].iter().filter(|&&dy| dy == 1.0).count(), 3);
    }

    #[test]
    fn maps_are_turned_with_their_frames() {
        // The block at the left top moves right; turned by a quarter it is at the right top and moves down.
        let map = drawn(&[block(-1, [2, 1], [-4, 0])], Rotation::Quarter);
        // 4 wide, 8 high now.
        assert!(map[..32].iter().all(|&dx| dx == 0.0));
        for y in 0..8 {
            for x in 0..4 {
                assert_eq!(map[32 + y * 4 + x], if x >= 2 && y < 4 { 1.0 } else { 0.0 });
            }
        }
    }
}

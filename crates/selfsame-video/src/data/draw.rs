//! Motion, drawn over the frame that it belongs to.

use selfsame_image::picture::Picture;

/// A line is so many times as long as the motion from one frame to the next.
const LENGTHENED: f32 = 3.0;

/// Lines are drawn from places so many pixels of the drawing apart.
const GRID: usize = 12;

const LINE: [u8; 3] = [255, 220, 0];
const END: [u8; 3] = [255, 60, 30];

/// The frame in darker grey with lines in the direction of its motion map, `[2, map height, map width]`; each ends in a dot.
pub fn motion_drawn(frame: &Picture, map: &[f32], map_width: usize, map_height: usize) -> Picture {
    let mut drawn = frame.clone();
    for pixel in drawn.pixels.chunks_exact_mut(3) {
        let grey = pixel.iter().map(|&value| u32::from(value)).sum::<u32>() / 6;
        pixel.fill(grey as u8);
    }
    let plane = map_width * map_height;
    if plane == 0 || map.len() < 2 * plane {
        return drawn;
    }
    let scale = frame.width as f32 / map_width as f32;
    for y in (GRID / 2..frame.height).step_by(GRID) {
        for x in (GRID / 2..frame.width).step_by(GRID) {
            let pixel = y * map_height / frame.height * map_width + x * map_width / frame.width;
            let [dx, dy] = [map[pixel], map[plane + pixel]].map(|motion| motion * scale * LENGTHENED);
            if dx != 0.0 || dy != 0.0 {
                line(&mut drawn, [x as f32, y as f32], [dx, dy]);
            }
        }
    }
    drawn
}

/// A line of one pixel's width with a dot at its end; what lies outside is cut off.
fn line(picture: &mut Picture, [x, y]: [f32; 2], [dx, dy]: [f32; 2]) {
    let steps = dx.abs().max(dy.abs()).ceil().clamp(1.0, 1000.0) as usize;
    for step in 0..=steps {
        let share = step as f32 / steps as f32;
        dot(picture, x + share * dx, y + share * dy, LINE);
    }
    for (right, down) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
        dot(picture, x + dx + right, y + dy + down, END);
    }
}

fn dot(picture: &mut Picture, x: f32, y: f32, colour: [u8; 3]) {
    let inside = (0.0..picture.width as f32).contains(&x) && (0.0..picture.height as f32).contains(&y);
    if inside {
        let place = 3 * (y as usize * picture.width + x as usize);
        picture.pixels[place..place + 3].copy_from_slice(&colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_where_the_motion_goes() {
        let frame = Picture::filled(24, 24, [120, 90, 60]);
        // Only the left half of a map of half the size moves, to the right by one pixel of it.
        let map: Vec<f32> = (0..2 * 144).map(|at| if at < 144 && at % 12 < 6 { 1.0 } else { 0.0 }).collect();
        let drawn = motion_drawn(&frame, &map, 12, 12);
        let pixel = |x: usize, y: usize| &drawn.pixels[3 * (y * 24 + x)..][..3];
        assert_eq!(pixel(6, 6), LINE);
        assert_eq!(pixel(11, 6), LINE);
        assert_eq!(pixel(12, 6), END);
        assert_eq!(pixel(5, 6), [45; 3]);
        assert_eq!(pixel(18, 6), [45; 3]);
        assert_eq!(motion_drawn(&frame, &[], 0, 0).pixels, vec![45; 24 * 24 * 3]);
    }
}

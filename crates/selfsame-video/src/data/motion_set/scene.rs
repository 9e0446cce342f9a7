//! One video of the motion set: objects over a background, drawn frame by frame.

use selfsame_core::Random;

use super::camera::Camera;
use super::motions::{Course, Motion, Pose};
use super::texture::Texture;
use crate::data::Size;

/// A scene whose frames can be drawn in any order.
pub struct Scene {
    size: Size,
    background: Background,
    camera: Camera,
    objects: Vec<Object>,
}

/// What is behind the objects.
enum Background {
    /// Seen by a camera that stands still: the same in all frames, `[height, width, 3]`.
    Still(Vec<f32>),
    /// Seen by one that wanders.
    Passing(Texture),
}

/// A textured shape on its course.
struct Object {
    shape: Shape,
    texture: Texture,
    course: Course,
    /// Its place, in units of the frame's height, from the middle.
    place: [f32; 2],
    /// Half its height, in the same units.
    radius: f32,
    angle: f32,
}

/// Shapes that look different when they are turned.
#[derive(Clone, Copy)]
enum Shape {
    Square,
    Triangle,
    Star,
    Cross,
    HalfDisc,
}

const SHAPES: [Shape; 5] = [Shape::Square, Shape::Triangle, Shape::Star, Shape::Cross, Shape::HalfDisc];

impl Scene {
    /// A random scene of a motion over a background of a group, seen by a camera.
    pub fn draw(motion: Motion, background: usize, camera: Camera, size: Size, random: &Random) -> Self {
        let texture = Texture::background(background, &random.named("background"));
        let background = match camera.stands_still() {
            true => Background::Still(fill(&texture, size, [0.0; 2])),
            false => Background::Passing(texture),
        };
        // Two objects, one beside the other, in a third of the videos.
        let count = if random.named("count").chance(1.0 / 3.0) { 2 } else { 1 };
        let objects = (0..count).map(|number| {
            let random = random.named("object").at(number);
            let mut drawn = random.named("look");
            let side = if count == 1 { 0.0 } else { 0.6 * (number as f32 - 0.5) };
            Object {
                shape: SHAPES[drawn.below(SHAPES.len())],
                texture: Texture::object(&random),
                course: Course::draw(motion, &random),
                place: [side + drawn.range(-0.08, 0.08), drawn.range(-0.08, 0.08)],
                radius: drawn.range(0.15, 0.22),
                angle: drawn.range(0.0, std::f32::consts::TAU),
            }
        });
        let objects = objects.collect();
        Self { size, background, camera, objects }
    }

    /// Draws frame `frame` of `frames` into `pixels`, `[height, width, 3]`.
    pub fn render(&self, frame: usize, frames: usize, pixels: &mut Vec<u8>) {
        let displaced = self.camera.displacement(frame, frames);
        let mut values = match &self.background {
            Background::Still(pixels) => pixels.clone(),
            Background::Passing(texture) => fill(texture, self.size, displaced),
        };
        for object in &self.objects {
            let pose = object.course.pose(frame, frames);
            let pose = Pose { x: pose.x + displaced[0], y: pose.y + displaced[1], ..pose };
            object.paint(pose, self.size, &mut values);
        }
        pixels.clear();
        pixels.extend(values.iter().map(|value| (255.0 * value).round() as u8));
    }
}

/// A frame full of a texture that is displaced to the right and down, `[height, width, 3]`.
fn fill(texture: &Texture, size: Size, displaced: [f32; 2]) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(3 * size.width * size.height);
    for y in 0..size.height {
        for x in 0..size.width {
            let [u, v] = place(size, x, y);
            pixels.extend(texture.colour(u - displaced[0], v - displaced[1]));
        }
    }
    pixels
}

/// The middle of a pixel, in units of the frame's height, from the frame's middle.
fn place(size: Size, x: usize, y: usize) -> [f32; 2] {
    let unit = size.height as f32;
    let from_middle = |at: usize, length: usize| (at as f32 + 0.5 - 0.5 * length as f32) / unit;
    [from_middle(x, size.width), from_middle(y, size.height)]
}

impl Object {
    fn paint(&self, pose: Pose, size: Size, values: &mut [f32]) {
        let radius = self.radius * pose.scale;
        let middle = [self.place[0] + pose.x, self.place[1] + pose.y];
        let (sine, cosine) = (self.angle + pose.angle).sin_cos();
        // Corners of shapes lie within one and a half radii.
        let reach = 1.5 * radius;
        let covered = |middle: f32, length: usize| {
            let pixel =
                |at: f32| (at * size.height as f32 + 0.5 * length as f32).clamp(0.0, length as f32) as usize;
            pixel(middle - reach)..pixel(middle + reach + 1.0)
        };
        let blur = 1.0 / (size.height as f32 * radius);
        for y in covered(middle[1], size.height) {
            for x in covered(middle[0], size.width) {
                let at = place(size, x, y);
                let (dx, dy) = ((at[0] - middle[0]) / radius, (at[1] - middle[1]) / radius);
                // Into the object's own axes, in which its radius is 1.
                let (u, v) = (cosine * dx + sine * dy, cosine * dy - sine * dx);
                // Over the width of a pixel the edge fades.
                let cover = (0.5 - self.shape.distance(u, v) / blur).clamp(0.0, 1.0);
                if cover > 0.0 {
                    let colour = self.texture.colour(self.radius * u, self.radius * v);
                    for (value, to) in values[3 * (y * size.width + x)..].iter_mut().zip(colour) {
                        *value += cover * (to - *value);
                    }
                }
            }
        }
    }
}

impl Shape {
    /// About how far outside of the shape a point lies; negative inside.
    fn distance(self, u: f32, v: f32) -> f32 {
        match self {
            Self::Square => u.abs().max(v.abs()) - 0.9,
            // Three sides, each half a radius from the middle.
            Self::Triangle => {
                (0..3).fold(f32::MIN, |most, side| {
                    let angle = std::f32::consts::TAU * side as f32 / 3.0;
                    most.max(u * angle.sin() + v * angle.cos())
                }) - 0.55
            }
            Self::Star => {
                let angle = v.atan2(u);
                u.hypot(v) - 0.8 - 0.35 * (5.0 * angle).cos()
            }
            Self::Cross => {
                let (u, v) = (u.abs(), v.abs());
                u.min(v).max(u.max(v) - 0.75) - 0.35
            }
            Self::HalfDisc => (u.hypot(v) - 1.1).max(v - 0.2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 64, height: 48 };

    fn draw(motion: Motion, background: usize, reach: f32, random: &Random) -> Scene {
        Scene::draw(motion, background, Camera::draw(reach, random), SIZE, random)
    }

    fn frame(scene: &Scene, number: usize) -> Vec<u8> {
        let mut pixels = Vec::new();
        scene.render(number, 64, &mut pixels);
        pixels
    }

    #[test]
    fn what_is_still_does_not_change_and_all_else_does() {
        for motion in Motion::ALL {
            let scene = draw(motion, 3, 0.0, &Random::new(5));
            let frames = [frame(&scene, 0), frame(&scene, 5)];
            assert_eq!(frames[0].len(), 64 * 48 * 3);
            assert_eq!(frames[0] == frames[1], motion == Motion::Still, "{motion:?}");
        }
    }

    #[test]
    fn the_background_stays_and_depends_on_its_group() {
        let random = Random::new(6);
        let corner = |group: usize, number: usize| {
            frame(&draw(Motion::Spin, group, 0.0, &random), number)[..30].to_vec()
        };
        assert_eq!(corner(1, 0), corner(1, 9));
        assert_ne!(corner(1, 0), corner(2, 0));
    }

    #[test]
    fn a_camera_that_wanders_moves_background_and_objects_alike() {
        let random = Random::new(7);
        let scene = draw(Motion::Still, 3, 0.25, &random);
        let displaced =
            |number: usize| scene.camera.displacement(number, 64).map(|by| by * SIZE.height as f32);
        // Two frames whose displacements differ by nearly whole pixels show the same scene, displaced.
        let mut compared = 0;
        for (first, second) in (0..64).flat_map(|first| (0..first).map(move |second| (first, second))) {
            let by: [f32; 2] = std::array::from_fn(|axis| displaced(second)[axis] - displaced(first)[axis]);
            let whole = by.map(f32::round);
            if whole == [0.0; 2] || (by[0] - whole[0]).abs().max((by[1] - whole[1]).abs()) > 0.01 {
                continue;
            }
            compared += 1;
            let (first, second) = (frame(&scene, first), frame(&scene, second));
            let [dx, dy] = whole.map(|by| by as isize);
            let (width, height) = (SIZE.width as isize, SIZE.height as isize);
            for y in 0.max(-dy)..height.min(height - dy) {
                for x in 0.max(-dx)..width.min(width - dx) {
                    let at = |x: isize, y: isize| 3 * (y * width + x) as usize;
                    let difference = first[at(x, y)].abs_diff(second[at(x + dx, y + dy)]);
                    assert!(difference < 24, "at {x}, {y}: {difference}");
                }
            }
        }
        assert!(compared > 0);
    }

    #[test]
    fn objects_cover_a_part_of_the_frame() {
        for seed in 0..20 {
            let random = Random::new(seed);
            let scene = draw(Motion::Circle, 0, 0.0, &random);
            let background = Scene { objects: Vec::new(), ..draw(Motion::Circle, 0, 0.0, &random) };
            let (with, without) = (frame(&scene, 3), frame(&background, 3));
            let changed = with.chunks(3).zip(without.chunks(3)).filter(|(a, b)| a != b).count();
            let share = changed as f32 / (64.0 * 48.0);
            assert!((0.02..0.5).contains(&share), "{seed}: {share}");
        }
    }
}

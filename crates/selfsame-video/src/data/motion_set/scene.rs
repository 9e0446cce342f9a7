//! One video of the motion set: objects over a background, drawn frame by frame.

use selfsame_core::Random;

use super::motions::{Course, Motion};
use super::texture::Texture;
use crate::data::Size;

/// A scene whose frames can be drawn in any order.
pub struct Scene {
    size: Size,
    /// `[height, width, 3]`
    background: Vec<f32>,
    objects: Vec<Object>,
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
    /// A random scene of a motion over a background of a group.
    pub fn draw(motion: Motion, background: usize, size: Size, random: &Random) -> Self {
        let texture = Texture::background(background, &random.named("background"));
        let mut pixels = Vec::with_capacity(3 * size.width * size.height);
        for y in 0..size.height {
            for x in 0..size.width {
                let [u, v] = place(size, x, y);
                pixels.extend(texture.colour(u, v));
            }
        }
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
        Self { size, background: pixels, objects: objects.collect() }
    }

    /// Draws frame `frame` of `frames` into `pixels`, `[height, width, 3]`.
    pub fn render(&self, frame: usize, frames: usize, pixels: &mut Vec<u8>) {
        let mut values = self.background.clone();
        for object in &self.objects {
            object.paint(frame, frames, self.size, &mut values);
        }
        pixels.clear();
        pixels.extend(values.iter().map(|value| (255.0 * value).round() as u8));
    }
}

/// The middle of a pixel, in units of the frame's height, from the frame's middle.
fn place(size: Size, x: usize, y: usize) -> [f32; 2] {
    let unit = size.height as f32;
    let from_middle = |at: usize, length: usize| (at as f32 + 0.5 - 0.5 * length as f32) / unit;
    [from_middle(x, size.width), from_middle(y, size.height)]
}

impl Object {
    fn paint(&self, frame: usize, frames: usize, size: Size, values: &mut [f32]) {
        let pose = self.course.pose(frame, frames);
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

    fn frame(scene: &Scene, number: usize) -> Vec<u8> {
        let mut pixels = Vec::new();
        scene.render(number, 64, &mut pixels);
        pixels
    }

    #[test]
    fn what_is_still_does_not_change_and_all_else_does() {
        for motion in Motion::ALL {
            let scene = Scene::draw(motion, 3, SIZE, &Random::new(5));
            let frames = [frame(&scene, 0), frame(&scene, 5)];
            assert_eq!(frames[0].len(), 64 * 48 * 3);
            assert_eq!(frames[0] == frames[1], motion == Motion::Still, "{motion:?}");
        }
    }

    #[test]
    fn the_background_stays_and_depends_on_its_group() {
        let random = Random::new(6);
        let corner = |group: usize, number: usize| {
            frame(&Scene::draw(Motion::Spin, group, SIZE, &random), number)[..30].to_vec()
        };
        assert_eq!(corner(1, 0), corner(1, 9));
        assert_ne!(corner(1, 0), corner(2, 0));
    }

    #[test]
    fn objects_cover_a_part_of_the_frame() {
        for seed in 0..20 {
            let random = Random::new(seed);
            let scene = Scene::draw(Motion::Circle, 0, SIZE, &random);
            let background = Scene { objects: Vec::new(), ..Scene::draw(Motion::Circle, 0, SIZE, &random) };
            let (with, without) = (frame(&scene, 3), frame(&background, 3));
            let changed = with.chunks(3).zip(without.chunks(3)).filter(|(a, b)| a != b).count();
            let share = changed as f32 / (64.0 * 48.0);
            assert!((0.02..0.5).contains(&share), "{seed}: {share}");
        }
    }
}

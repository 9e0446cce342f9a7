//! Procedural textures: ten kinds, each with a hue of its own as a background, any hue as an object.

use std::f32::consts::TAU;

use selfsame_core::Random;

/// A pattern of two colours over the plane.
#[derive(Clone, Debug)]
pub struct Texture {
    pattern: usize,
    /// Repeats in a length of 1.
    frequency: f32,
    /// Of the pattern, in radians.
    angle: f32,
    shift: [f32; 2],
    colours: [[f32; 3]; 2],
    noise: Random,
}

/// The number of patterns.
pub const PATTERNS: usize = 10;

impl Texture {
    /// A background of one group: all of a group have the same pattern and nearly the same hue.
    pub fn background(group: usize, random: &Random) -> Self {
        let hue = group as f32 / PATTERNS as f32 + random.named("hue").range(-0.03, 0.03);
        Self::of(group % PATTERNS, hue, 0.45, random)
    }

    /// The surface of an object: any pattern, any hue, and brighter than backgrounds are.
    pub fn object(random: &Random) -> Self {
        let mut drawn = random.named("kind");
        Self::of(drawn.below(PATTERNS), drawn.unit(), 0.9, random)
    }

    fn of(pattern: usize, hue: f32, brightness: f32, random: &Random) -> Self {
        let mut drawn = random.named("texture");
        let first = colour(hue, drawn.range(0.5, 0.8), brightness * drawn.range(0.85, 1.1));
        let second =
            colour(hue + drawn.range(-0.06, 0.06), drawn.range(0.3, 0.7), brightness * drawn.range(0.4, 0.6));
        Self {
            pattern,
            frequency: drawn.range(4.0, 7.0),
            angle: drawn.range(-0.3, 0.3),
            shift: [drawn.range(0.0, 8.0), drawn.range(0.0, 8.0)],
            colours: [first, second],
            noise: random.named("noise"),
        }
    }

    /// The colour at a point, red, green and blue from 0 to 1.
    pub fn colour(&self, x: f32, y: f32) -> [f32; 3] {
        let (sine, cosine) = self.angle.sin_cos();
        let (u, v) = (
            self.frequency * (cosine * x - sine * y) + self.shift[0],
            self.frequency * (sine * x + cosine * y) + self.shift[1],
        );
        let wave = |value: f32| 0.5 + 0.5 * (value * TAU).sin();
        // Steep, so that edges are seen but are no single pixels.
        let step = |value: f32| (4.0 * (value - 0.5) + 0.5).clamp(0.0, 1.0);
        let cell = |value: f32| value.rem_euclid(1.0) - 0.5;
        let share = match self.pattern {
            0 => step(wave(u)),
            1 => step(wave(v)),
            2 => step(0.5 + 0.5 * (u * TAU).sin() * (v * TAU).sin()),
            3 => step(1.2 - 2.2 * cell(u).hypot(cell(v))),
            4 => step(wave(0.7 * u.hypot(v))),
            5 => wave(u + 0.25 * (v * TAU).sin()),
            6 => self.clouds(u, v),
            7 => step(2.2 * cell(u).abs().max(cell(v).abs()) - 0.3),
            8 => {
                // Bricks: every other row is moved by half a stone.
                let row = v.div_euclid(1.0);
                step(2.4 * cell(0.5 * u + 0.5 * row.rem_euclid(2.0)).abs().max(cell(v).abs()) - 0.5)
            }
            _ => step(self.clouds(2.0 * u, 2.0 * v)),
        };
        let [first, second] = self.colours;
        std::array::from_fn(|channel| first[channel] + share * (second[channel] - first[channel]))
    }

    /// Smooth noise between random values at whole places.
    fn clouds(&self, u: f32, v: f32) -> f32 {
        let (column, row) = (u.floor(), v.floor());
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let (s, t) = (smooth(u - column), smooth(v - row));
        let value =
            |dx: i64, dy: i64| self.noise.at((column as i64 + dx) as u64).at((row as i64 + dy) as u64).unit();
        let mix = |from: f32, to: f32, share: f32| from + share * (to - from);
        mix(mix(value(0, 0), value(1, 0), s), mix(value(0, 1), value(1, 1), s), t)
    }
}

/// Red, green and blue of a hue (1 is the whole circle), saturation and value.
fn colour(hue: f32, saturation: f32, value: f32) -> [f32; 3] {
    // Each channel is a trapezium over the circle of hues, a third apart from the next.
    [5.0, 3.0, 1.0].map(|offset| {
        let place = (offset + 6.0 * hue).rem_euclid(6.0);
        (value * (1.0 - saturation * place.min(4.0 - place).clamp(0.0, 1.0))).clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_those_of_the_circle() {
        assert_eq!(colour(0.0, 1.0, 1.0), [1.0, 0.0, 0.0]);
        let near = |found: [f32; 3], expected: [f32; 3]| {
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5)
        };
        assert!(near(colour(1.0 / 3.0, 1.0, 1.0), [0.0, 1.0, 0.0]));
        assert!(near(colour(2.0 / 3.0, 1.0, 0.5), [0.0, 0.0, 0.5]));
        assert!(near(colour(0.7, 0.0, 0.25), [0.25; 3]));
    }

    #[test]
    fn every_pattern_has_contrast() {
        for pattern in 0..PATTERNS {
            let texture = Texture::background(pattern, &Random::new(1));
            let greens: Vec<f32> =
                (0..400).map(|i| texture.colour((i % 20) as f32 / 20.0, (i / 20) as f32 / 20.0)[1]).collect();
            let (least, most) = greens
                .iter()
                .fold((f32::MAX, f32::MIN), |(least, most), &value| (least.min(value), most.max(value)));
            assert!(most - least > 0.05, "{pattern}: {least} to {most}");
        }
    }
}

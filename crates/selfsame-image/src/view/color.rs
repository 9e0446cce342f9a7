//! Colour transformations of planar RGB pixels, `[3, height, width]`, floats in 0..1, in place.
//!
//! Each equals its namesake in torchvision's `transforms.v2.functional` on float tensors to 1e-5 (golden `image_ops`),
//! with the same clamping to 0..1. Multiplication and addition are never fused, so that processors with and without that
//! instruction yield the same bits.

use selfsame_core::Random;
use serde::{Deserialize, Serialize};

use super::simd::{map_pixels, map_values, planes, sum};

/// The share of red, green and blue in luma (ITU-R BT.601, rounded as torchvision does).
const LUMA: [f32; 3] = [0.2989, 0.587, 0.114];

/// Multiplies all values by `factor`.
pub fn brightness(pixels: &mut [f32], factor: f32) {
    map_values(
        pixels,
        #[inline(always)]
        |x| clamp(x * factor),
    );
}

/// Blends with the mean of the grey picture: 0 leaves nothing else, 1 changes nothing, above 1 pulls away from it.
pub fn contrast(pixels: &mut [f32], factor: f32) {
    let count = (pixels.len() / 3) as f32;
    let means = planes(pixels).map(|plane| sum(plane) / count);
    let grey = luma(means) * (1.0 - factor);
    map_values(
        pixels,
        #[inline(always)]
        |x| clamp(x * factor + grey),
    );
}

/// Blends with the grey picture: 0 is grey, 1 changes nothing, above 1 pulls away from it.
pub fn saturation(pixels: &mut [f32], factor: f32) {
    map_pixels(
        pixels,
        #[inline(always)]
        |rgb| {
            let grey = luma(rgb) * (1.0 - factor);
            [clamp(rgb[0] * factor + grey), clamp(rgb[1] * factor + grey), clamp(rgb[2] * factor + grey)]
        },
    );
}

/// Shifts the hue by a fraction of a turn, −0.5..0.5.
pub fn hue(pixels: &mut [f32], turn: f32) {
    map_pixels(
        pixels,
        #[inline(always)]
        |rgb| shift_hue(rgb, turn * 6.0),
    );
}

/// Replaces each pixel by its luma, in all three planes.
pub fn grayscale(pixels: &mut [f32]) {
    map_pixels(
        pixels,
        #[inline(always)]
        |rgb| [luma(rgb); 3],
    );
}

/// Inverts all values from `threshold` upwards.
pub fn solarize(pixels: &mut [f32], threshold: f32) {
    map_values(
        pixels,
        // In 0..1 this is 1 − x from the threshold upwards and x below.
        #[inline(always)]
        |x| (x - f32::from(x >= threshold)).abs(),
    );
}

/// How far the colours are moved at most, and how often: torchvision's `ColorJitter` under `RandomApply`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// The probability that any of it happens.
    pub probability: f32,
    /// The factor of [`brightness`] is uniform in 1 ± this, never below 0.
    pub brightness: f32,
    /// The factor of [`contrast`] is uniform in 1 ± this, never below 0.
    pub contrast: f32,
    /// The factor of [`saturation`] is uniform in 1 ± this, never below 0.
    pub saturation: f32,
    /// The turn of [`hue`] is uniform in ± this, at most 0.5.
    pub hue: f32,
}

impl Jitter {
    /// Applies the four operations in a random order, with random factors. The probability is the caller's business.
    pub fn apply(&self, pixels: &mut [f32], random: &mut Random) {
        // All draws come first, so that switching one of them off leaves the others as they were.
        let mut factor = |strength: f32| random.range((1.0 - strength).max(0.0), 1.0 + strength);
        let factors = [factor(self.brightness), factor(self.contrast), factor(self.saturation)];
        let turn = random.range(-self.hue, self.hue);
        let mut order = [0, 1, 2, 3];
        random.shuffle(&mut order);
        for operation in order {
            match operation {
                0 if self.brightness > 0.0 => brightness(pixels, factors[0]),
                1 if self.contrast > 0.0 => contrast(pixels, factors[1]),
                2 if self.saturation > 0.0 => saturation(pixels, factors[2]),
                3 if self.hue > 0.0 => hue(pixels, turn),
                _ => {}
            }
        }
    }
}

#[inline(always)]
fn clamp(x: f32) -> f32 {
    x.clamp(0.0, 1.0)
}

#[inline(always)]
fn luma([red, green, blue]: [f32; 3]) -> f32 {
    red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]
}

/// Hue by sixths of a turn, without branches. Each channel of a colour of value v and chroma c is
/// v − c·clamp(2 − d, 0, 1), where d is the distance on the circle of six sixths from its hue to the hue opposite to the
/// channel's own: 3 for red, 5 for green and 1 for blue.
#[inline(always)]
fn shift_hue([red, green, blue]: [f32; 3], sixths: f32) -> [f32; 3] {
    let value = greater(greater(red, green), blue);
    let chroma = value - lesser(lesser(red, green), blue);
    let inverse = select(chroma > 0.0, 1.0 / chroma, 0.0);
    let of_red = (green - blue) * inverse;
    let of_green = (blue - red) * inverse + 2.0;
    let of_blue = (red - green) * inverse + 4.0;
    let hue = select(value == red, of_red, select(value == green, of_green, of_blue)) + sixths;
    let hue = select(hue < 0.0, hue + 6.0, hue);
    let hue = select(hue >= 6.0, hue - 6.0, hue);
    [
        channel_of_hue(hue, 3.0, value, chroma),
        channel_of_hue(hue, 5.0, value, chroma),
        channel_of_hue(hue, 1.0, value, chroma),
    ]
}

#[inline(always)]
fn channel_of_hue(hue: f32, opposite: f32, value: f32, chroma: f32) -> f32 {
    let distance = (hue - opposite).abs();
    let distance = lesser(distance, (6.0 - distance).abs());
    value - chroma * clamp(2.0 - distance)
}

#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    select(a > b, a, b)
}

#[inline(always)]
fn lesser(a: f32, b: f32) -> f32 {
    select(a < b, a, b)
}

/// `if condition { a } else { b }` in a form that compilers do not turn into a jump, which would not vectorise.
#[inline(always)]
fn select(condition: bool, a: f32, b: f32) -> f32 {
    let mask = u32::from(condition).wrapping_neg();
    f32::from_bits((mask & a.to_bits()) | (!mask & b.to_bits()))
}

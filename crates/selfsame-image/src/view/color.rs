//! Colour transformations of planar RGB pixels, `[3, height, width]`, floats in 0..1, in place.
//!
//! Each equals its namesake in torchvision's `transforms.v2.functional` on float tensors to 1e-5 (golden `image_ops`),
//! with the same clamping to 0..1. They are plain loops compiled for several instruction sets and chosen at run time;
//! multiplication and addition are never fused, so all processors yield the same bits.

use pulp::Arch;
use selfsame_core::Random;
use serde::{Deserialize, Serialize};

use super::resample::planes;

/// The share of red, green and blue in luma (ITU-R BT.601, rounded as torchvision does).
const LUMA: [f32; 3] = [0.2989, 0.587, 0.114];

/// Multiplies all values by `factor`.
pub fn brightness(pixels: &mut [f32], factor: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for x in pixels {
                *x = clamp(*x * factor);
            }
        },
    );
}

/// Blends with the mean of the grey picture: 0 leaves nothing else, 1 changes nothing, above 1 pulls away from it.
pub fn contrast(pixels: &mut [f32], factor: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let grey = mean_luma(pixels) * (1.0 - factor);
            for x in pixels {
                *x = clamp(*x * factor + grey);
            }
        },
    );
}

/// Blends with the grey picture: 0 is grey, 1 changes nothing, above 1 pulls away from it.
pub fn saturation(pixels: &mut [f32], factor: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for_pixels(
                pixels,
                #[inline(always)]
                |rgb| {
                    let grey = luma(rgb) * (1.0 - factor);
                    rgb.map(
                        #[inline(always)]
                        |x| clamp(x * factor + grey),
                    )
                },
            );
        },
    );
}

/// Shifts the hue by a fraction of a turn, −0.5..0.5.
pub fn hue(pixels: &mut [f32], turn: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for_pixels(
                pixels,
                #[inline(always)]
                |rgb| shift_hue(rgb, turn * 6.0),
            );
        },
    );
}

/// Replaces each pixel by its luma, in all three planes.
pub fn grayscale(pixels: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for_pixels(
                pixels,
                #[inline(always)]
                |rgb| [luma(rgb); 3],
            );
        },
    );
}

/// Inverts all values from `threshold` upwards.
pub fn solarize(pixels: &mut [f32], threshold: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for x in pixels {
                *x = if *x >= threshold { 1.0 - *x } else { *x };
            }
        },
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

#[inline(always)]
fn for_pixels(pixels: &mut [f32], change: impl Fn([f32; 3]) -> [f32; 3]) {
    let [red, green, blue] = planes(pixels);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        [*r, *g, *b] = change([*r, *g, *b]);
    }
}

/// The mean of the grey picture. Sixteen partial sums, because floating-point sums may not be reordered by a compiler.
#[inline(always)]
fn mean_luma(pixels: &mut [f32]) -> f32 {
    let count = pixels.len() / 3;
    planes(pixels).iter().zip(LUMA).map(|(plane, share)| share * sum(plane)).sum::<f32>() / count as f32
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Hue by sixths of a turn, without branches: each channel of a colour of value v and chroma c is
/// v − c·clamp(min(k, 4 − k), 0, 1), k = (n + hue) mod 6, with n = 5, 3, 1 for red, green and blue.
#[inline(always)]
fn shift_hue([red, green, blue]: [f32; 3], sixths: f32) -> [f32; 3] {
    let greater = |a: f32, b: f32| if a > b { a } else { b };
    let lesser = |a: f32, b: f32| if a < b { a } else { b };
    let value = greater(greater(red, green), blue);
    let chroma = value - lesser(lesser(red, green), blue);
    let inverse = if chroma > 0.0 { 1.0 / chroma } else { 0.0 };
    let of_red = (green - blue) * inverse;
    let of_green = (blue - red) * inverse + 2.0;
    let of_blue = (red - green) * inverse + 4.0;
    let of_others = if value == green { of_green } else { of_blue };
    let hue = (if value == red { of_red } else { of_others }) + sixths;
    let channel = |n: f32| {
        let k = n + hue;
        let k = k - 6.0 * (k * (1.0 / 6.0)).floor();
        value - chroma * clamp(lesser(k, 4.0 - k))
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

//! From 0..1 to zero mean and unit deviation, and back.

use super::simd::{map_values, planes};

/// The mean of ImageNet's training pictures, for red, green and blue in 0..1.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];

/// The standard deviation of ImageNet's training pictures, for red, green and blue in 0..1.
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// (x − mean) / std of planar pixels, `[3, height, width]`, in place.
pub fn normalize(pixels: &mut [f32], mean: [f32; 3], std: [f32; 3]) {
    affine(pixels, std.map(f32::recip), [0, 1, 2].map(|c| -mean[c] / std[c]));
}

/// x · std + mean of planar pixels, `[3, height, width]`, in place: undoes [`normalize`].
pub fn denormalize(pixels: &mut [f32], mean: [f32; 3], std: [f32; 3]) {
    affine(pixels, std, mean);
}

fn affine(pixels: &mut [f32], factor: [f32; 3], offset: [f32; 3]) {
    for (plane, (factor, offset)) in planes::<3>(pixels).into_iter().zip(factor.into_iter().zip(offset)) {
        map_values(
            plane,
            #[inline(always)]
            |x| x * factor + offset,
        );
    }
}

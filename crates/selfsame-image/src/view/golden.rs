//! Operations against torchvision's results on float tensors (golden `image_ops`), within 1e-5.
#![allow(clippy::unwrap_used)]

use safetensors::SafeTensors;

use super::blur::{BlurScratch, blur};
use super::color;
use super::geometry::Crop;
use super::normalize::{IMAGENET_MEAN, IMAGENET_STD, denormalize, normalize};
use super::resample::{Interpolation, ResampleScratch, Source, resample};

const FILE: &[u8] = include_bytes!("../../tests/golden/image_ops.safetensors");
const WIDTH: usize = 14;
const HEIGHT: usize = 12;

fn golden(name: &str) -> Vec<f32> {
    let file = SafeTensors::deserialize(FILE).unwrap();
    let bytes = file.tensor(name).unwrap().data().to_vec();
    bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

fn assert_close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-5, "{name}: {a} instead of {b} at {i}");
    }
}

fn check(name: &str, operation: impl Fn(&mut [f32])) {
    let mut image = golden("image");
    operation(&mut image);
    assert_close(name, &image, &golden(name));
}

/// The image with its channels innermost, as decoders yield it.
fn interleaved() -> Vec<f32> {
    let image = golden("image");
    let plane = WIDTH * HEIGHT;
    (0..3 * plane).map(|i| image[i % 3 * plane + i / 3]).collect()
}

fn check_resample(
    name: &str,
    [top, left, height, width]: [f32; 4],
    size: [usize; 2],
    flipped: bool,
    filter: Interpolation,
) {
    let samples = interleaved();
    let source: Source<'_, f32> = Source { samples: &samples, width: WIDTH, height: HEIGHT };
    let mut out = vec![f32::NAN; 3 * size[0] * size[1]];
    let crop = Crop { top, left, height, width };
    let mut scratch = ResampleScratch::default();
    resample(source, &crop, size, flipped, filter, 1.0, &mut scratch, &mut out);
    assert_close(name, &out, &golden(name));
}

#[test]
fn colours() {
    check("brightness_0.4", |x| color::brightness(x, 0.4));
    check("brightness_1.6", |x| color::brightness(x, 1.6));
    check("contrast_0.4", |x| color::contrast(x, 0.4));
    check("contrast_1.6", |x| color::contrast(x, 1.6));
    check("saturation_0.0", |x| color::saturation(x, 0.0));
    check("saturation_1.7", |x| color::saturation(x, 1.7));
    check("hue_-0.1", |x| color::hue(x, -0.1));
    check("hue_0.2", |x| color::hue(x, 0.2));
    check("grayscale", color::grayscale);
    check("solarize_0.5", |x| color::solarize(x, 0.5));
}

#[test]
fn blurring() {
    check("blur_k5_s1.2", |x| blur(x, [WIDTH, HEIGHT], 5, 1.2, &mut BlurScratch::default()));
}

#[test]
fn normalising_and_back() {
    check("normalize", |x| normalize(x, IMAGENET_MEAN, IMAGENET_STD));
    check("image", |x| {
        normalize(x, IMAGENET_MEAN, IMAGENET_STD);
        denormalize(x, IMAGENET_MEAN, IMAGENET_STD);
    });
}

#[test]
fn resampling() {
    let inner = [2.0, 3.0, 7.0, 9.0];
    check_resample("crop_resize_bilinear", inner, [6, 6], false, Interpolation::Bilinear);
    check_resample("crop_resize_bicubic", inner, [16, 16], false, Interpolation::Bicubic);
    check_resample("crop_resize_up", [1.0, 1.0, 5.0, 6.0], [12, 10], false, Interpolation::Bilinear);
    let whole = [0.0, 0.0, HEIGHT as f32, WIDTH as f32];
    check_resample("image", whole, [WIDTH, HEIGHT], false, Interpolation::Bicubic);
    check_resample("hflip", whole, [WIDTH, HEIGHT], true, Interpolation::Bilinear);
}

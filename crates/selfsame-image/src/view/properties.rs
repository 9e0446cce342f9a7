//! Properties of operations and of whole views, and slow obvious versions of what is fast elsewhere.

use proptest::prelude::*;
use selfsame_core::Random;

use super::blur::{BlurScratch, blur};
use super::color;
use super::geometry::{Crop, Geometry};
use super::pipeline::{Pipeline, Scratch, required_scale};
use super::recipe::{RECIPES, Recipe, SIMCLR, SIMCLR_CIFAR, TRANSFORMATIONS};
use super::resample::{Interpolation, ResampleScratch, Source, resample};
use crate::picture::Picture;

fn noise(seed: u64, width: usize, height: usize) -> Picture {
    let mut random = Random::new(seed);
    let pixels = (0..3 * width * height).map(|_| random.below(256) as u8).collect();
    Picture { width, height, pixels }
}

fn floats(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.unit()).collect()
}

fn pipeline(recipe: Recipe, side: usize) -> Pipeline {
    Pipeline { recipe, side, views: 2, mean: [0.0; 3], std: [1.0; 3] }
}

fn view(pipeline: &Pipeline, random: &Random, view: usize, picture: &Picture) -> Vec<f32> {
    let geometry = pipeline.sample_geometry(random, view, picture.width, picture.height);
    let mut out = vec![f32::NAN; pipeline.view_len()];
    pipeline.render(random, view, picture, &geometry, &mut Scratch::default(), &mut out);
    out
}

fn resized(
    picture: &Picture,
    crop: &Crop,
    size: [usize; 2],
    flipped: bool,
    filter: Interpolation,
) -> Vec<f32> {
    let source: Source<'_, u8> = picture.into();
    let mut out = vec![f32::NAN; 3 * size[0] * size[1]];
    resample(source, crop, size, flipped, filter, 1.0 / 255.0, &mut ResampleScratch::default(), &mut out);
    out
}

/// Every output pixel as the weighted mean of all source pixels of the crop: no separation, no support.
fn resized_slowly(
    picture: &Picture,
    crop: &Crop,
    [width, height]: [usize; 2],
    filter: Interpolation,
) -> Vec<f32> {
    let weight = |distance: f64| {
        let x = distance.abs();
        match filter {
            Interpolation::Bilinear => (1.0 - x).max(0.0),
            Interpolation::Bicubic if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0,
            Interpolation::Bicubic if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0,
            Interpolation::Bicubic => 0.0,
        }
    };
    let along = |start: f32, length: f32, outputs: usize, output: usize, size: usize| -> Vec<f64> {
        let (start, scale) = (f64::from(start), f64::from(length) / outputs as f64);
        let centre = start + (output as f64 + 0.5) * scale;
        let inside = |p: f64| p >= start && p <= start + f64::from(length);
        let raw = (0..size)
            .map(|p| p as f64 + 0.5)
            .map(|p| if inside(p) { weight((p - centre) / scale.max(1.0)) } else { 0.0 });
        let raw: Vec<f64> = raw.collect();
        let total: f64 = raw.iter().sum();
        raw.iter().map(|w| w / total).collect()
    };
    let mut out = vec![0.0; 3 * width * height];
    for y in 0..height {
        let rows = along(crop.top, crop.height, height, y, picture.height);
        for x in 0..width {
            let columns = along(crop.left, crop.width, width, x, picture.width);
            for channel in 0..3 {
                let mut sum = 0.0;
                for (j, row) in rows.iter().enumerate() {
                    for (i, column) in columns.iter().enumerate() {
                        let sample = picture.pixels[(j * picture.width + i) * 3 + channel];
                        sum += row * column * f64::from(sample) / 255.0;
                    }
                }
                out[(channel * height + y) * width + x] = sum as f32;
            }
        }
    }
    out
}

fn blurred_slowly(plane: &[f32], width: usize, height: usize, kernel: usize, sigma: f32) -> Vec<f32> {
    let radius = (kernel / 2) as isize;
    let weight = |i: isize| (-0.5 * (i as f64 / f64::from(sigma)).powi(2)).exp();
    let total: f64 = (-radius..=radius).map(weight).sum();
    let reflect = |i: isize, size: usize| {
        let last = size as isize - 1;
        (if i < 0 {
            -i
        } else if i > last {
            2 * last - i
        } else {
            i
        }) as usize
    };
    let mut out = Vec::new();
    for y in 0..height as isize {
        for x in 0..width as isize {
            let mut sum = 0.0;
            for j in -radius..=radius {
                for i in -radius..=radius {
                    let at = reflect(y + j, height) * width + reflect(x + i, width);
                    sum += weight(i) * weight(j) / total / total * f64::from(plane[at]);
                }
            }
            out.push(sum as f32);
        }
    }
    out
}

/// The textbook's RGB to HSV and back, with branches.
fn hue_slowly([r, g, b]: [f64; 3], turn: f64) -> [f64; 3] {
    let (value, chroma) = (r.max(g).max(b), r.max(g).max(b) - r.min(g).min(b));
    let hue = if chroma == 0.0 {
        0.0
    } else if value == r {
        (g - b) / chroma
    } else if value == g {
        (b - r) / chroma + 2.0
    } else {
        (r - g) / chroma + 4.0
    };
    let hue = (hue / 6.0 + turn).rem_euclid(1.0) * 6.0;
    let low = value - chroma;
    let middle = low + chroma * (1.0 - (hue.rem_euclid(2.0) - 1.0).abs());
    match hue as usize {
        0 => [value, middle, low],
        1 => [middle, value, low],
        2 => [low, value, middle],
        3 => [low, middle, value],
        4 => [middle, low, value],
        _ => [value, low, middle],
    }
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        prop_assert!((a - b).abs() <= tolerance, "{} instead of {} at {}", a, b, i);
    }
    Ok(())
}

fn mirrored(planar: &[f32], width: usize) -> Vec<f32> {
    planar.chunks(width).flat_map(|row| row.iter().rev().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn resampling_is_the_weighted_mean_of_the_crop(
        seed: u64, width in 3usize..25, height in 3usize..25, out_width in 1usize..20, out_height in 1usize..20,
        cut: [u8; 4], bicubic: bool,
    ) {
        let picture = noise(seed, width, height);
        let share = |i: usize| f32::from(cut[i]) / 255.0;
        let (top, left) = (share(0) * (height as f32 - 2.0), share(1) * (width as f32 - 2.0));
        let crop = Crop {
            top,
            left,
            height: 2.0 + share(2) * (height as f32 - 2.0 - top),
            width: 2.0 + share(3) * (width as f32 - 2.0 - left),
        };
        let filter = if bicubic { Interpolation::Bicubic } else { Interpolation::Bilinear };
        let size = [out_width, out_height];
        let fast = resized(&picture, &crop, size, false, filter);
        assert_close(&fast, &resized_slowly(&picture, &crop, size, filter), 1e-5)?;
        let flipped = resized(&picture, &crop, size, true, filter);
        prop_assert_eq!(flipped, mirrored(&fast, out_width));
    }

    #[test]
    fn blurring_is_the_weighted_mean_of_the_neighbours(
        seed: u64, width in 6usize..80, height in 6usize..12, radius in 0usize..6, sigma in 0.1f32..4.0,
    ) {
        let plane = floats(seed, width * height);
        let mut fast = plane.clone();
        blur(&mut fast, [width, height], 2 * radius + 1, sigma, &mut BlurScratch::default());
        assert_close(&fast, &blurred_slowly(&plane, width, height, 2 * radius + 1, sigma), 1e-6)?;
    }

    #[test]
    fn hue_is_the_textbooks(seed: u64, turn in -0.5f32..0.5) {
        // Few levels, so that equal channels occur.
        let pixels: Vec<f32> = floats(seed, 3 * 37).iter().map(|x| (x * 5.0).floor() / 4.0).collect();
        let mut fast = pixels.clone();
        color::hue(&mut fast, turn);
        for i in 0..37 {
            let at = [i, 37 + i, 74 + i];
            let slow = hue_slowly(at.map(|j| f64::from(pixels[j])), f64::from(turn));
            for (j, expected) in at.into_iter().zip(slow) {
                prop_assert!((f64::from(fast[j]) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn constant_pictures_stay_constant(
        level: u8, width in 1usize..40, height in 1usize..40, seed: u64, sigma in 0.1f32..2.0, bicubic: bool,
    ) {
        let picture = Picture::filled(width, height, [level; 3]);
        let crop = Crop::random(&mut Random::new(seed), width, height, [0.08, 1.0], [0.75, 4.0 / 3.0]);
        let filter = if bicubic { Interpolation::Bicubic } else { Interpolation::Bilinear };
        let mut view = resized(&picture, &crop, [23, 23], false, filter);
        blur(&mut view, [23, 23], 5, sigma, &mut BlurScratch::default());
        for x in view {
            prop_assert!((x - f32::from(level) / 255.0).abs() < 1e-5);
        }
    }

    #[test]
    fn views_stay_in_range_for_any_source(
        seed: u64, width in 1usize..60, height in 1usize..60, recipe in 0usize..RECIPES.len(), side in 1usize..40,
        scale in 0usize..4,
    ) {
        let pipeline = pipeline(RECIPES[recipe].2, side);
        let random = Random::new(seed);
        // Decoded smaller than the size that the geometry was chosen for.
        let picture = noise(seed, width.div_ceil(1 << scale), height.div_ceil(1 << scale));
        for view in 0..2 {
            let geometry = pipeline.sample_geometry(&random, view, width, height);
            let mut out = vec![f32::NAN; pipeline.view_len()];
            pipeline.render(&random, view, &picture, &geometry, &mut Scratch::default(), &mut out);
            prop_assert!(out.iter().all(|x| (-1e-5..=1.0 + 1e-5).contains(x)));
        }
    }

    #[test]
    fn every_crop_keeps_the_side_at_the_required_scale(seed: u64, side in 1usize..100, size in 1usize..2000) {
        let pipeline = pipeline(SIMCLR, side);
        let geometries = [0, 1].map(|view| pipeline.sample_geometry(&Random::new(seed), view, size, size));
        let scale = required_scale(&geometries, side);
        let keeps = |scale: usize| geometries.iter().all(|g| {
            g.crop.width / scale as f32 >= side as f32 && g.crop.height / scale as f32 >= side as f32
        });
        prop_assert!([1, 2, 4, 8].contains(&scale));
        prop_assert!(scale == 1 || keeps(scale));
        prop_assert!(scale == 8 || !keeps(2 * scale));
    }
}

#[test]
fn a_view_depends_on_its_address_alone() {
    let picture = noise(1, 50, 40);
    let pipeline = pipeline(SIMCLR, 32);
    let instance = |i: u64| Random::new(7).named("views").at(0).at(i);
    let forwards: Vec<_> =
        (0..6).map(|i| view(&pipeline, &instance(i / 2), i as usize % 2, &picture)).collect();
    // One scratch for all, in another order.
    let mut scratch = Scratch::default();
    for i in [5, 0, 3, 1, 4, 2] {
        let (random, index) = (instance(i / 2), i as usize % 2);
        let geometry = pipeline.sample_geometry(&random, index, 50, 40);
        let mut out = vec![f32::NAN; pipeline.view_len()];
        pipeline.render(&random, index, &picture, &geometry, &mut scratch, &mut out);
        assert_eq!(out, forwards[i as usize]);
    }
    for (i, a) in forwards.iter().enumerate() {
        assert!(forwards[..i].iter().all(|b| a != b), "views differ from each other");
    }
}

#[test]
fn switching_off_one_transformation_leaves_the_draws_of_the_others() {
    let (picture, random) = (noise(1, 50, 40), Random::new(3));
    for seed in 0..20 {
        let random = random.at(seed);
        let geometry = |recipe| pipeline(recipe, 32).sample_geometry(&random, 0, 50, 40);
        let plain = SIMCLR_CIFAR.without(&["jitter", "grayscale"]);
        assert_eq!(plain.map(geometry).ok(), Some(geometry(SIMCLR_CIFAR)));
    }
    // Where no jitter happens anyway, leaving it out changes nothing.
    let without = SIMCLR_CIFAR.without(&["jitter"]).map(|recipe| pipeline(recipe, 32));
    let same = (0..100).filter(|&i| {
        let random = random.at(i);
        let full = view(&pipeline(SIMCLR_CIFAR, 32), &random, 0, &picture);
        without.as_ref().is_ok_and(|p| view(p, &random, 0, &picture) == full)
    });
    let same = same.count();
    // A fifth is not jittered, and a jittered one that is made grey afterwards still differs.
    assert!((8..=35).contains(&same), "{same} of 100");
}

#[test]
fn without_transformations_the_picture_itself_is_the_view() {
    let picture = noise(5, 32, 32);
    let pipeline = SIMCLR.without(&TRANSFORMATIONS).and_then(|recipe| Pipeline::new(recipe, 32, 1));
    let pipeline = pipeline.unwrap_or_else(|error| unreachable!("{error}"));
    let out = view(&pipeline, &Random::new(0), 0, &picture);
    assert_eq!(pipeline.to_picture(&out), picture);
}

#[test]
fn evaluation_shows_small_pictures_whole_and_the_centre_of_large_ones() {
    let at = |side| {
        let pipeline = pipeline(super::recipe::EVALUATION, side);
        pipeline.sample_geometry(&Random::new(1), 0, 640, 480)
    };
    let geometry = |crop| Geometry { source_height: 480, source_width: 640, crop, flipped: false };
    assert_eq!(at(32), geometry(Crop::whole(640, 480)));
    assert_eq!(at(224), geometry(Crop { top: 30.0, left: 110.0, height: 420.0, width: 420.0 }));
    // What is told to other programs is what is shown: their crop has as many pixels of the resized picture.
    for (side, resized) in [(32, 32), (64, 64), (96, 109), (128, 146), (224, 256), (384, 438)] {
        assert_eq!(pipeline(super::recipe::EVALUATION, side).resized_side(), resized);
        let scale = resized as f32 / 480.0;
        assert!(side <= 64 || (at(side).crop.height * scale - side as f32).abs() < 1e-3, "{side}");
    }
}

#[test]
fn the_second_view_of_byol_is_the_solarised_one() {
    let picture = Picture::filled(40, 40, [204; 3]);
    let recipe = super::recipe::BYOL.without(&["crop", "jitter"]).unwrap_or(SIMCLR);
    let pipeline = pipeline(recipe, 32);
    let dark = |index: usize| {
        (0..1000).filter(|&i| view(&pipeline, &Random::new(i), index, &picture)[0] < 0.5).count()
    };
    assert_eq!(dark(0), 0);
    assert!((150..250).contains(&dark(1)), "{}", dark(1));
}

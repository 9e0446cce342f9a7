//! The cost of views: each operation and whole recipes, at 32 and 224 px. Run with `cargo xtask bench` or
//! `cargo bench -p selfsame-image --bench views`. Decoding is not included.
#![allow(missing_docs)]

use divan::Bencher;
use selfsame_core::Random;
use selfsame_image::picture::Picture;
use selfsame_image::view::blur::{self, BlurScratch};
use selfsame_image::view::resample::{Interpolation, ResampleScratch, Source, resample};
use selfsame_image::view::{Crop, Pipeline, Recipe, Scratch, color, normalize};

const SIDES: [usize; 2] = [32, 224];

fn main() {
    divan::main();
}

/// A picture as a decoder would yield it for views of this side.
fn picture(side: usize) -> Picture {
    let (width, height) = (side * 7 / 4, side * 5 / 4);
    let mut random = Random::new(1);
    let pixels = (0..3 * width * height).map(|_| random.below(256) as u8).collect();
    Picture { width, height, pixels }
}

fn pixels(side: usize) -> Vec<f32> {
    let mut random = Random::new(2);
    (0..3 * side * side).map(|_| random.unit()).collect()
}

fn operation(bencher: Bencher, side: usize, operation: impl Fn(&mut [f32]) + Sync) {
    let mut pixels = pixels(side);
    bencher.bench_local(|| operation(&mut pixels));
}

#[divan::bench(args = SIDES)]
fn bilinear(bencher: Bencher, side: usize) {
    resize(bencher, side, Interpolation::Bilinear);
}

#[divan::bench(args = SIDES)]
fn bicubic(bencher: Bencher, side: usize) {
    resize(bencher, side, Interpolation::Bicubic);
}

fn resize(bencher: Bencher, side: usize, filter: Interpolation) {
    let picture = picture(side);
    let source: Source<'_, u8> = (&picture).into();
    let crop = Crop::whole(picture.width, picture.height);
    let (mut scratch, mut out) = (ResampleScratch::default(), pixels(side));
    bencher.bench_local(|| {
        resample(source, &crop, [side, side], true, filter, 1.0 / 255.0, &mut scratch, &mut out)
    });
}

#[divan::bench(args = SIDES)]
fn brightness(bencher: Bencher, side: usize) {
    operation(bencher, side, |x| color::brightness(x, 1.01));
}

#[divan::bench(args = SIDES)]
fn contrast(bencher: Bencher, side: usize) {
    operation(bencher, side, |x| color::contrast(x, 1.01));
}

#[divan::bench(args = SIDES)]
fn saturation(bencher: Bencher, side: usize) {
    operation(bencher, side, |x| color::saturation(x, 1.01));
}

#[divan::bench(args = SIDES)]
fn hue(bencher: Bencher, side: usize) {
    operation(bencher, side, |x| color::hue(x, 0.01));
}

#[divan::bench(args = SIDES)]
fn grayscale(bencher: Bencher, side: usize) {
    operation(bencher, side, color::grayscale);
}

#[divan::bench(args = SIDES)]
fn solarize(bencher: Bencher, side: usize) {
    operation(bencher, side, |x| color::solarize(x, 0.5));
}

#[divan::bench(args = SIDES)]
fn normalise(bencher: Bencher, side: usize) {
    operation(bencher, side, |x| normalize::normalize(x, [0.5; 3], [0.9; 3]));
}

/// With the widest kernel that recipes draw, σ = 2.
#[divan::bench(args = SIDES)]
fn gaussian_blur(bencher: Bencher, side: usize) {
    let (mut scratch, mut pixels) = (BlurScratch::default(), pixels(side));
    bencher.bench_local(|| blur::blur(&mut pixels, [side, side], blur::kernel_of(side), 2.0, &mut scratch));
}

#[divan::bench(args = ["simclr", "simclr-cifar", "moco-v2", "byol", "w-mse", "evaluation"], consts = SIDES)]
fn view<const SIDE: usize>(bencher: Bencher, recipe: &str) {
    let Ok(pipeline) = Recipe::by_name(recipe).and_then(|recipe| Pipeline::new(recipe, SIDE, 2)) else {
        return;
    };
    let picture = picture(SIDE);
    let (mut scratch, mut out, mut instance) = (Scratch::default(), vec![0.0; pipeline.view_len()], 0);
    bencher.bench_local(|| {
        let random = Random::new(0).at(instance);
        let view = (instance % 2) as usize;
        instance += 1;
        let geometry = pipeline.sample_geometry(&random, view, picture.width, picture.height);
        pipeline.render(&random, view, &picture, &geometry, &mut scratch, &mut out);
    });
}

//! Convolution of `f32` values on the CPU.

use std::cell::RefCell;

use rayon::prelude::*;

use super::extent::{Extent, Tile};
use super::matrix::{Matrix, multiply};
use super::patches::{fold, unfold};

/// Parts in which the gradient of the weight is summed; fixed, so that the sum does not depend on the number of threads.
const PARTS: usize = 16;

thread_local! {
    /// Patches of a tile; kept, because fresh memory is slow memory.
    static PATCHES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Room for a tile's patches.
fn with_patches<T>(extent: &Extent, tile: &Tile, work: impl FnOnce(&mut [f32]) -> T) -> T {
    let size = extent.pixels(tile).len() * extent.patch();
    PATCHES.with_borrow_mut(|patches| {
        if patches.len() < size {
            patches.resize(size, 0.0);
        }
        work(&mut patches[..size])
    })
}

/// Convolves `input` to `output`; see [`conv2d`](super::conv2d) for the shapes.
pub fn forward(extent: &Extent, input: &[f32], weight: &[f32], output: &mut [f32]) {
    let weight = patches_first(extent, weight);
    let weight = Matrix::new(&weight, extent.patch(), extent.outputs, extent.outputs);
    let group = extent.group() * extent.output_height * extent.output_width * extent.outputs;
    output.par_chunks_mut(group.max(1)).enumerate().for_each(|(at, output)| {
        let mut rest = output;
        for tile in extent.tiles(at * extent.group()) {
            let pixels = extent.pixels(&tile).len();
            let output = rest.split_off_mut(..pixels * extent.outputs).unwrap_or_default();
            with_patches(extent, &tile, |patches| {
                unfold(extent, &tile, input, patches);
                let patches = Matrix::new(patches, pixels, extent.patch(), extent.patch());
                multiply(patches, weight, output, extent.outputs, false);
            });
        }
    });
}

/// The gradient of the input: every patch gets the gradient of its output times the weight.
pub fn input_gradient(extent: &Extent, output_gradient: &[f32], weight: &[f32], input_gradient: &mut [f32]) {
    let weight = patches_first(extent, weight);
    let weight = Matrix::new(&weight, extent.patch(), extent.outputs, extent.outputs).transposed();
    let group = extent.group() * extent.image();
    input_gradient.par_chunks_mut(group.max(1)).enumerate().for_each(|(at, images)| {
        for tile in extent.tiles(at * extent.group()) {
            let gradient = gradient_of(extent, &tile, output_gradient);
            with_patches(extent, &tile, |patches| {
                multiply(gradient, weight, patches, extent.patch(), false);
                fold(extent, &tile, patches, images);
            });
        }
    });
}

/// The gradient of the weight: the patches times the gradients of their outputs.
pub fn weight_gradient(extent: &Extent, input: &[f32], output_gradient: &[f32], weight_gradient: &mut [f32]) {
    let firsts: Vec<usize> = (0..extent.batch).step_by(extent.group()).collect();
    let part = firsts.len().div_ceil(PARTS).max(1);
    let parts: Vec<Vec<f32>> = firsts
        .par_chunks(part)
        .map(|firsts| {
            let mut sum = vec![0.0; extent.patch() * extent.outputs];
            for tile in firsts.iter().flat_map(|first| extent.tiles(*first)) {
                let gradient = gradient_of(extent, &tile, output_gradient);
                with_patches(extent, &tile, |patches| {
                    unfold(extent, &tile, input, patches);
                    let pixels = extent.pixels(&tile).len();
                    let patches = Matrix::new(patches, pixels, extent.patch(), extent.patch());
                    multiply(patches.transposed(), gradient, &mut sum, extent.outputs, true);
                });
            }
            sum
        })
        .collect();
    let at =
        |output: usize, patch: usize| parts.iter().map(|part| part[patch * extent.outputs + output]).sum();
    for (target, (output, patch)) in weight_gradient.iter_mut().zip(stored_order(extent)) {
        *target = at(output, patch);
    }
}

/// The gradient of a tile's outputs, `[pixels, outputs]`.
fn gradient_of<'a>(extent: &Extent, tile: &Tile, gradient: &'a [f32]) -> Matrix<'a> {
    let pixels = extent.pixels(tile);
    Matrix::new(&gradient[pixels.start * extent.outputs..], pixels.len(), extent.outputs, extent.outputs)
}

/// The weight as `[patch, outputs]`, a patch being (kernel row, kernel column, channel).
fn patches_first(extent: &Extent, weight: &[f32]) -> Vec<f32> {
    let mut sorted = vec![0.0; weight.len()];
    for (value, (output, patch)) in weight.iter().zip(stored_order(extent)) {
        sorted[patch * extent.outputs + output] = *value;
    }
    sorted
}

/// Output and place in the patch of the weight's values as they are stored.
fn stored_order(extent: &Extent) -> impl Iterator<Item = (usize, usize)> {
    let Extent { outputs, channels, kernel, .. } = *extent;
    (0..outputs).flat_map(move |output| {
        (0..channels)
            .flat_map(move |channel| (0..kernel * kernel).map(move |tap| (output, tap * channels + channel)))
    })
}

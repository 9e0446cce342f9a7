//! Convolution of `f32` tensors on the CPU.

use std::cell::RefCell;

use burn::backend::flex::FlexTensor;
use burn::tensor::TensorData;
use rayon::prelude::*;

use super::extent::{Extent, Tile};
use super::matrix::{Matrix, multiply};
use super::patches::{fold, unfold};

/// Parts in which the gradient of the weight is summed; fixed, so that the sum does not depend on the number of threads.
const PARTS: usize = 16;

thread_local! {
    /// Patches and outputs of a tile; kept, because fresh memory is slow memory.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Room for a tile's patches and for its outputs.
fn with_scratch<T>(extent: &Extent, tile: &Tile, work: impl FnOnce(&mut [f32], &mut [f32]) -> T) -> T {
    let columns = extent.columns(tile);
    SCRATCH.with_borrow_mut(|[patches, outputs]| {
        let sizes = [extent.patch() * columns, extent.outputs * columns];
        for (buffer, size) in [&mut *patches, &mut *outputs].into_iter().zip(sizes) {
            if buffer.len() < size {
                buffer.resize(size, 0.0);
            }
        }
        work(&mut patches[..sizes[0]], &mut outputs[..sizes[1]])
    })
}

/// See [`conv2d`](super::conv2d).
pub fn forward(input: &FlexTensor, weight: &FlexTensor, stride: usize, padding: usize) -> FlexTensor {
    let [input, weight] = [input, weight].map(FlexTensor::to_contiguous);
    let extent = Extent::new(input.layout().shape(), weight.layout().shape(), stride, padding);
    let (images, weight): (&[f32], &[f32]) = (input.storage(), weight.storage());
    let weight = Matrix::new(weight, extent.outputs, extent.patch(), extent.patch());
    let pixels = extent.output_pixels();

    let mut output = vec![0.0; extent.batch * extent.output_image()];
    groups_mut(&extent, &mut output, extent.output_image()).for_each(|(first, output)| {
        for tile in extent.tiles(first) {
            let columns = extent.columns(&tile);
            let images = &images[tile.images.start * extent.image()..tile.images.end * extent.image()];
            with_scratch(&extent, &tile, |patches, outputs| {
                unfold(&extent, &tile, images, patches);
                let patches = Matrix::new(patches, extent.patch(), columns, columns);
                if tile.images.len() == 1 {
                    let start = tile.rows.start * extent.output_width;
                    multiply(weight, patches, &mut output[start..], pixels, false);
                } else {
                    multiply(weight, patches, outputs, columns, false);
                    for (at, rows) in output.chunks_exact_mut(pixels).enumerate() {
                        let start = (at % extent.outputs) * columns + (at / extent.outputs) * pixels;
                        rows.copy_from_slice(&outputs[start..start + pixels]);
                    }
                }
            });
        }
    });
    tensor(output, [extent.batch, extent.outputs, extent.output_height, extent.output_width])
}

/// The gradient of the input: every patch gets the weight times the gradient of its output.
pub fn input_gradient(
    input: &FlexTensor,
    weight: &FlexTensor,
    output_gradient: &FlexTensor,
    stride: usize,
    padding: usize,
) -> FlexTensor {
    let [weight, output_gradient] = [weight, output_gradient].map(FlexTensor::to_contiguous);
    let extent = Extent::new(input.layout().shape(), weight.layout().shape(), stride, padding);
    let (weight, gradient): (&[f32], &[f32]) = (weight.storage(), output_gradient.storage());
    let weight = Matrix::new(weight, extent.outputs, extent.patch(), extent.patch());

    let mut images = vec![0.0; extent.batch * extent.image()];
    groups_mut(&extent, &mut images, extent.image()).for_each(|(first, images)| {
        for tile in extent.tiles(first) {
            let columns = extent.columns(&tile);
            with_scratch(&extent, &tile, |patches, outputs| {
                let gradient = gradient_of(&extent, &tile, gradient, outputs);
                multiply(weight.transposed(), gradient, patches, columns, false);
                fold(&extent, &tile, patches, images);
            });
        }
    });
    tensor(images, [extent.batch, extent.channels, extent.height, extent.width])
}

/// The gradient of the weight: the gradients of all outputs times their patches.
pub fn weight_gradient(
    input: &FlexTensor,
    weight: &FlexTensor,
    output_gradient: &FlexTensor,
    stride: usize,
    padding: usize,
) -> FlexTensor {
    let [input, output_gradient] = [input, output_gradient].map(FlexTensor::to_contiguous);
    let extent = Extent::new(input.layout().shape(), weight.layout().shape(), stride, padding);
    let (images, gradient): (&[f32], &[f32]) = (input.storage(), output_gradient.storage());

    let firsts: Vec<usize> = (0..extent.batch).step_by(extent.group()).collect();
    let part = firsts.len().div_ceil(PARTS).max(1);
    let parts: Vec<Vec<f32>> = firsts
        .par_chunks(part)
        .map(|firsts| {
            let mut sum = vec![0.0; extent.outputs * extent.patch()];
            for tile in firsts.iter().flat_map(|first| extent.tiles(*first)) {
                let columns = extent.columns(&tile);
                let images = &images[tile.images.start * extent.image()..tile.images.end * extent.image()];
                with_scratch(&extent, &tile, |patches, outputs| {
                    unfold(&extent, &tile, images, patches);
                    let patches = Matrix::new(patches, extent.patch(), columns, columns);
                    let gradient = gradient_of(&extent, &tile, gradient, outputs);
                    multiply(gradient, patches.transposed(), &mut sum, extent.patch(), true);
                });
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; extent.outputs * extent.patch()];
    for part in &parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    tensor(total, [extent.outputs, extent.channels, extent.kernel, extent.kernel])
}

/// The gradient of a tile's outputs, `[outputs, columns]`: in place for one image, gathered in `room` for several.
fn gradient_of<'a>(extent: &Extent, tile: &Tile, gradient: &'a [f32], room: &'a mut [f32]) -> Matrix<'a> {
    let (columns, pixels) = (extent.columns(tile), extent.output_pixels());
    let gradient =
        &gradient[tile.images.start * extent.output_image()..tile.images.end * extent.output_image()];
    if tile.images.len() == 1 {
        let start = tile.rows.start * extent.output_width;
        return Matrix::new(&gradient[start..], extent.outputs, columns, pixels);
    }
    for (at, rows) in gradient.chunks_exact(pixels).enumerate() {
        let start = (at % extent.outputs) * columns + (at / extent.outputs) * pixels;
        room[start..start + pixels].copy_from_slice(rows);
    }
    Matrix::new(room, extent.outputs, columns, columns)
}

/// The groups of images in `values`, each with the number of its first image, for the threads.
fn groups_mut<'a>(
    extent: &Extent,
    values: &'a mut [f32],
    image: usize,
) -> impl ParallelIterator<Item = (usize, &'a mut [f32])> {
    let group = extent.group();
    values.par_chunks_mut((group * image).max(1)).enumerate().map(move |(at, values)| (at * group, values))
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

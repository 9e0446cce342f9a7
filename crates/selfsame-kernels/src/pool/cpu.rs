//! Pooling of `f32` tensors on the CPU, image by image, in loops over channels.

use std::ops::Range;

use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use pulp::{Arch, NullaryFnOnce};

use super::Windows;
use crate::buffer::in_parts;
use crate::flex::tensor;

/// The sizes of a pooling.
#[derive(Clone, Copy)]
struct Extent {
    windows: Windows,
    height: usize,
    width: usize,
    output_height: usize,
    output_width: usize,
    channels: usize,
}

impl Extent {
    /// Of an input `[batch, height, width, channels]`.
    fn new(shape: &Shape, windows: Windows) -> Self {
        let [height, width, channels] = [shape[1], shape[2], shape[3]];
        let output = |side: usize| (side + 2 * windows.padding - windows.kernel) / windows.stride + 1;
        let [output_height, output_width] = [output(height), output(width)];
        Self { windows, height, width, output_height, output_width, channels }
    }

    /// Values of an image of the input.
    fn image(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values of an image of the output.
    fn output_image(&self) -> usize {
        self.output_height * self.output_width * self.channels
    }

    /// Where the values of an image's pixels are that the window at this output row and column sees, row by row.
    fn pixels(self, row: usize, column: usize) -> impl Iterator<Item = Range<usize>> {
        let seen = |at: usize, side: usize| {
            let start = at * self.windows.stride;
            let inside = |at: usize| at.saturating_sub(self.windows.padding).min(side);
            inside(start)..inside(start + self.windows.kernel)
        };
        let columns = seen(column, self.width);
        seen(row, self.height).flat_map(move |row| {
            columns.clone().map(move |column| {
                let start = (row * self.width + column) * self.channels;
                start..start + self.channels
            })
        })
    }
}

pub fn max_pool(input: &FlexTensor, windows: Windows) -> FlexTensor {
    let input = input.to_contiguous();
    let shape = input.layout().shape();
    let (extent, batch) = (Extent::new(shape, windows), shape[0]);
    let images: &[f32] = input.storage();
    let output = in_parts(batch * extent.output_image(), extent.output_image(), |at, output| {
        let image = &images[at * extent.image()..(at + 1) * extent.image()];
        Arch::new().dispatch(Largest { extent, image, output });
    });
    tensor(output, Shape::new([batch, extent.output_height, extent.output_width, extent.channels]))
}

/// The largest values of an image's windows.
struct Largest<'a> {
    extent: Extent,
    image: &'a [f32],
    output: &'a mut [f32],
}

impl NullaryFnOnce for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (at, output) in self.output.chunks_exact_mut(self.extent.channels).enumerate() {
            let (row, column) = (at / self.extent.output_width, at % self.extent.output_width);
            output.fill(f32::NEG_INFINITY);
            for pixel in self.extent.pixels(row, column) {
                for (largest, &value) in output.iter_mut().zip(&self.image[pixel]) {
                    // Once it is NaN, no comparison changes it.
                    *largest = if value > *largest || value.is_nan() { value } else { *largest };
                }
            }
        }
    }
}

pub fn max_pool_backward(
    input: &FlexTensor,
    output: &FlexTensor,
    output_gradient: &FlexTensor,
    windows: Windows,
) -> FlexTensor {
    let [input, output, output_gradient] = [input, output, output_gradient].map(FlexTensor::to_contiguous);
    let shape = input.layout().shape().clone();
    let extent = Extent::new(&shape, windows);
    let [images, outputs, gradients]: [&[f32]; 3] =
        [input.storage(), output.storage(), output_gradient.storage()];
    let result = in_parts(images.len(), extent.image(), |at, result| {
        let image = &images[at * extent.image()..(at + 1) * extent.image()];
        let [output, gradients] = [outputs, gradients]
            .map(|all| &all[at * extent.output_image()..(at + 1) * extent.output_image()]);
        Arch::new().dispatch(ToLargest { extent, image, output, gradients, result });
    });
    tensor(result, shape)
}

/// Adds the gradient of every output to that of the first value that equals it.
struct ToLargest<'a> {
    extent: Extent,
    image: &'a [f32],
    output: &'a [f32],
    gradients: &'a [f32],
    result: &'a mut [f32],
}

impl NullaryFnOnce for ToLargest<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let channels = self.extent.channels;
        let mut left = vec![0.0; channels];
        let outputs = self.output.chunks_exact(channels).zip(self.gradients.chunks_exact(channels));
        for (at, (output, gradients)) in outputs.enumerate() {
            let (row, column) = (at / self.extent.output_width, at % self.extent.output_width);
            left.copy_from_slice(gradients);
            for pixel in self.extent.pixels(row, column) {
                let values = self.image[pixel.clone()].iter().zip(output);
                for ((left, result), (&value, &output)) in
                    left.iter_mut().zip(&mut self.result[pixel]).zip(values)
                {
                    let takes = value == output || value.is_nan();
                    *result += if takes { *left } else { 0.0 };
                    *left = if takes { 0.0 } else { *left };
                }
            }
        }
    }
}

pub fn mean_pool(input: &FlexTensor) -> FlexTensor {
    let input = input.to_contiguous();
    let shape = input.layout().shape();
    let [batch, pixels, channels] = [shape[0], shape[1] * shape[2], shape[3]];
    let images: &[f32] = input.storage();
    let output = in_parts(batch * channels, channels, |at, output| {
        let mut sums = vec![0.0; channels];
        let image = &images[at * pixels * channels..(at + 1) * pixels * channels];
        for pixel in image.chunks_exact(channels) {
            sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let means = sums.iter().map(|sum| (sum / pixels as f64) as f32);
        output.iter_mut().zip(means).for_each(|(output, mean)| *output = mean);
    });
    tensor(output, Shape::new([batch, channels]))
}

pub fn mean_pool_backward(output_gradient: &FlexTensor, shape: Shape) -> FlexTensor {
    let output_gradient = output_gradient.to_contiguous();
    let gradients: &[f32] = output_gradient.storage();
    let [pixels, channels] = [shape[1] * shape[2], shape[3]];
    let result = in_parts(shape.num_elements(), pixels * channels, |at, image| {
        let gradients = &gradients[at * channels..(at + 1) * channels];
        let share: Vec<f32> = gradients.iter().map(|gradient| gradient / pixels as f32).collect();
        image.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(&share));
    });
    tensor(result, shape)
}

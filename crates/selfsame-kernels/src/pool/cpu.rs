//! Pooling of `f32` tensors on the CPU, in loops over channels.

use std::ops::Range;

use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use pulp::{Arch, NullaryFnOnce};

use super::ClipWindows;
use crate::buffer::in_parts;
use crate::flex::tensor;

/// The sizes of a pooling; those of three axes are along frames, height and width.
#[derive(Clone, Copy)]
struct Extent {
    windows: ClipWindows,
    batch: usize,
    input: [usize; 3],
    output: [usize; 3],
    channels: usize,
}

impl Extent {
    /// Of an input `[batch, frames, height, width, channels]`, or without the axis of frames. Frames that are pooled for
    /// themselves count as clips, which leaves more for threads to share.
    fn new(shape: &Shape, windows: ClipWindows) -> Self {
        let axes = shape.num_dims() - 2;
        let frames = if axes == 3 { shape[1] } else { 1 };
        let [height, width, channels] = [shape[axes - 1], shape[axes], shape[axes + 1]];
        let (batch, frames) =
            if windows.is_within_frames() { (shape[0] * frames, 1) } else { (shape[0], frames) };
        let ClipWindows { kernel, stride, padding } = windows;
        let input = [frames, height, width];
        let output =
            [0, 1, 2].map(|axis| (input[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1);
        Self { windows, batch, input, output, channels }
    }

    /// Values of a clip of the input.
    fn clip(&self) -> usize {
        self.input.iter().product::<usize>() * self.channels
    }

    /// Values of a frame of the output.
    fn output_frame(&self) -> usize {
        self.output[1] * self.output[2] * self.channels
    }

    /// Where the values of a clip's pixels are that the window at this output frame, row and column sees, frame by frame and row by row.
    fn pixels(self, frame: usize, row: usize, column: usize) -> impl Iterator<Item = Range<usize>> {
        let seen = |axis: usize, at: usize| {
            let start = at * self.windows.stride[axis];
            let inside = |at: usize| at.saturating_sub(self.windows.padding[axis]).min(self.input[axis]);
            inside(start)..inside(start + self.windows.kernel[axis])
        };
        let (rows, columns) = (seen(1, row), seen(2, column));
        seen(0, frame).flat_map(move |frame| {
            let columns = columns.clone();
            rows.clone().flat_map(move |row| {
                columns.clone().map(move |column| {
                    let pixel = (frame * self.input[1] + row) * self.input[2] + column;
                    pixel * self.channels..(pixel + 1) * self.channels
                })
            })
        })
    }
}

pub fn max_pool(input: &FlexTensor, windows: ClipWindows) -> FlexTensor {
    let input = input.to_contiguous();
    let shape = input.layout().shape();
    let extent = Extent::new(shape, windows);
    let clips: &[f32] = input.storage();
    let frames = extent.output[0];
    let length = extent.batch * frames * extent.output_frame();
    let output = in_parts(length, extent.output_frame(), |at, output| {
        let (clip, frame) = (at / frames, at % frames);
        let clip = &clips[clip * extent.clip()..(clip + 1) * extent.clip()];
        Arch::new().dispatch(Largest { extent, clip, frame, output });
    });
    let [_, height, width] = extent.output;
    let shape = match shape.num_dims() {
        4 => Shape::new([shape[0], height, width, extent.channels]),
        _ => {
            let frames = if windows.is_within_frames() { shape[1] } else { frames };
            Shape::new([shape[0], frames, height, width, extent.channels])
        }
    };
    tensor(output, shape)
}

/// The largest values of a clip's windows, for one frame of the output.
struct Largest<'a> {
    extent: Extent,
    clip: &'a [f32],
    frame: usize,
    output: &'a mut [f32],
}

impl NullaryFnOnce for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let columns = self.extent.output[2];
        for (at, output) in self.output.chunks_exact_mut(self.extent.channels).enumerate() {
            output.fill(f32::NEG_INFINITY);
            for pixel in self.extent.pixels(self.frame, at / columns, at % columns) {
                for (largest, &value) in output.iter_mut().zip(&self.clip[pixel]) {
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
    windows: ClipWindows,
) -> FlexTensor {
    let [input, output, output_gradient] = [input, output, output_gradient].map(FlexTensor::to_contiguous);
    let shape = input.layout().shape().clone();
    let extent = Extent::new(&shape, windows);
    let [clips, outputs, gradients]: [&[f32]; 3] =
        [input.storage(), output.storage(), output_gradient.storage()];
    let output_clip = extent.output[0] * extent.output_frame();
    let result = in_parts(clips.len(), extent.clip(), |at, result| {
        let clip = &clips[at * extent.clip()..(at + 1) * extent.clip()];
        let [output, gradients] =
            [outputs, gradients].map(|all| &all[at * output_clip..(at + 1) * output_clip]);
        Arch::new().dispatch(ToLargest { extent, clip, output, gradients, result });
    });
    tensor(result, shape)
}

/// Adds the gradient of every output to that of the first value that equals it.
struct ToLargest<'a> {
    extent: Extent,
    clip: &'a [f32],
    output: &'a [f32],
    gradients: &'a [f32],
    result: &'a mut [f32],
}

impl NullaryFnOnce for ToLargest<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let channels = self.extent.channels;
        let [_, rows, columns] = self.extent.output;
        let mut left = vec![0.0; channels];
        let outputs = self.output.chunks_exact(channels).zip(self.gradients.chunks_exact(channels));
        for (at, (output, gradients)) in outputs.enumerate() {
            let (frame, row, column) = (at / columns / rows, at / columns % rows, at % columns);
            left.copy_from_slice(gradients);
            for pixel in self.extent.pixels(frame, row, column) {
                let values = self.clip[pixel.clone()].iter().zip(output);
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

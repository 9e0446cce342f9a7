//! RoIAlign of `f32` maps on the CPU, in loops over channels.

use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use pulp::{Arch, NullaryFnOnce};

use super::reading::Reading;
use crate::buffer::in_parts;
use crate::flex::tensor;

pub fn read(maps: &FlexTensor, reading: &Reading) -> FlexTensor {
    let maps = maps.to_contiguous();
    let channels = maps.layout().shape()[3];
    let cells: &[f32] = maps.storage();
    let output = in_parts(reading.outputs() * channels, channels, |at, output| {
        Arch::new().dispatch(Read { reading, cells, at, output });
    });
    tensor(output, Shape::new([reading.outputs(), channels]))
}

/// One output.
struct Read<'a> {
    reading: &'a Reading,
    cells: &'a [f32],
    at: usize,
    output: &'a mut [f32],
}

impl NullaryFnOnce for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (cell, weight) in self.reading.of(self.at) {
            add(self.output, row(self.cells, cell, self.output.len()), weight);
        }
    }
}

pub fn read_backward(output_gradient: &FlexTensor, reading: &Reading, shape: Shape) -> FlexTensor {
    let output_gradient = output_gradient.to_contiguous();
    let gradients: &[f32] = output_gradient.storage();
    let [cells, channels] = [shape[1] * shape[2], shape[3]];
    // Regions overlap, but not across images: every image by itself, its regions in order, whatever the number of threads.
    let result = in_parts(shape.num_elements(), cells * channels, |image, result| {
        Arch::new().dispatch(Spread { reading, gradients, image, channels, result });
    });
    tensor(result, shape)
}

/// The gradient of one map.
struct Spread<'a> {
    reading: &'a Reading,
    gradients: &'a [f32],
    image: usize,
    channels: usize,
    result: &'a mut [f32],
}

impl NullaryFnOnce for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (outputs, first) = self.reading.of_image(self.image);
        for &output in outputs {
            let gradient = row(self.gradients, output, self.channels);
            for (cell, weight) in self.reading.of(output) {
                let start = (cell - first) * self.channels;
                add(&mut self.result[start..start + self.channels], gradient, weight);
            }
        }
    }
}

#[inline(always)]
fn row(rows: &[f32], at: usize, length: usize) -> &[f32] {
    &rows[at * length..(at + 1) * length]
}

#[inline(always)]
fn add(sum: &mut [f32], row: &[f32], weight: f32) {
    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
}

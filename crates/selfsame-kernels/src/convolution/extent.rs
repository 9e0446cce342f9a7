//! The sizes of a convolution.

use super::Window;

/// The sizes of a convolution; those of three axes are along time, height and width.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub batch: usize,
    pub channels: usize,
    pub outputs: usize,
    pub input: [usize; 3],
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub padding: [usize; 3],
    pub output: [usize; 3],
}

impl Extent {
    /// Of an input `[batch, frames, height, width, channels]` and a weight `[outputs, channels, kernel_frames, kernel_height, kernel_width]`, or
    /// of both without the axis of frames.
    pub fn new(input: &[usize], weight: &[usize], window: Window) -> Self {
        let Window { stride, padding } = window;
        let (batch, channels, outputs) = (input[0], weight[1], weight[0]);
        let [input, kernel] = [&input[1..input.len() - 1], &weight[2..]].map(|axes| match *axes {
            [frames, height, width] => [frames, height, width],
            [height, width] => [1, height, width],
            _ => unreachable!("a convolution has two or three axes"),
        });
        let output = |axis: usize| (input[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1;
        let output = [0, 1, 2].map(output);
        Self { batch, channels, outputs, input, kernel, stride, padding, output }
    }

    /// Values of the weight of one channel and one output.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }
}

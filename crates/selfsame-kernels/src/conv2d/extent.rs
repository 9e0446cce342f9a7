//! The sizes of a convolution.

use super::Window;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub batch: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub output_height: usize,
    pub output_width: usize,
}

impl Extent {
    /// Of an input `[batch, height, width, channels]` and a weight `[outputs, channels, kernel, kernel]`.
    pub fn new(input: &[usize], weight: &[usize], Window { stride, padding }: Window) -> Self {
        let [batch, height, width, channels] = [input[0], input[1], input[2], input[3]];
        let (outputs, kernel) = (weight[0], weight[2]);
        let output = |side: usize| (side + 2 * padding - kernel) / stride + 1;
        let (output_height, output_width) = (output(height), output(width));
        Self { batch, channels, height, width, outputs, kernel, stride, padding, output_height, output_width }
    }

    pub fn input_shape(&self) -> [usize; 4] {
        [self.batch, self.height, self.width, self.channels]
    }

    pub fn weight_shape(&self) -> [usize; 4] {
        [self.outputs, self.channels, self.kernel, self.kernel]
    }

    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.output_height, self.output_width, self.outputs]
    }
}

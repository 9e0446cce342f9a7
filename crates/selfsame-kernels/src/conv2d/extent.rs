//! The sizes of a convolution, and how its work is cut into tiles.

use std::ops::Range;

use super::Window;

/// Output pixels that are handled at once: enough to keep the processor busy, few enough to stay in its cache.
const PIXELS: usize = 384;

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

/// Some output pixels of some images: whole images, or rows of one. They lie one after another in memory.
#[derive(Clone, Debug)]
pub struct Tile {
    pub images: Range<usize>,
    pub rows: Range<usize>,
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

    /// Values of one image of the input.
    pub fn image(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values of one patch.
    pub fn patch(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    /// Images that are handled together by one thread.
    pub fn group(&self) -> usize {
        (PIXELS / (self.output_height * self.output_width).max(1)).max(1)
    }

    /// The tiles of the images from `first` on, of which there are at most a group.
    pub fn tiles(&self, first: usize) -> Vec<Tile> {
        let images = first..(first + self.group()).min(self.batch);
        if images.len() > 1 || self.output_height * self.output_width <= PIXELS {
            return vec![Tile { images, rows: 0..self.output_height }];
        }
        let step = (PIXELS / self.output_width).max(1);
        let rows = (0..self.output_height).step_by(step);
        rows.map(|row| Tile { images: images.clone(), rows: row..(row + step).min(self.output_height) })
            .collect()
    }

    /// Output pixels of a tile.
    pub fn pixels(&self, tile: &Tile) -> Range<usize> {
        let first = (tile.images.start * self.output_height + tile.rows.start) * self.output_width;
        first..first + tile.images.len() * tile.rows.len() * self.output_width
    }
}

//! Maps of whole pictures, at any proportions: what dense protocols look at.

use burn::tensor::{Device, Tensor, TensorData};
use selfsame_core::host::values;
use selfsame_core::{Error, Result};

use crate::picture::Picture;
use crate::view::Crop;
use crate::view::normalize::normalize;
use crate::view::resample::{Interpolation, ResampleScratch, Source, resample};

/// Pixels that go through the network at once.
const BATCH: usize = 1 << 20;

/// A frozen backbone, seen as what makes maps of pictures.
pub struct DenseEncoder<'a> {
    /// Images `[batch, 3, height, width]` to maps `[batch, features, rows, columns]`.
    pub represent_map: &'a dyn Fn(Tensor<4>) -> Tensor<4>,
    /// Where the network is; without gradients.
    pub device: Device,
    /// How pictures are shown to it.
    pub scaling: Scaling,
}

/// How whole pictures are shown to a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// Side in pixels of the square that becomes one cell of the map.
    pub reduction: usize,
    /// Subtracted from red, green and blue in 0..1.
    pub mean: [f32; 3],
    /// Divides red, green and blue thereafter.
    pub std: [f32; 3],
}

/// The map of one picture.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// Rows of cells.
    pub rows: usize,
    /// Cells in a row.
    pub columns: usize,
    /// `[rows, columns, features]`.
    pub cells: Vec<f32>,
}

/// A picture as the network takes it.
pub(super) struct Scaled {
    /// Height and width.
    pub size: [usize; 2],
    /// `[3, height, width]`, normalised.
    pub pixels: Vec<f32>,
}

impl Scaling {
    /// Height and width that a picture is scaled to: its shorter side to `side`, its proportions kept, both rounded to whole cells.
    pub fn size_of(&self, height: usize, width: usize, side: usize) -> [usize; 2] {
        let shorter = height.min(width).max(1) as f64;
        [height, width].map(|length| {
            let scaled = length as f64 * side as f64 / shorter;
            ((scaled / self.reduction as f64).round() as usize).max(1) * self.reduction
        })
    }

    /// Whether pictures whose shorter side is `side` have maps with places in them.
    ///
    /// # Errors
    /// When they have a single row or column of cells.
    pub fn check_side(&self, side: usize) -> Result<()> {
        if self.size_of(side, side, side)[0] / self.reduction.max(1) > 1 {
            return Ok(());
        }
        let (what, help) = too_small(side, self.reduction);
        Err(Error::config(what, help))
    }

    /// The whole picture at this height and width.
    pub(super) fn scale(&self, picture: &Picture, [height, width]: [usize; 2]) -> Scaled {
        let mut pixels = vec![0.0; 3 * height * width];
        let source: Source<'_, u8> = picture.into();
        let whole = Crop::whole(picture.width, picture.height);
        let filter = Interpolation::Bilinear;
        let mut scratch = ResampleScratch::default();
        resample(source, &whole, [width, height], false, filter, 1.0 / 255.0, &mut scratch, &mut pixels);
        normalize(&mut pixels, self.mean, self.std);
        Scaled { size: [height, width], pixels }
    }
}

impl DenseEncoder<'_> {
    /// The maps of some pictures, in their order, after `then` (maps `[batch, rows, columns, features]` to maps of these cells). Pictures
    /// of one size go through the network together.
    pub(super) fn maps(
        &self,
        pictures: &[Scaled],
        then: &dyn Fn(Tensor<4>) -> Tensor<4>,
    ) -> Result<Vec<Map>> {
        let mut maps: Vec<Option<Map>> = vec![None; pictures.len()];
        let mut left: Vec<usize> = (0..pictures.len()).collect();
        while let Some(&first) = left.first() {
            let size = pictures[first].size;
            let fits = (BATCH / (size[0] * size[1]).max(1)).max(1);
            let batch: Vec<usize> =
                left.iter().copied().filter(|&place| pictures[place].size == size).take(fits).collect();
            left.retain(|place| !batch.contains(place));
            let pixels: Vec<f32> = batch.iter().flat_map(|&place| &pictures[place].pixels).copied().collect();
            let shape = [batch.len(), 3, size[0], size[1]];
            let images = Tensor::from_data(TensorData::new(pixels, shape), &self.device);
            let cells = then((self.represent_map)(images).permute([0, 2, 3, 1]));
            let [_, rows, columns, features] = cells.dims();
            let cells = values(cells)?;
            for (place, cells) in batch.into_iter().zip(cells.chunks_exact(rows * columns * features)) {
                maps[place] = Some(Map { rows, columns, cells: cells.to_vec() });
            }
        }
        Ok(maps.into_iter().flatten().collect())
    }
}

/// What is wrong with images of this size, and what to do.
pub(super) fn too_small(side: usize, reduction: usize) -> (String, String) {
    let what = format!(
        "at {side} pixels a map has one cell, in which no place can be told: this network makes one cell of {reduction}×{reduction} pixels"
    );
    let help = format!(
        "choose --image-size {} or more; networks with the `cifar` stem (backbone.stem) have finer maps",
        2 * reduction
    );
    (what, help)
}

/// Where points along an axis of `points` lie between the centres of `cells` along the same axis: both cover it evenly, and beyond
/// the first and the last centre the value stays.
pub(super) struct Axis {
    /// The cell before, the cell after, and the weight of the latter.
    taps: Vec<(usize, usize, f32)>,
}

impl Axis {
    pub fn new(points: usize, cells: usize) -> Self {
        let last = cells.saturating_sub(1);
        let tap = |point: usize| {
            let place = (point as f64 + 0.5) * cells as f64 / points as f64 - 0.5;
            let place = place.clamp(0.0, last as f64);
            let before = (place as usize).min(last);
            (before, (before + 1).min(last), (place - before as f64) as f32)
        };
        Self { taps: (0..points).map(tap).collect() }
    }
}

impl Map {
    /// Numbers in a cell.
    pub fn features(&self) -> usize {
        self.cells.len() / (self.rows * self.columns).max(1)
    }

    /// The value, bilinearly between cells, at one point of a picture.
    pub fn at(&self, (vertical, y): (&Axis, usize), (horizontal, x): (&Axis, usize)) -> Vec<f32> {
        let features = self.features();
        let (top, bottom, down) = vertical.taps[y];
        let (left, right, across) = horizontal.taps[x];
        let cell =
            |row: usize, column: usize| &self.cells[(row * self.columns + column) * features..][..features];
        let corners = [cell(top, left), cell(top, right), cell(bottom, left), cell(bottom, right)];
        let blend = |a: f32, b: f32, share: f32| a + (b - a) * share;
        (0..features)
            .map(|i| {
                let [a, b, c, d] = corners.map(|corner| corner[i]);
                blend(blend(a, c, down), blend(b, d, down), across)
            })
            .collect()
    }

    /// The feature with the highest value, bilinearly between cells, for every pixel of a picture of this size; of equal ones the first.
    pub fn highest(&self, height: usize, width: usize) -> Vec<u8> {
        let features = self.features();
        let (vertical, horizontal) = (Axis::new(height, self.rows), Axis::new(width, self.columns));
        let length = self.columns * features;
        let mut line = vec![0.0_f32; length];
        let mut found = Vec::with_capacity(height * width);
        for &(top, bottom, down) in &vertical.taps {
            let (above, below) =
                (&self.cells[top * length..][..length], &self.cells[bottom * length..][..length]);
            for ((value, a), b) in line.iter_mut().zip(above).zip(below) {
                *value = a + (b - a) * down;
            }
            for &(left, right, across) in &horizontal.taps {
                let (before, after) =
                    (&line[left * features..][..features], &line[right * features..][..features]);
                let (mut best, mut highest) = (0, f32::NEG_INFINITY);
                for (class, (a, b)) in before.iter().zip(after).enumerate() {
                    let value = a + (b - a) * across;
                    if value > highest {
                        (best, highest) = (class as u8, value);
                    }
                }
                found.push(best);
            }
        }
        found
    }
}

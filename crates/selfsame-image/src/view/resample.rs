//! Crop and antialiased resize in one: what torchvision's `resized_crop(antialias=True)` and Pillow's `resize` do.
//!
//! The filters are Pillow's: a triangle (bilinear) or Keys' cubic with a = −0.5 (bicubic), stretched when shrinking so
//! that every source pixel counts. Only pixels whose centre lies in the crop take part, as if it had been cut out
//! first; for crops on whole pixels this equals torchvision on float tensors to 1e-5 (golden `image_ops`).

use pulp::{Arch, NullaryFnOnce};
use serde::{Deserialize, Serialize};

use super::geometry::Crop;
use super::simd::planes;
use crate::picture::Picture;

/// The filter of a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// Triangle filter.
    Bilinear,
    /// Keys' cubic filter with a = −0.5. Overshoots at edges, so results can leave the range of the source.
    Bicubic,
}

impl Interpolation {
    /// Half the filter's width, in source pixels when enlarging and in output pixels when shrinking.
    fn radius(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Self::Bicubic => 0.0,
        }
    }
}

/// A picture to read from: interleaved samples `[height, width, channels]` of bytes or floats, RGB unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a, T, const CHANNELS: usize = 3> {
    /// `[height, width, channels]`.
    pub samples: &'a [T],
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

impl<'a> From<&'a Picture> for Source<'a, u8> {
    fn from(picture: &'a Picture) -> Self {
        Self { samples: &picture.pixels, width: picture.width, height: picture.height }
    }
}

/// Buffers of [`resample`], reused from call to call.
#[derive(Debug, Default)]
pub struct ResampleScratch {
    columns: Taps,
    rows: Taps,
    line: Vec<f32>,
}

/// Cuts `crop` out of `source` and resizes it to `width` × `height`, mirrored left to right when `flipped`.
///
/// Samples are multiplied by `unit` (1/255 brings bytes to 0..1). `out` is planar, `[channels, height, width]`. The crop is in
/// pixels of `source` and may be fractional; what lies outside the source is ignored.
#[allow(clippy::too_many_arguments)]
pub fn resample<T: Copy + Into<f32>, const CHANNELS: usize>(
    source: Source<'_, T, CHANNELS>,
    crop: &Crop,
    [width, height]: [usize; 2],
    flipped: bool,
    filter: Interpolation,
    unit: f32,
    scratch: &mut ResampleScratch,
    out: &mut [f32],
) {
    let ResampleScratch { columns, rows, line } = scratch;
    columns.fill([crop.left, crop.width], source.width, width, filter, 1.0);
    rows.fill([crop.top, crop.height], source.height, height, filter, unit);
    if flipped {
        columns.spans.reverse();
    }
    line.resize((columns.bounds[1] - columns.bounds[0]) * CHANNELS, 0.0);
    Arch::new().dispatch(Resample { source, columns, rows, line, planes: planes(out) });
}

/// The arguments of [`resample`], for the instruction set that is found at run time.
struct Resample<'a, T, const CHANNELS: usize> {
    source: Source<'a, T, CHANNELS>,
    columns: &'a Taps,
    rows: &'a Taps,
    /// One row of the crop, interleaved.
    line: &'a mut [f32],
    planes: [&'a mut [f32]; CHANNELS],
}

impl<T: Copy + Into<f32>, const CHANNELS: usize> NullaryFnOnce for Resample<'_, T, CHANNELS> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { source, columns, rows, line, mut planes } = self;
        let width = columns.spans.len();
        for (y, row) in rows.spans.iter().enumerate() {
            blend_rows(source, columns.bounds, row.first, rows.weights(row), line);
            let start = y * width;
            let rows = planes.each_mut().map(|plane| &mut plane[start..start + width]);
            blend_columns(line, columns, rows);
        }
    }
}

/// One output row before its columns are blended: the weighted sum of the source's rows, only as wide as the crop.
#[inline(always)]
fn blend_rows<T: Copy + Into<f32>, const CHANNELS: usize>(
    source: Source<'_, T, CHANNELS>,
    [left, right]: [usize; 2],
    first: usize,
    weights: &[f32],
    line: &mut [f32],
) {
    let Some((&weight, others)) = weights.split_first() else { return };
    let start = first * source.width;
    let samples = &source.samples[(start + left) * CHANNELS..(start + right) * CHANNELS];
    for (sum, &sample) in line.iter_mut().zip(samples) {
        *sum = weight * sample.into();
    }
    for (row, &weight) in (first + 1..).zip(others) {
        let start = row * source.width;
        let samples = &source.samples[(start + left) * CHANNELS..(start + right) * CHANNELS];
        for (sum, &sample) in line.iter_mut().zip(samples) {
            *sum += weight * sample.into();
        }
    }
}

/// Blends the columns of one interleaved line into a line of each plane.
#[inline(always)]
fn blend_columns<const CHANNELS: usize>(line: &[f32], columns: &Taps, mut planes: [&mut [f32]; CHANNELS]) {
    let (pixels, _) = line.as_chunks::<CHANNELS>();
    for (x, span) in columns.spans.iter().enumerate() {
        let first = span.first - columns.bounds[0];
        let mut sums = [0.0; CHANNELS];
        for (pixel, weight) in pixels[first..first + span.count].iter().zip(columns.weights(span)) {
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum += weight * sample;
            }
        }
        for (plane, sum) in planes.iter_mut().zip(sums) {
            plane[x] = sum;
        }
    }
}

/// The source pixels that one output pixel is made of, along one axis.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    count: usize,
    /// Where the weights start in [`Taps::weights`].
    offset: usize,
}

/// The spans and weights of all output pixels along one axis.
#[derive(Debug, Default)]
struct Taps {
    spans: Vec<Span>,
    weights: Vec<f32>,
    /// First source pixel of the crop and the one after its last.
    bounds: [usize; 2],
}

impl Taps {
    #[inline(always)]
    fn weights(&self, span: &Span) -> &[f32] {
        &self.weights[span.offset..span.offset + span.count]
    }

    /// Computes the taps that resize the interval (start, length) of an axis of `size` pixels to `outputs` pixels.
    fn fill(
        &mut self,
        [start, length]: [f32; 2],
        size: usize,
        outputs: usize,
        filter: Interpolation,
        unit: f32,
    ) {
        let (start, length) = (f64::from(start), f64::from(length));
        let low = ((start - 0.5).ceil().max(0.0) as usize).min(size - 1);
        let high = ((start + length + 0.5).ceil() as usize).saturating_sub(1).clamp(low + 1, size);
        let scale = length / outputs as f64;
        let stretch = scale.max(1.0);
        let support = filter.radius() * stretch;
        self.bounds = [low, high];
        self.spans.clear();
        self.weights.clear();
        for output in 0..outputs {
            let centre = start + (output as f64 + 0.5) * scale;
            let mut first = ((centre - support + 0.5).max(0.0) as usize).clamp(low, high - 1);
            let mut last = ((centre + support + 0.5).max(0.0) as usize).clamp(first + 1, high);
            let weight = |pixel: usize| filter.weight((pixel as f64 + 0.5 - centre) / stretch);
            let total: f64 = (first..last).map(weight).sum();
            let offset = self.weights.len();
            if total > 1e-6 {
                let normalise = f64::from(unit) / total;
                self.weights.extend((first..last).map(|pixel| (weight(pixel) * normalise) as f32));
            } else {
                // No pixel's centre in the crop is near enough to count: the nearest stands for it.
                first = (centre.max(0.0) as usize).clamp(low, high - 1);
                last = first + 1;
                self.weights.push(unit);
            }
            self.spans.push(Span { first, count: last - first, offset });
        }
    }
}

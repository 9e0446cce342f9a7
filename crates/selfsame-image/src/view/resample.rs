//! Crop and antialiased resize in one: what torchvision's `resized_crop(antialias=True)` and Pillow's `resize` do.
//!
//! The filters are Pillow's: a triangle (bilinear) or Keys' cubic with a = −0.5 (bicubic), stretched when shrinking so
//! that every source pixel counts. Only pixels whose centre lies in the crop take part, as if it had been cut out
//! first; for crops on whole pixels this equals torchvision on float tensors to 1e-5 (golden `image_ops`).

use pulp::Arch;
use serde::{Deserialize, Serialize};

use super::geometry::Crop;

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

/// A picture to read from: RGB interleaved samples `[height, width, 3]` of bytes or floats.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a, T> {
    /// `[height, width, 3]`.
    pub samples: &'a [T],
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
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
/// Samples are multiplied by `unit` (1/255 brings bytes to 0..1). `out` is planar, `[3, height, width]`. The crop is in
/// pixels of `source` and may be fractional; what lies outside the source is ignored.
#[allow(clippy::too_many_arguments)]
pub fn resample<T: Copy + Into<f32>>(
    source: Source<'_, T>,
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
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (y, row) in rows.spans.iter().enumerate() {
                blend_rows(source, columns.bounds, row, rows.weights(row), line);
                let [red, green, blue] = planes(out);
                let line_of = y * width..(y + 1) * width;
                blend_columns(
                    line,
                    columns,
                    [&mut red[line_of.clone()], &mut green[line_of.clone()], &mut blue[line_of]],
                );
            }
        },
    );
}

/// Splits planar pixels `[3, height, width]` into their three planes.
pub(super) fn planes(pixels: &mut [f32]) -> [&mut [f32]; 3] {
    let plane = pixels.len() / 3;
    let (red, rest) = pixels.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    [red, green, blue]
}

/// One output row before its columns are blended: the weighted sum of the source's rows, only as wide as the crop.
#[inline(always)]
fn blend_rows<T: Copy + Into<f32>>(
    source: Source<'_, T>,
    [first, last]: [usize; 2],
    span: &Span,
    weights: &[f32],
    line: &mut Vec<f32>,
) {
    line.clear();
    // One sample more than the pixels have, because columns are blended in fours (red, green, blue, ignored).
    line.resize((last - first) * 3 + 1, 0.0);
    for (row, &weight) in (span.first..).zip(weights) {
        let start = row * source.width;
        let samples = &source.samples[(start + first) * 3..(start + last) * 3];
        for (sum, &sample) in line.iter_mut().zip(samples) {
            *sum += weight * sample.into();
        }
    }
}

/// Blends the columns of one interleaved line into one line of each plane.
#[inline(always)]
fn blend_columns(line: &[f32], columns: &Taps, [red, green, blue]: [&mut [f32]; 3]) {
    let first_column = columns.bounds[0];
    for (((span, red), green), blue) in columns.spans.iter().zip(red).zip(green).zip(blue) {
        let mut sum = [0.0f32; 4];
        let samples = &line[(span.first - first_column) * 3..];
        for (pixel, &weight) in columns.weights(span).iter().enumerate() {
            let pixel = &samples[pixel * 3..pixel * 3 + 4];
            for channel in 0..4 {
                sum[channel] += weight * pixel[channel];
            }
        }
        [*red, *green, *blue] = [sum[0], sum[1], sum[2]];
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
            // A crop narrower than a pixel can have its centre outside of the pixel that stands for it.
            let first = ((centre - support + 0.5).max(0.0) as usize).clamp(low, high - 1);
            let last = ((centre + support + 0.5).max(0.0) as usize).clamp(first + 1, high);
            let offset = self.weights.len();
            let weight = |pixel: usize| filter.weight((pixel as f64 + 0.5 - centre) / stretch);
            let total: f64 = (first..last).map(weight).sum();
            if total.abs() > 1e-6 {
                let normalise = f64::from(unit) / total;
                self.weights.extend((first..last).map(|pixel| (weight(pixel) * normalise) as f32));
            } else {
                self.weights.extend((first..last).map(|_| unit / (last - first) as f32));
            }
            self.spans.push(Span { first, count: last - first, offset });
        }
    }
}

//! Resizing frames: each pixel is the mean of the area of the source that it covers, as Atari's preprocessing is defined.

use super::Pixels;

/// What each row or column of the result takes from those of the source.
#[derive(Clone, Debug)]
struct Covers {
    /// The first that each takes from.
    first: Vec<usize>,
    /// The weights of it and of those that follow, as many for each as `taps`.
    weights: Vec<f32>,
    taps: usize,
}

/// Resizes frames of one size to another.
#[derive(Clone, Debug)]
pub(super) struct AreaResize {
    from: Pixels,
    to: Pixels,
    rows: Covers,
    columns: Covers,
}

impl AreaResize {
    /// From frames `[height, width, channels]` to frames of as many channels and this height and width.
    pub fn new(from: Pixels, height: usize, width: usize) -> Self {
        let to = Pixels { height, width, ..from };
        Self { from, to, rows: Covers::new(from.height, height), columns: Covers::new(from.width, width) }
    }

    /// The size of its results.
    pub fn pixels(&self) -> Pixels {
        self.to
    }

    /// The frame `[channels, height, width]` of a source `[height, width, channels]`.
    pub fn resize(&self, source: &[u8]) -> Vec<u8> {
        let Pixels { channels, width, .. } = self.from;
        let mut frame = vec![0; self.to.bytes()];
        if self.from == self.to {
            for (at, &value) in source.iter().enumerate() {
                frame[at % channels * (source.len() / channels) + at / channels] = value;
            }
            return frame;
        }
        let stride = width * channels;
        let mut line = vec![0.0f32; stride];
        for row in 0..self.to.height {
            line.fill(0.0);
            let (first, weights) = self.rows.of(row);
            for (weight, source) in weights.iter().zip(source[first * stride..].chunks_exact(stride)) {
                line.iter_mut().zip(source).for_each(|(sum, &value)| *sum += weight * f32::from(value));
            }
            for channel in 0..channels {
                let start = (channel * self.to.height + row) * self.to.width;
                for (column, pixel) in frame[start..start + self.to.width].iter_mut().enumerate() {
                    let (first, weights) = self.columns.of(column);
                    let values = &line[first * channels + channel..];
                    let sum = (0..weights.len()).map(|tap| weights[tap] * values[tap * channels]).sum();
                    *pixel = rounded(sum);
                }
            }
        }
        frame
    }
}

impl Covers {
    /// Those of `to` equal parts of a line of `from` equal parts.
    fn new(from: usize, to: usize) -> Self {
        // In units of 1 / (from · to) of the line everything is whole. A part may begin within one of the source and end within another.
        let taps = (from.div_ceil(to) + 1).min(from);
        let mut covers = Self { first: Vec::with_capacity(to), weights: Vec::with_capacity(to * taps), taps };
        for part in 0..to {
            let (start, end) = (part * from, (part + 1) * from);
            let first = (start / to).min(from - taps);
            let overlap = |source: usize| end.min((source + 1) * to).saturating_sub(start.max(source * to));
            covers.first.push(first);
            covers.weights.extend((first..first + taps).map(|source| overlap(source) as f32 / from as f32));
        }
        covers
    }

    fn of(&self, part: usize) -> (usize, &[f32]) {
        (self.first[part], &self.weights[part * self.taps..][..self.taps])
    }
}

/// The nearest whole number of one in `0..=255`, the even one of two: added to 2²³, whose neighbours are 1 apart, it stands in the last bits.
fn rounded(value: f32) -> u8 {
    (value + 8_388_608.0).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each source pixel cut into `height · width` tiny ones, and these averaged.
    fn slow(source: &[u8], from: Pixels, height: usize, width: usize) -> Vec<f64> {
        let mut means = Vec::new();
        for channel in 0..from.channels {
            for row in 0..height {
                for column in 0..width {
                    let mut sum = 0.0;
                    for y in row * from.height..(row + 1) * from.height {
                        for x in column * from.width..(column + 1) * from.width {
                            let pixel = (y / height) * from.width + x / width;
                            sum += f64::from(source[pixel * from.channels + channel]);
                        }
                    }
                    means.push(sum / (from.height * from.width) as f64);
                }
            }
        }
        means
    }

    #[test]
    fn every_pixel_is_the_mean_of_what_it_covers() {
        let mut random = selfsame_core::Random::new(1);
        for (channels, from, to) in
            [(1, (21, 16), (8, 8)), (3, (9, 7), (4, 5)), (2, (4, 4), (7, 3)), (3, (5, 6), (5, 6))]
        {
            let from = Pixels { channels, height: from.0, width: from.1 };
            let source: Vec<u8> = (0..from.bytes()).map(|_| random.below(256) as u8).collect();
            let found = AreaResize::new(from, to.0, to.1).resize(&source);
            let expected = slow(&source, from, to.0, to.1);
            assert_eq!(found.len(), expected.len());
            for (value, mean) in found.iter().zip(expected) {
                assert!((f64::from(*value) - mean).abs() <= 0.5 + 1e-4, "{value} is not {mean}");
            }
        }
    }
}

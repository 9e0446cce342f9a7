//! Resizing frames: each pixel is the mean of the area of the source that it covers, as Atari's preprocessing is defined.

use super::Pixels;

/// What a row or column of the result takes from the source: the first index, and a weight for it and each that follows.
type Cover = (usize, Vec<f32>);

/// Resizes frames of one size to another.
#[derive(Clone, Debug)]
pub(super) struct AreaResize {
    from: Pixels,
    to: Pixels,
    rows: Vec<Cover>,
    columns: Vec<Cover>,
}

impl AreaResize {
    /// From frames `[height, width, channels]` to frames of as many channels and this height and width.
    pub fn new(from: Pixels, height: usize, width: usize) -> Self {
        let to = Pixels { height, width, ..from };
        Self { from, to, rows: covers(from.height, height), columns: covers(from.width, width) }
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
        let mut line = vec![0.0f32; width * channels];
        for (row, (first, weights)) in self.rows.iter().enumerate() {
            line.fill(0.0);
            for (weight, source) in weights.iter().zip(source.chunks_exact(line.len()).skip(*first)) {
                line.iter_mut().zip(source).for_each(|(sum, &value)| *sum += weight * f32::from(value));
            }
            for channel in 0..channels {
                let start = (channel * self.to.height + row) * self.to.width;
                for (pixel, (first, weights)) in frame[start..].iter_mut().zip(&self.columns) {
                    let values = line.iter().skip(first * channels + channel).step_by(channels);
                    let mean: f32 = weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
                    *pixel = mean.round_ties_even() as u8;
                }
            }
        }
        frame
    }
}

/// For each of `to` equal parts of a line, which of `from` equal parts it covers, and how much of it is each.
fn covers(from: usize, to: usize) -> Vec<Cover> {
    // In units of 1 / (from · to) of the line everything is whole.
    let part = |index: usize| {
        let (start, end) = (index * from, (index + 1) * from);
        let (first, last) = (start / to, end.div_ceil(to));
        let weight =
            |source: usize| (end.min((source + 1) * to) - start.max(source * to)) as f32 / from as f32;
        (first, (first..last).map(weight).collect())
    };
    (0..to).map(part).collect()
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

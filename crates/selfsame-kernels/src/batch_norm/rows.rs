//! A channels-last batch as rows of channels, and how its work is cut into parts.
//!
//! An input `[…, channels]` is one run of pixels with `channels` neighbouring values each. Few channels would make
//! short loops, so several pixels are taken as one row: its width is a multiple of the channels and of the [`LANES`] of the
//! loops. Sums run down the columns of such rows in `f64`. The work is cut into parts of a
//! size that depends on the shape alone, and the parts' sums are added in their order: every bit of a result is the
//! same for any number of threads.

use burn::tensor::Shape;
use rayon::prelude::*;

/// The most values of a vector; the width of a row is a multiple of them.
pub const LANES: usize = 16;
/// Values of a row, at least.
const WIDTH: usize = 64;
/// Values of a part: worth a task, and as small as keeps threads busy until the end.
const PART: usize = 1 << 15;
/// Values that are handled at a time and stay in the first-level cache meanwhile.
const CHUNK: usize = 1 << 11;
/// Rows that are added up in `f32` before they are added in `f64`; chunks have a multiple of them.
pub const ROWS: usize = 8;

/// The size of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    pixels: usize,
    pub channels: usize,
}

impl Rows {
    /// Of a tensor `[…, channels]`.
    pub fn of(shape: &Shape) -> Self {
        let channels = shape.iter().last().copied().unwrap_or(1);
        let pixels = shape.iter().rev().skip(1).product();
        Self { pixels, channels }
    }

    /// Elements per channel.
    pub fn count(self) -> usize {
        self.pixels
    }

    /// Values of a row.
    pub fn width(self) -> usize {
        let channels = self.channels.max(1);
        let aligned = channels * (LANES >> channels.trailing_zeros().min(LANES.trailing_zeros()));
        aligned * WIDTH.div_ceil(aligned)
    }

    /// Values of a part.
    pub fn part(self) -> usize {
        self.chunk() * PART.div_ceil(self.chunk())
    }

    /// Values of a chunk; parts are whole chunks, but for the last of all.
    pub fn chunk(self) -> usize {
        let rows = ROWS * self.width();
        rows * (CHUNK / rows).max(1)
    }

    /// From one coefficient for every channel to one for every column.
    pub fn columns(self, channels: &[f32]) -> Vec<f32> {
        match channels {
            // Nothing to compute, but the columns are whole vectors all the same.
            [] => vec![0.0; self.width()],
            channels => channels.iter().copied().cycle().take(self.width()).collect(),
        }
    }

    /// The numbers of the parts.
    pub fn parts(self) -> impl IndexedParallelIterator<Item = usize> {
        (0..(self.pixels * self.channels).div_ceil(self.part())).into_par_iter()
    }

    /// The parts of `values`, with their numbers.
    pub fn parts_mut(self, values: &mut [f32]) -> impl IndexedParallelIterator<Item = (usize, &mut [f32])> {
        values.par_chunks_mut(self.part()).enumerate()
    }

    /// The sums that `work` takes of all parts: two for every channel, all first ones before all second ones. `work` adds to the
    /// sums of the columns.
    pub fn sums<T: Send>(
        self,
        parts: impl IndexedParallelIterator<Item = T>,
        work: impl Fn(T, [&mut [f64]; 2]) + Sync + Send,
    ) -> Vec<f64> {
        let of_part = |part| {
            let mut columns = vec![0.0; 2 * self.width()];
            let (first, second) = columns.split_at_mut(self.width());
            work(part, [first, second]);
            self.fold(&columns)
        };
        let parts: Vec<Vec<f64>> = parts.map(of_part).collect();
        let mut totals = vec![0.0; 2 * self.channels];
        for part in &parts {
            totals.iter_mut().zip(part).for_each(|(total, sum)| *total += sum);
        }
        totals
    }

    /// From sums of columns to sums of channels.
    fn fold(self, columns: &[f64]) -> Vec<f64> {
        let of_row = |row: &[f64]| {
            let mut sums = vec![0.0; self.channels];
            for pixel in row.chunks_exact(self.channels.max(1)) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
            }
            sums
        };
        columns.chunks_exact(self.width()).flat_map(of_row).collect()
    }
}

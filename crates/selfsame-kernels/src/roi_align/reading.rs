//! What RoIAlign reads where: a sparse matrix.

use super::{Region, RoiAlign};

/// Every output (a bin of a region) as a weighted sum of cells. A sample's weight is a product of one for its row and one for its column, and so
/// is a sum over a grid of samples: however many samples there are, a cell is read once.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Rows times columns of a map.
    map: usize,
    /// Where every output's cells begin, and where the last one's end.
    starts: Vec<usize>,
    /// Numbers of cells in the whole batch.
    cells: Vec<usize>,
    weights: Vec<f32>,
    /// The outputs of every image.
    outputs_of: Vec<Vec<usize>>,
}

impl Reading {
    /// Of regions of `batch` maps of `height` × `width` cells.
    pub fn new(regions: &[Region], how: RoiAlign, [batch, height, width]: [usize; 3]) -> Self {
        let map = height * width;
        let (mut starts, mut cells, mut weights) = (vec![0], Vec::new(), Vec::new());
        let mut outputs_of = vec![Vec::new(); batch];
        for region in regions {
            let rows = bins(region.top, region.bottom, height, how);
            let columns = bins(region.left, region.right, width, how);
            for row in &rows {
                for column in &columns {
                    for &(y, of_row) in row {
                        for &(x, of_column) in column {
                            cells.push(region.image * map + y * width + x);
                            weights.push((of_row * of_column) as f32);
                        }
                    }
                    outputs_of[region.image].push(starts.len() - 1);
                    starts.push(cells.len());
                }
            }
        }
        Self { map, starts, cells, weights, outputs_of }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.starts.len() - 1
    }

    /// The cells that an output reads, by their numbers in the whole batch, and their weights.
    #[inline(always)]
    pub fn of(&self, output: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.starts[output]..self.starts[output + 1];
        self.cells[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }

    /// The outputs that read this image, in order, and the number of its first cell.
    pub fn of_image(&self, image: usize) -> (&[usize], usize) {
        (&self.outputs_of[image], image * self.map)
    }

    /// All cells that are read, their weights, and the outputs that read them.
    pub fn entries(&self) -> (&[usize], &[f32], Vec<usize>) {
        let outputs = self.starts.windows(2).enumerate();
        let outputs = outputs.flat_map(|(output, range)| std::iter::repeat_n(output, range[1] - range[0]));
        (&self.cells, &self.weights, outputs.collect())
    }
}

/// The cells in one direction that each bin between `low` and `high` reads, and their weights.
fn bins(low: f32, high: f32, cells: usize, how: RoiAlign) -> Vec<Vec<(usize, f64)>> {
    let offset = if how.aligned { 0.5 } else { 0.0 };
    let (start, end) = (low * how.scale - offset, high * how.scale - offset);
    let length = if how.aligned { end - start } else { (end - start).max(1.0) };
    let bin = length / how.output as f32;
    // Of an empty or negative length: none.
    let samples = if how.sampling > 0 { how.sampling } else { bin.ceil() as usize };
    let mut weights = vec![0.0; cells];
    let of_bin = |at: usize| {
        weights.fill(0.0);
        for sample in 0..samples {
            let place = start + at as f32 * bin + (sample as f32 + 0.5) * bin / samples as f32;
            if cells == 0 || place < -1.0 || place > cells as f32 {
                continue;
            }
            let cell = (place.max(0.0) as usize).min(cells - 1);
            let beyond = if cell + 1 < cells { f64::from(place.max(0.0)) - cell as f64 } else { 0.0 };
            weights[cell] += (1.0 - beyond) / samples as f64;
            if beyond > 0.0 {
                weights[cell + 1] += beyond / samples as f64;
            }
        }
        weights.iter().copied().enumerate().filter(|(_, weight)| *weight != 0.0).collect()
    };
    (0..how.output).map(of_bin).collect()
}

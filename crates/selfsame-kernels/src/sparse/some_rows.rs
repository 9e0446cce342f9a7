//! A table of which few rows are not zero.

use crate::rows;

/// A table that keeps only some rows, and where each of them is.
pub struct SomeRows {
    /// The rows that are kept, one after the other.
    values: Vec<f32>,
    /// For every row of the table where it is kept, or [`NONE`](Self::NONE).
    places: Vec<u32>,
    width: usize,
}

impl SomeRows {
    /// The place of a row of zeros, which is not kept.
    pub const NONE: u32 = u32::MAX;

    /// A table of so many rows: row `indices[i]` gets row i of `values` added. Sums are in the order of the indices.
    ///
    /// # Panics
    ///
    /// If there are not as many rows of values as indices, an index is not that of a row, or there are more indices than `u32` can number.
    pub fn new(values: &[f32], indices: &[u32], rows: usize, width: usize) -> Self {
        assert_eq!(values.len(), indices.len() * width, "rows of values, and indices");
        assert!(indices.len() < Self::NONE as usize, "too many rows are not zero");
        let order = rows::order(indices);
        let mut places = vec![Self::NONE; rows];
        let mut kept: Vec<f32> = Vec::with_capacity(values.len());
        let mut count = 0;
        for (row, at) in order {
            let values = &values[at * width..(at + 1) * width];
            let place = &mut places[row as usize];
            if *place == Self::NONE {
                *place = count;
                count += 1;
                kept.extend_from_slice(values);
            } else {
                let start = *place as usize * width;
                kept[start..].iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        Self { values: kept, places, width }
    }

    pub fn rows(&self) -> usize {
        self.places.len()
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows that are kept.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Which of the kept rows a row is, or [`NONE`](Self::NONE).
    #[inline(always)]
    pub fn place(&self, row: usize) -> u32 {
        self.places[row]
    }

    /// A row, unless it is zero.
    #[inline(always)]
    pub fn row(&self, row: usize) -> Option<&[f32]> {
        let place = self.places[row] as usize;
        (place != Self::NONE as usize).then(|| &self.values[place * self.width..(place + 1) * self.width])
    }
}

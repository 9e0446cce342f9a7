//! Where the pixels of a target find the pixels of a source that they are made of.
//!
//! As the channels lie last, neighbouring pixels of a row are one stretch of memory. So the products need no patches: they read the stretches where they
//! lie (the indirect convolution of Dukhan 2019, arXiv 1907.02129). Only stretches that reach over the edge of a map are copied, beside zeros.

use std::ops::Range;

use super::tile::{Maps, Tile};

/// Every target pixel `(row, column)` of those with `row = first[0] + every · i` and `column = first[1] + every · j` reads `size[0]` rows by `size[1]` columns of
/// source pixels from `(step · i + shift[0], step · j + shift[1])` on. What lies outside of the source is 0.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    pub source: Maps,
    pub target: Maps,
    pub every: usize,
    pub first: [usize; 2],
    pub step: usize,
    pub shift: [isize; 2],
    pub size: [usize; 2],
}

impl Reach {
    /// Values of one stretch: a row of the reach.
    pub fn stretch(&self) -> usize {
        self.size[1] * self.source.channels
    }

    /// `j` of all target columns.
    fn columns(&self) -> usize {
        self.target.width.saturating_sub(self.first[1]).div_ceil(self.every)
    }

    /// `i` of the tile's target rows.
    fn rows(&self, tile: &Tile) -> Range<usize> {
        let count = |end: usize| end.saturating_sub(self.first[0]).div_ceil(self.every);
        count(tile.rows.start)..count(tile.rows.end)
    }

    /// Where the values of the target pixels begin, counted from the tile's first.
    pub fn targets(&self, tile: &Tile) -> Vec<usize> {
        let Maps { width, channels, .. } = self.target;
        let (rows, columns) = (self.rows(tile), self.columns());
        let mut targets = Vec::with_capacity(tile.images.len() * rows.len() * columns);
        for image in 0..tile.images.len() {
            for row in rows.clone() {
                let row = self.first[0] + self.every * row - tile.rows.start;
                let start = ((image * tile.rows.len() + row) * width + self.first[1]) * channels;
                targets.extend((0..columns).map(|column| start + column * self.every * channels));
            }
        }
        targets
    }

    /// The stretches that the target pixels of a tile read: first row of the reach for all pixels, second row, and so on. The pixels are filled up to
    /// a multiple of `multiple` with zeros. `room` serves for what lies over the edges.
    pub fn stretches<'a>(
        &self,
        tile: &Tile,
        source: &'a [f32],
        room: &'a mut Vec<f32>,
        multiple: usize,
    ) -> Vec<&'a [f32]> {
        let Maps { height, width, channels, .. } = self.source;
        let (length, columns) = (self.stretch(), self.columns());
        let inside = self.columns_inside();
        let rows = self.rows(tile);
        let pixels = tile.images.len() * rows.len() * columns;
        let lines = self.size[0] * tile.images.len() * rows.len();
        room.clear();
        room.resize(length * (1 + lines * (columns - inside.len())), 0.0);
        let (zeros, mut room) = room.split_at_mut(length);
        let zeros = &*zeros;
        let mut over = |column: usize, line: &[f32]| {
            let (stretch, rest) = std::mem::take(&mut room).split_at_mut(length);
            room = rest;
            self.copy_what_is_inside(column, line, stretch);
            &*stretch
        };
        let mut stretches = Vec::with_capacity(self.size[0] * pixels.next_multiple_of(multiple));
        for reach_row in 0..self.size[0] {
            for image in tile.images.clone() {
                for row in rows.clone() {
                    let row = (self.step * row + reach_row) as isize + self.shift[0];
                    if row < 0 || row as usize >= height {
                        stretches.resize(stretches.len() + columns, zeros);
                        continue;
                    }
                    let start = (image * height + row as usize) * width;
                    let line = &source[start * channels..(start + width) * channels];
                    stretches.extend((0..inside.start).map(|column| over(column, line)));
                    stretches.extend(inside.clone().map(|column| {
                        let start = self.left(column) as usize * channels;
                        &line[start..start + length]
                    }));
                    stretches.extend((inside.end..columns).map(|column| over(column, line)));
                }
            }
            stretches.resize(stretches.len().next_multiple_of(multiple), zeros);
        }
        stretches
    }

    /// The first source column that target column `j` reads.
    fn left(&self, column: usize) -> isize {
        (self.step * column) as isize + self.shift[1]
    }

    /// `j` of the target columns that read nothing beside the source.
    fn columns_inside(&self) -> Range<usize> {
        let columns = self.columns();
        let is_left = |column: &usize| self.left(*column) < 0;
        let is_inside =
            |column: &usize| self.left(*column) + self.size[1] as isize <= self.source.width as isize;
        let start = (0..columns).take_while(is_left).count();
        start..start + (start..columns).take_while(is_inside).count()
    }

    fn copy_what_is_inside(&self, column: usize, line: &[f32], stretch: &mut [f32]) {
        let left = self.left(column);
        let end = (left + self.size[1] as isize).min(self.source.width as isize);
        if left.max(0) < end {
            let channels = self.source.channels;
            let values = &line[left.max(0) as usize * channels..end as usize * channels];
            let from = (left.max(0) - left) as usize * channels;
            stretch[from..from + values.len()].copy_from_slice(values);
        }
    }
}

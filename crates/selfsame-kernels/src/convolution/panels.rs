//! Matrices in panels: cut into groups of columns that are as wide as a block of registers, each row by row.

use rayon::prelude::*;

use super::copies::copy;
use super::registers::Block;
use super::scratch::Scratch;

/// Side of the squares that are copied at once.
const SIDE: usize = 4;

/// A matrix `[depth, columns]` in panels; the last is filled with zeros to one or two vectors.
pub struct Panels {
    values: Scratch,
    pub depth: usize,
    pub columns: usize,
    block: Block,
}

/// One dimension of a matrix that lies elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub size: usize,
    pub stride: usize,
}

impl Panels {
    /// Of the weight's values at `tap + row · rows.stride + column · columns.stride` for all `taps` and rows, one column each.
    pub fn pack(block: Block, weight: &[f32], taps: &[usize], rows: Axis, columns: Axis) -> Self {
        let depth = taps.len() * rows.size;
        let count = columns.size.div_ceil(block.width());
        let mut values = Scratch::take();
        let all = values.first(count * depth * block.width());
        let panels = all.par_chunks_mut((depth * block.width()).max(1)).enumerate();
        panels.for_each(|(at, panel)| {
            let first = at * block.width();
            let used = (columns.size - first).min(block.width());
            let width = width(block, columns.size, at);
            if used < width {
                panel[..depth * width].chunks_exact_mut(width).for_each(|row| row[used..].fill(0.0));
            }
            let source = Source { weight: &weight[first * columns.stride..], taps, rows, columns };
            if columns.stride == 1 {
                source.copy_rows(panel, width, used);
            } else if rows.stride > columns.stride {
                source.gather_rows(panel, width, used);
            } else if rows.stride == 1 {
                source.copy_blocks::<true>(panel, width, used);
            } else {
                source.copy_blocks::<false>(panel, width, used);
            }
        });
        Self { values, depth, columns: columns.size, block }
    }

    pub fn count(&self) -> usize {
        self.columns.div_ceil(self.block.width())
    }

    /// Values in a row of a panel.
    pub fn width(&self, panel: usize) -> usize {
        width(self.block, self.columns, panel)
    }

    pub fn panel(&self, panel: usize) -> &[f32] {
        let start = panel * self.depth * self.block.width();
        &self.values[start..start + self.depth * self.width(panel)]
    }
}

/// The weight from the first value of a panel on.
struct Source<'a> {
    weight: &'a [f32],
    taps: &'a [usize],
    rows: Axis,
    columns: Axis,
}

impl Source<'_> {
    /// Copies to the first `used` columns of a panel, where columns lie side by side.
    fn copy_rows(&self, panel: &mut [f32], width: usize, used: usize) {
        for (tap, offset) in self.taps.iter().enumerate() {
            let rows = panel[tap * self.rows.size * width..].chunks_exact_mut(width).take(self.rows.size);
            for (at, row) in rows.enumerate() {
                copy(&mut row[..used], &self.weight[offset + at * self.rows.stride..][..used]);
            }
        }
    }

    /// Copies to the first `used` columns of a panel where a row's columns lie near each other, with the taps in between: row after row, so that
    /// all taps are read while they are in the cache.
    fn gather_rows(&self, panel: &mut [f32], width: usize, used: usize) {
        for at in 0..self.rows.size {
            for (tap, offset) in self.taps.iter().enumerate() {
                let row = &mut panel[(tap * self.rows.size + at) * width..][..used];
                let columns =
                    self.weight[offset + at * self.rows.stride..].iter().step_by(self.columns.stride);
                row.iter_mut().zip(columns).for_each(|(value, from)| *value = *from);
            }
        }
    }

    /// Copies to the first `used` columns of a panel in small squares, so that neither reading nor writing jumps with every value.
    fn copy_blocks<const ROWS_LIE_TOGETHER: bool>(&self, panel: &mut [f32], width: usize, used: usize) {
        let (rows, columns) = (self.rows.size / SIDE * SIDE, used / SIDE * SIDE);
        for column in (0..columns).step_by(SIDE) {
            for row in (0..rows).step_by(SIDE) {
                for (tap, offset) in self.taps.iter().enumerate() {
                    let mut square = [[0.0; SIDE]; SIDE];
                    for (at, values) in square.iter_mut().enumerate() {
                        let start = offset + row * self.rows.stride + (column + at) * self.columns.stride;
                        if ROWS_LIE_TOGETHER {
                            values.copy_from_slice(&self.weight[start..start + SIDE]);
                        } else {
                            let all = self.weight[start..].iter().step_by(self.rows.stride);
                            values.iter_mut().zip(all).for_each(|(value, from)| *value = *from);
                        }
                    }
                    let target = (tap * self.rows.size + row) * width + column;
                    for at in 0..SIDE {
                        panel[target + at * width..][..SIDE]
                            .copy_from_slice(&square.map(|values| values[at]));
                    }
                }
            }
        }
        let rest = |row: usize| if row < rows { columns..used } else { 0..used };
        for (row, column) in (0..self.rows.size).flat_map(|row| rest(row).map(move |column| (row, column))) {
            for (tap, offset) in self.taps.iter().enumerate() {
                let from = offset + row * self.rows.stride + column * self.columns.stride;
                panel[(tap * self.rows.size + row) * width + column] = self.weight[from];
            }
        }
    }
}

/// The width of a panel: two vectors, or one if the last columns fit into it.
pub fn width(block: Block, columns: usize, panel: usize) -> usize {
    if columns - panel * block.width() <= block.lanes { block.lanes } else { block.width() }
}

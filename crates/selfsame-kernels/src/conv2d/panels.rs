//! Matrices in panels: cut into groups of columns that are as wide as a block of registers, each row by row.

use rayon::prelude::*;

use super::registers::Block;
use super::scratch::Scratch;

/// Rows that are copied at once.
const ROWS: usize = 64;

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
            let mut copy = |row: usize, lane: usize| {
                let from = row * rows.stride + (first + lane) * columns.stride;
                for (tap, offset) in taps.iter().enumerate() {
                    panel[(tap * rows.size + row) * width + lane] = weight[from + offset];
                }
            };
            if rows.stride < columns.stride {
                // By columns, as they lie, some rows at a time, so that the rows of the panel stay in the cache.
                for start in (0..rows.size).step_by(ROWS) {
                    let rows = start..(start + ROWS).min(rows.size);
                    (0..used).for_each(|lane| rows.clone().for_each(|row| copy(row, lane)));
                }
            } else {
                (0..rows.size).for_each(|row| (0..used).for_each(|lane| copy(row, lane)));
            }
            if used < width {
                panel[..depth * width].chunks_exact_mut(width).for_each(|row| row[used..].fill(0.0));
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

/// The width of a panel: two vectors, or one if the last columns fit into it.
pub fn width(block: Block, columns: usize, panel: usize) -> usize {
    if columns - panel * block.width() <= block.lanes { block.lanes } else { block.width() }
}

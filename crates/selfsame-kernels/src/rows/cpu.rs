//! Rows of `f32` tables on the CPU.

use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;

use crate::buffer::in_parts;
use crate::flex::tensor;

/// Values that a thread writes at a time, about.
const PART: usize = 1 << 15;

pub fn gather(table: &FlexTensor, indices: &[u32]) -> FlexTensor {
    let table = table.to_contiguous();
    let columns = table.layout().shape()[1];
    let values: &[f32] = table.storage();
    let rows = PART.div_ceil(columns.max(1));
    let output = in_parts(indices.len() * columns, rows * columns, |part, output| {
        // Parts of an empty table do not exist, so that there are columns here.
        for (index, output) in indices[part * rows..].iter().zip(output.chunks_exact_mut(columns)) {
            let start = *index as usize * columns;
            output.copy_from_slice(&values[start..start + columns]);
        }
    });
    tensor(output, Shape::new([indices.len(), columns]))
}

pub fn scatter(output_gradient: &FlexTensor, indices: &[u32], rows: usize) -> FlexTensor {
    let output_gradient = output_gradient.to_contiguous();
    let columns = output_gradient.layout().shape()[1];
    let gradients: &[f32] = output_gradient.storage();
    let order = order(indices);
    let rows_of_part = PART.div_ceil(columns.max(1));
    // Every row is one thread's, and what is added to it is so in the order of the indices.
    let result = in_parts(rows * columns, rows_of_part * columns, |part, result| {
        let first = part * rows_of_part;
        let last = first + result.len() / columns;
        let start = order.partition_point(|&(row, _)| (row as usize) < first);
        for &(row, at) in order[start..].iter().take_while(|(row, _)| (*row as usize) < last) {
            let to = (row as usize - first) * columns;
            let gradient = &gradients[at * columns..(at + 1) * columns];
            result[to..to + columns].iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
        }
    });
    tensor(result, Shape::new([rows, columns]))
}

/// Indices and their places, by index and then by place.
pub fn order(indices: &[u32]) -> Vec<(u32, usize)> {
    let mut order: Vec<(u32, usize)> = indices.iter().copied().zip(0..).collect();
    order.sort_unstable();
    order
}

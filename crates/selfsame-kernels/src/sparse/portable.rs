//! Sparse products made of Burn's tensor operations, for any backend: rows are gathered, weighted and added up.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata};
use burn::tensor::{Shape, TensorData};

use super::SparseMatrix;
use crate::rows::portable::{add_to_rows, select};

pub fn multiply<B: Backend>(dense: FloatTensor<B>, matrix: &SparseMatrix) -> FloatTensor<B> {
    let (device, dtype, width) = (dense.device(), dense.dtype(), dense.shape()[1]);
    if matrix.entries() == 0 {
        return B::float_zeros(Shape::new([matrix.rows(), width]), &device, dtype.into());
    }
    let rows = matrix.offsets().windows(2).enumerate();
    let rows: Vec<u32> =
        rows.flat_map(|(row, range)| std::iter::repeat_n(row as u32, range[1] - range[0])).collect();
    let weights = TensorData::new(matrix.values().to_vec(), [matrix.entries(), 1]).convert_dtype(dtype);
    let weights =
        B::float_expand(B::float_from_data(weights, &device), Shape::new([matrix.entries(), width]));
    let weighted = B::float_mul(select::<B>(dense, matrix.indices()), weights);
    add_to_rows::<B>(weighted, &rows, matrix.rows())
}

pub fn propagate<B: Backend>(table: FloatTensor<B>, layers: &[SparseMatrix]) -> FloatTensor<B> {
    let mut layer = table.clone();
    let mut sum = table;
    for matrix in layers {
        layer = multiply::<B>(layer, matrix);
        sum = B::float_add(sum, layer.clone());
    }
    B::float_mul_scalar(sum, share(layers))
}

pub fn propagate_backward<B: Backend>(
    output_gradient: FloatTensor<B>,
    layers: &[SparseMatrix],
) -> FloatTensor<B> {
    let mut sum = output_gradient.clone();
    for matrix in layers.iter().rev() {
        sum = B::float_add(output_gradient.clone(), multiply::<B>(sum, matrix.transpose()));
    }
    B::float_mul_scalar(sum, share(layers))
}

fn share(layers: &[SparseMatrix]) -> Scalar {
    Scalar::from(1.0 / (layers.len() + 1) as f64)
}

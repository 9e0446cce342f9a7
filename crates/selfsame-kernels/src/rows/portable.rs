//! Rows made of Burn's tensor operations, for any backend. Other kernels' portable versions use them too.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, TensorMetadata, get_device_settings};
use burn::tensor::{IndexingUpdateOp, Shape, TensorData};

/// Row numbers on a tensor's device.
pub fn indices<B: Backend>(indices: &[u32], like: &FloatTensor<B>) -> IntTensor<B> {
    let device = like.device();
    let data = TensorData::new(indices.iter().map(|&at| i64::from(at)).collect::<Vec<_>>(), [indices.len()]);
    B::int_from_data(data.convert_dtype(get_device_settings::<B>(&device).int_dtype.into()), &device)
}

/// The rows `from` of `table`.
pub fn select<B: Backend>(table: FloatTensor<B>, from: &[u32]) -> FloatTensor<B> {
    if from.is_empty() {
        let shape = Shape::new([0, table.shape()[1]]);
        return B::float_zeros(shape, &table.device(), table.dtype().into());
    }
    let from = indices::<B>(from, &table);
    B::float_select(table, 0, from)
}

/// A table of so many rows, to whose rows `to` the rows of `values` are added.
pub fn add_to_rows<B: Backend>(values: FloatTensor<B>, to: &[u32], rows: usize) -> FloatTensor<B> {
    let shape = Shape::new([rows, values.shape()[1]]);
    let sums = B::float_zeros(shape, &values.device(), values.dtype().into());
    if to.is_empty() {
        return sums;
    }
    let to = indices::<B>(to, &values);
    B::float_select_assign(sums, 0, to, values, IndexingUpdateOp::Add)
}

//! RoIAlign made of Burn's tensor operations, for any backend.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, TensorMetadata, get_device_settings};
use burn::tensor::{IndexingUpdateOp, Shape, TensorData};

use super::reading::Reading;

pub fn read<B: Backend>(maps: FloatTensor<B>, reading: &Reading) -> FloatTensor<B> {
    let shape = maps.shape();
    let [batch, height, width, channels] = [shape[0], shape[1], shape[2], shape[3]];
    let cells = B::float_reshape(maps, Shape::new([batch * height * width, channels]));
    let (from, weights, to) = reading.entries();
    weighted_sums::<B>(cells, from, weights, &to, reading.outputs())
}

pub fn read_backward<B: Backend>(
    output_gradient: FloatTensor<B>,
    reading: &Reading,
    shape: Shape,
) -> FloatTensor<B> {
    let (to, weights, from) = reading.entries();
    let rows = shape[0] * shape[1] * shape[2];
    B::float_reshape(weighted_sums::<B>(output_gradient, &from, weights, to, rows), shape)
}

/// `rows` rows: the row `to` is the sum of the rows `from` of `source`, weighted.
fn weighted_sums<B: Backend>(
    source: FloatTensor<B>,
    from: &[usize],
    weights: &[f32],
    to: &[usize],
    rows: usize,
) -> FloatTensor<B> {
    let (device, dtype, channels) = (source.device(), source.dtype(), source.shape()[1]);
    let sums = B::float_zeros(Shape::new([rows, channels]), &device, dtype.into());
    if weights.is_empty() {
        return sums;
    }
    let indices = |indices: &[usize]| -> IntTensor<B> {
        let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
        let data = TensorData::new(indices, [weights.len()]);
        B::int_from_data(data.convert_dtype(get_device_settings::<B>(&device).int_dtype.into()), &device)
    };
    let weights = TensorData::new(weights.to_vec(), [weights.len(), 1]).convert_dtype(dtype);
    let weights = B::float_expand(B::float_from_data(weights, &device), Shape::new([from.len(), channels]));
    let weighted = B::float_mul(B::float_select(source, 0, indices(from)), weights);
    B::float_select_assign(sums, 0, indices(to), weighted, IndexingUpdateOp::Add)
}

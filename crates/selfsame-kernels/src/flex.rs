//! Tensors of Flex, Burn's CPU backend, to slices and back.

use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};

/// In row-major order; nobody else holds the result unless they held the tensor.
pub fn contiguous(tensor: FlexTensor) -> FlexTensor {
    let contiguous = tensor.to_contiguous();
    drop(tensor);
    contiguous
}

/// Values in row-major order, as a tensor of this shape.
pub fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Values as a tensor of one axis.
pub fn vector(values: Vec<f32>) -> FlexTensor {
    let shape = Shape::new([values.len()]);
    tensor(values, shape)
}

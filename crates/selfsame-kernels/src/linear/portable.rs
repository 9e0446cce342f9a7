//! Linear layers made of Burn's tensor operations, for any backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::Shape;

use crate::optional::Optional;

/// `input · weightᵀ + bias`.
pub fn forward<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Optional<B>,
) -> FloatTensor<B> {
    let output = B::float_matmul(input, B::float_transpose(weight));
    match bias.into_option() {
        Some(bias) => {
            let row = Shape::new([1, bias.shape()[0]]);
            B::float_add(output, B::float_reshape(bias, row))
        }
        None => output,
    }
}

/// `output_gradient · weight`.
pub fn input_gradient<B: Backend>(weight: FloatTensor<B>, output_gradient: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(output_gradient, weight)
}

/// `output_gradientᵀ · input`.
pub fn weight_gradient<B: Backend>(input: FloatTensor<B>, output_gradient: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(B::float_transpose(output_gradient), input)
}

/// The sum over all rows.
pub fn bias_gradient<B: Backend>(output_gradient: FloatTensor<B>) -> FloatTensor<B> {
    let outputs = Shape::new([output_gradient.shape()[1]]);
    B::float_reshape(B::float_sum_dim(output_gradient, 0), outputs)
}

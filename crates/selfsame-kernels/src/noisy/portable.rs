//! Noisy weights made of Burn's tensor operations, for any backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::Shape;

/// `mean + deviation ⊙ of_output of_inputᵀ`.
pub fn weight<B: Backend>(
    mean: FloatTensor<B>,
    deviation: FloatTensor<B>,
    of_output: FloatTensor<B>,
    of_input: FloatTensor<B>,
) -> FloatTensor<B> {
    B::float_add(mean, deviation_gradient::<B>(deviation, of_output, of_input))
}

/// `gradient ⊙ of_output of_inputᵀ`.
pub fn deviation_gradient<B: Backend>(
    gradient: FloatTensor<B>,
    of_output: FloatTensor<B>,
    of_input: FloatTensor<B>,
) -> FloatTensor<B> {
    let (column, row) = (Shape::new([of_output.shape()[0], 1]), Shape::new([1, of_input.shape()[0]]));
    let noise = B::float_mul(B::float_reshape(of_output, column), B::float_reshape(of_input, row));
    B::float_mul(gradient, noise)
}

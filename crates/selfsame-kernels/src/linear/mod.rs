//! Fully connected layers, whose weight is `[outputs, features]`.
//!
//! Burn's product of matrices is as fast as they get. But made of a product with the transposed weight, a layer's gradient is the transpose of the
//! weight's, and the optimiser has to bring every number of it to its place first: a fifth of an agent's backward pass, whose batches are small and
//! weights large. Here each gradient is computed as it is needed.

mod autodiff;
mod extension;
mod portable;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::optional::Optional;
use extension::LinearBackend;

/// `input · weightᵀ + bias`: `input` `[rows, features]`, `weight` `[outputs, features]` and `bias` `[outputs]` to `[rows, outputs]`.
///
/// # Panics
///
/// When the features or the outputs differ.
pub fn linear(input: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    let ([_, features], [outputs, of_weight]) = (input.dims(), weight.dims());
    assert_eq!(features, of_weight, "the input and the weight of a linear layer differ in features");
    assert!(
        bias.as_ref().is_none_or(|bias| bias.dims() == [outputs]),
        "the bias of a linear layer has not as many numbers as the weight has outputs"
    );
    let bias = Optional::new(bias.map(Tensor::into_dispatch));
    Tensor::from_dispatch(Dispatch::linear_layer(input.into_dispatch(), weight.into_dispatch(), bias))
}

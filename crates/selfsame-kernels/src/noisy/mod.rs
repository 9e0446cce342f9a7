//! Weights with factorised noise (Fortunato et al. 2018, arXiv 1706.10295, section 3, "Factorised Gaussian noise").
//!
//! The noise of a weight is a product of one factor an output and one an input, so that a noisy layer can do with its two weights: one product of matrices
//! for each. With batches smaller than the layer it costs less to put the noisy weight together, in one pass over memory, and to multiply once; backwards
//! as well, where both gradients come of one product.

mod autodiff;
mod cpu;
mod extension;
mod portable;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::NoisyBackend;

/// `mean + deviation ⊙ of_output of_inputᵀ`: `mean` and `deviation` are `[outputs, inputs]`, the factors `[outputs]` and `[inputs]`. No gradient flows to
/// the factors.
///
/// # Panics
///
/// When the sizes differ.
pub fn noisy_weight(
    mean: Tensor<2>,
    deviation: Tensor<2>,
    of_output: Tensor<1>,
    of_input: Tensor<1>,
) -> Tensor<2> {
    let [outputs, inputs] = mean.dims();
    assert_eq!(deviation.dims(), [outputs, inputs], "mean and deviation of a noisy weight differ in size");
    assert!(
        of_output.dims() == [outputs] && of_input.dims() == [inputs],
        "the noise of a weight {:?} has {:?} factors of outputs and {:?} of inputs",
        [outputs, inputs],
        of_output.dims(),
        of_input.dims()
    );
    Tensor::from_dispatch(Dispatch::noisy_weight(
        mean.into_dispatch(),
        deviation.into_dispatch(),
        of_output.into_dispatch(),
        of_input.into_dispatch(),
    ))
}

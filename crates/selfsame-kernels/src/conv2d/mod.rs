//! Two-dimensional convolution with square kernels of tensors whose channels lie last, as matrix products over patches (im2col; Chellapilla et al.
//! 2006).
//!
//! On the CPU, small groups of images are unfolded into patches that stay in the cache and are multiplied there, one group a thread at a
//! time. All sums run in an order that depends on the shapes alone, so results do not depend on the number of threads.

mod cpu;
mod extension;
mod extent;
mod matrix;
mod patches;
mod portable;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::Conv2dBackend;

/// How a kernel moves over the input.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Step between outputs.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
}

/// Convolves `input` `[batch, height, width, channels]` with `weight` `[outputs, channels, kernel, kernel]` to
/// `[batch, height', width', outputs]`, where `height' = (height + 2 padding − kernel) / stride + 1`.
///
/// # Panics
///
/// When the channels differ, the kernel is not square or does not fit into the padded input, or `stride` is 0.
pub fn conv2d(input: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let [_, height, width, channels] = input.dims();
    let [_, weight_channels, kernel, kernel_width] = weight.dims();
    assert_eq!(channels, weight_channels, "the input and the weight of a convolution differ in channels");
    assert_eq!(kernel, kernel_width, "the kernel of a convolution is not square");
    let fits = height + 2 * padding >= kernel && width + 2 * padding >= kernel;
    assert!(
        fits && stride > 0 && kernel > 0,
        "a kernel of {kernel} does not fit into {height} × {width} padded by {padding}"
    );
    let window = Window { stride, padding };
    Tensor::from_dispatch(Dispatch::conv2d_channels_last(
        input.into_dispatch(),
        weight.into_dispatch(),
        window,
    ))
}

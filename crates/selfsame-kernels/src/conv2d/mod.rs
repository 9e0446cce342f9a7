//! Two-dimensional convolution with square kernels, of maps whose channels lie last.
//!
//! On the CPU, 3×3 kernels with stride 1 go over tiles of the maps (`winograd`). All others are a product of matrices: all pixels that an output
//! reads, times the weight. With the channels last, a row of these pixels is one stretch of memory, so the product reads them where they lie
//! and only packs the weight, once a call. Threads take one tile of pixels at a time, which stays in the cache. All sums run in an order that
//! depends on the shapes alone, so results do not depend on the number of threads.

mod convolution;
mod copies;
mod cpu;
mod extension;
mod extent;
mod panels;
mod portable;
mod reach;
mod registers;
mod scratch;
#[cfg(test)]
mod tests;
mod tile;
mod weight;
mod winograd;

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

//! Convolution of maps and of clips whose channels lie last.
//!
//! A clip is `[batch, frames, height, width, channels]`, and a map a clip of one frame. On the CPU, kernels that are 3×3 with stride 1, and those of three
//! frames with stride 1, go over tiles (`winograd`). All others are a product of matrices: all pixels that an output
//! reads, times the weight. With the channels last, a row of these pixels is one stretch of memory, so the product reads them where they lie
//! and only packs the weight, once a call. Threads take one tile of pixels at a time, which stays in the cache. All sums run in an order that
//! depends on the shapes alone, so results do not depend on the number of threads.

mod convolve;
mod copies;
mod cpu;
mod extension;
mod extent;
mod panels;
mod portable;
mod reach;
mod registers;
mod scratch;
mod spread;
#[cfg(test)]
mod tests;
mod tile;
mod weight;
mod winograd;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::ConvolutionBackend;

/// How a kernel moves over the input along time, height and width; along time not at all over a map.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Steps between outputs.
    pub stride: [usize; 3],
    /// Zeros around the input.
    pub padding: [usize; 3],
}

/// Convolves `input` `[batch, height, width, channels]` with `weight` `[outputs, channels, kernel, kernel]` to
/// `[batch, height', width', outputs]`, where `height' = (height + 2 padding − kernel) / stride + 1`.
///
/// # Panics
///
/// When the channels differ, the kernel is not square or does not fit into the padded input, or `stride` is 0.
pub fn conv2d(input: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let [_, _, kernel, kernel_width] = weight.dims();
    assert_eq!(kernel, kernel_width, "the kernel of a convolution is not square");
    convolution(input, weight, Window { stride: [1, stride, stride], padding: [0, padding, padding] })
}

/// Convolves `input` `[batch, frames, height, width, channels]` with `weight`
/// `[outputs, channels, kernel_frames, kernel_height, kernel_width]` to `[batch, frames', height', width', outputs]`. `stride` and `padding` are along
/// frames, height and width, and on each of these axes `size' = (size + 2 padding − kernel) / stride + 1`.
///
/// # Panics
///
/// When the channels differ, the kernel does not fit into the padded input, or a stride is 0.
pub fn conv3d(input: Tensor<5>, weight: Tensor<5>, stride: [usize; 3], padding: [usize; 3]) -> Tensor<5> {
    convolution(input, weight, Window { stride, padding })
}

fn convolution<const D: usize>(input: Tensor<D>, weight: Tensor<D>, window: Window) -> Tensor<D> {
    let (sizes, kernel) = (input.dims(), weight.dims());
    assert_eq!(sizes[D - 1], kernel[1], "the input and the weight of a convolution differ in channels");
    let axes = sizes[1..D - 1].iter().zip(&kernel[2..]);
    let windows = window.stride.iter().zip(&window.padding).skip(5 - D);
    let fits = axes.zip(windows).all(|((size, kernel), (stride, padding))| {
        *kernel > 0 && *stride > 0 && size + 2 * padding >= *kernel
    });
    assert!(fits, "a kernel {kernel:?} does not fit into {sizes:?} with {window:?}");
    Tensor::from_dispatch(Dispatch::convolution_channels_last(
        input.into_dispatch(),
        weight.into_dispatch(),
        window,
    ))
}

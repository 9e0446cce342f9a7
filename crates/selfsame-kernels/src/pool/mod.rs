//! Pooling of maps whose channels lie last.

mod autodiff;
mod cpu;
mod extension;
mod portable;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::PoolBackend;

/// The windows of a pooling: squares of `kernel` pixels, `stride` apart, over maps with `padding` pixels around that count as
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Side in pixels, at least 1.
    pub kernel: usize,
    /// Pixels from one to the next, at least 1.
    pub stride: usize,
    /// Pixels around the map, at most half the kernel.
    pub padding: usize,
}

/// The largest value of every window: `[batch, height, width, channels]` to `[batch, height', width', channels]`, where
/// `height' = (height + 2 padding - kernel) / stride + 1`. A window with a NaN becomes NaN. The gradient goes to the first
/// of the largest values, row by row.
///
/// # Panics
///
/// If the windows do not fit into the padded map, or are not as [`Windows`] demands.
pub fn max_pool2d(input: Tensor<4>, windows: Windows) -> Tensor<4> {
    let [_, height, width, _] = input.dims();
    let Windows { kernel, stride, padding } = windows;
    assert!(kernel > 0 && stride > 0 && 2 * padding <= kernel, "{windows:?} are no windows");
    let fits = |side: usize| side + 2 * padding >= kernel;
    assert!(fits(height) && fits(width), "{windows:?} do not fit into {height} × {width} pixels");
    Tensor::from_dispatch(Dispatch::max_pool(input.into_dispatch(), windows))
}

/// The mean of every map: `[batch, height, width, channels]` to `[batch, channels]`.
pub fn mean_pool2d(input: Tensor<4>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::mean_pool(input.into_dispatch()))
}

//! Pooling of maps and of clips whose channels lie last.

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

/// As [`Windows`], for clips: along frames, height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipWindows {
    /// Frames, rows and columns of a window, at least 1.
    pub kernel: [usize; 3],
    /// From one window to the next, at least 1.
    pub stride: [usize; 3],
    /// Around the clip, at most half the kernel.
    pub padding: [usize; 3],
}

impl From<Windows> for ClipWindows {
    fn from(Windows { kernel, stride, padding }: Windows) -> Self {
        Self { kernel: [1, kernel, kernel], stride: [1, stride, stride], padding: [0, padding, padding] }
    }
}

impl ClipWindows {
    /// Whether every frame is pooled for itself.
    fn is_within_frames(&self) -> bool {
        (self.kernel[0], self.stride[0], self.padding[0]) == (1, 1, 0)
    }
}

/// The largest value of every window: `[batch, height, width, channels]` to `[batch, height', width', channels]`, where
/// `height' = (height + 2 padding - kernel) / stride + 1`. A window with a NaN becomes NaN. The gradient goes to the first
/// of the largest values, row by row.
///
/// # Panics
///
/// If the windows do not fit into the padded map, or are not as [`Windows`] demands.
pub fn max_pool2d(input: Tensor<4>, windows: Windows) -> Tensor<4> {
    max_pool(input, windows.into())
}

/// The largest value of every window: `[batch, frames, height, width, channels]` to `[batch, frames', height', width', channels]`,
/// where `size' = (size + 2 padding - kernel) / stride + 1` on each axis. A window with a NaN becomes NaN. The gradient goes to the
/// first of the largest values, frame by frame and row by row.
///
/// # Panics
///
/// If the windows do not fit into the padded clip, or are not as [`ClipWindows`] demands.
pub fn max_pool3d(input: Tensor<5>, windows: ClipWindows) -> Tensor<5> {
    max_pool(input, windows)
}

fn max_pool<const D: usize>(input: Tensor<D>, windows: ClipWindows) -> Tensor<D> {
    let sizes = input.dims();
    let ClipWindows { kernel, stride, padding } = windows;
    let are_windows = (0..3).all(|a| kernel[a] > 0 && stride[a] > 0 && 2 * padding[a] <= kernel[a]);
    assert!(are_windows, "{windows:?} are no windows");
    let axes = sizes[1..D - 1].iter().zip(kernel.iter().zip(&padding).skip(5 - D));
    let fit = axes.into_iter().all(|(size, (kernel, padding))| size + 2 * padding >= *kernel);
    assert!(fit, "{windows:?} do not fit into {sizes:?}");
    Tensor::from_dispatch(Dispatch::max_pool(input.into_dispatch(), windows))
}

/// The mean of every map: `[batch, height, width, channels]` to `[batch, channels]`.
pub fn mean_pool2d(input: Tensor<4>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::mean_pool(input.into_dispatch()))
}

/// The mean of every clip: `[batch, frames, height, width, channels]` to `[batch, channels]`.
pub fn mean_pool3d(input: Tensor<5>) -> Tensor<2> {
    let [batch, frames, height, width, channels] = input.dims();
    mean_pool2d(input.reshape([batch, frames * height, width, channels]))
}

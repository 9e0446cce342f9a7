//! Pooling made of Burn's tensor operations, for any backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata};
use burn::tensor::Shape;

use super::ClipWindows;

/// Windows over two axes.
#[derive(Clone, Copy)]
struct Plane {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
}

/// Over height and width.
fn of_space(ClipWindows { kernel, stride, padding }: ClipWindows) -> Plane {
    Plane {
        kernel: [kernel[1], kernel[2]],
        stride: [stride[1], stride[2]],
        padding: [padding[1], padding[2]],
    }
}

/// Over the frames, and over pixels one by one.
fn of_time(ClipWindows { kernel, stride, padding }: ClipWindows) -> Plane {
    Plane { kernel: [kernel[0], 1], stride: [stride[0], 1], padding: [padding[0], 0] }
}

/// The largest value of a box is the largest of its frames' largest ones.
pub fn max_pool<B: Backend>(input: FloatTensor<B>, windows: ClipWindows) -> FloatTensor<B> {
    let shape = input.shape();
    if shape.num_dims() == 4 {
        return largest::<B>(input, of_space(windows));
    }
    let of_frames = largest::<B>(frames::<B>(input), of_space(windows));
    let [_, height, width, channels] = sizes::<B, 4>(&of_frames);
    let of_frames = pixels::<B>(of_frames, shape[0], shape[1]);
    let output =
        if windows.is_within_frames() { of_frames } else { largest::<B>(of_frames, of_time(windows)) };
    let [batch, frames, _, _] = sizes::<B, 4>(&output);
    B::float_reshape(output, Shape::new([batch, frames, height, width, channels]))
}

pub fn max_pool_backward<B: Backend>(
    input: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    windows: ClipWindows,
) -> FloatTensor<B> {
    let shape = input.shape();
    if shape.num_dims() == 4 {
        return to_largest::<B>(input, output_gradient, of_space(windows));
    }
    let input = frames::<B>(input);
    let of_frames = largest::<B>(input.clone(), of_space(windows));
    let outputs = of_frames.shape();
    let gradient = if windows.is_within_frames() {
        output_gradient
    } else {
        let gradient_shape = output_gradient.shape();
        let gradient = pixels::<B>(frames::<B>(output_gradient), gradient_shape[0], gradient_shape[1]);
        to_largest::<B>(pixels::<B>(of_frames, shape[0], shape[1]), gradient, of_time(windows))
    };
    let gradient = B::float_reshape(gradient, outputs);
    B::float_reshape(to_largest::<B>(input, gradient, of_space(windows)), shape)
}

pub fn mean_pool<B: Backend>(input: FloatTensor<B>) -> FloatTensor<B> {
    let shape = input.shape();
    let [batch, pixels, channels] = [shape[0], shape[1] * shape[2], shape[3]];
    let sum = B::float_sum_dim(B::float_reshape(input, Shape::new([batch, pixels, channels])), 1);
    B::float_reshape(B::float_div_scalar(sum, Scalar::from(pixels as f64)), Shape::new([batch, channels]))
}

pub fn mean_pool_backward<B: Backend>(output_gradient: FloatTensor<B>, shape: Shape) -> FloatTensor<B> {
    let pixels = shape[1] * shape[2];
    let share = B::float_div_scalar(output_gradient, Scalar::from(pixels as f64));
    B::float_expand(B::float_reshape(share, Shape::new([shape[0], 1, 1, shape[3]])), shape)
}

fn largest<B: Backend>(input: FloatTensor<B>, plane: Plane) -> FloatTensor<B> {
    let Plane { kernel, stride, padding } = plane;
    let input = channels_first::<B>(input);
    channels_last::<B>(B::max_pool2d(input, kernel, stride, padding, [1, 1], false))
}

fn to_largest<B: Backend>(
    input: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    plane: Plane,
) -> FloatTensor<B> {
    let Plane { kernel, stride, padding } = plane;
    let input = channels_first::<B>(input);
    let dtype = burn::backend::get_device_settings::<B>(&input.device()).int_dtype;
    let with_indices =
        B::max_pool2d_with_indices(input.clone(), kernel, stride, padding, [1, 1], false, dtype);
    let gradient = B::max_pool2d_with_indices_backward(
        input,
        kernel,
        stride,
        padding,
        [1, 1],
        false,
        channels_first::<B>(output_gradient),
        with_indices.indices,
    );
    channels_last::<B>(gradient.x_grad)
}

/// Clips as their frames: `[batch · frames, height, width, channels]`.
fn frames<B: Backend>(clips: FloatTensor<B>) -> FloatTensor<B> {
    let [batch, frames, height, width, channels] = sizes::<B, 5>(&clips);
    B::float_reshape(clips, Shape::new([batch * frames, height, width, channels]))
}

/// Frames `[batch · frames, height, width, channels]` as `[batch, frames, height · width, channels]`.
fn pixels<B: Backend>(maps: FloatTensor<B>, batch: usize, frames: usize) -> FloatTensor<B> {
    let [_, height, width, channels] = sizes::<B, 4>(&maps);
    B::float_reshape(maps, Shape::new([batch, frames, height * width, channels]))
}

fn sizes<B: Backend, const D: usize>(tensor: &FloatTensor<B>) -> [usize; D] {
    let shape = tensor.shape();
    std::array::from_fn(|axis| shape[axis])
}

fn channels_first<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(tensor, &[0, 3, 1, 2])
}

fn channels_last<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(tensor, &[0, 2, 3, 1])
}

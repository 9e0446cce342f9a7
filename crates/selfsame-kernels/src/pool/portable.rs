//! Pooling made of Burn's tensor operations, for any backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata};
use burn::tensor::Shape;

use super::Windows;

pub fn max_pool<B: Backend>(input: FloatTensor<B>, windows: Windows) -> FloatTensor<B> {
    let Windows { kernel, stride, padding } = windows;
    channels_last::<B>(B::max_pool2d(
        channels_first::<B>(input),
        [kernel; 2],
        [stride; 2],
        [padding; 2],
        [1, 1],
        false,
    ))
}

pub fn max_pool_backward<B: Backend>(
    input: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    windows: Windows,
) -> FloatTensor<B> {
    let Windows { kernel, stride, padding } = windows;
    let input = channels_first::<B>(input);
    let dtype = burn::backend::get_device_settings::<B>(&input.device()).int_dtype;
    let with_indices = B::max_pool2d_with_indices(
        input.clone(),
        [kernel; 2],
        [stride; 2],
        [padding; 2],
        [1, 1],
        false,
        dtype,
    );
    let gradient = B::max_pool2d_with_indices_backward(
        input,
        [kernel; 2],
        [stride; 2],
        [padding; 2],
        [1, 1],
        false,
        channels_first::<B>(output_gradient),
        with_indices.indices,
    );
    channels_last::<B>(gradient.x_grad)
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

fn channels_first<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(tensor, &[0, 3, 1, 2])
}

fn channels_last<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(tensor, &[0, 2, 3, 1])
}

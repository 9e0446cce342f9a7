//! Convolution made of Burn's own, which wants the channels before the other axes.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, TensorMetadata};
use burn::tensor::ops::ConvOptions;

use super::Window;

fn is_clip(tensor: &impl TensorMetadata) -> bool {
    tensor.shape().num_dims() == 5
}

fn channels_first<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    let axes: &[usize] = if is_clip(&tensor) { &[0, 4, 1, 2, 3] } else { &[0, 3, 1, 2] };
    B::float_permute(tensor, axes)
}

fn channels_last<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    let axes: &[usize] = if is_clip(&tensor) { &[0, 2, 3, 4, 1] } else { &[0, 2, 3, 1] };
    B::float_permute(tensor, axes)
}

fn of_clips(Window { stride, padding }: Window) -> ConvOptions<3> {
    ConvOptions::new(stride, padding, [1; 3], 1)
}

fn of_maps(Window { stride: [_, rows, columns], padding: [_, above, left] }: Window) -> ConvOptions<2> {
    ConvOptions::new([rows, columns], [above, left], [1; 2], 1)
}

/// See [`conv2d`](super::conv2d) and [`conv3d`](super::conv3d).
pub fn forward<B: Backend>(input: FloatTensor<B>, weight: FloatTensor<B>, window: Window) -> FloatTensor<B> {
    let input = channels_first::<B>(input);
    channels_last::<B>(if is_clip(&input) {
        B::conv3d(input, weight, None, of_clips(window))
    } else {
        B::conv2d(input, weight, None, of_maps(window))
    })
}

/// The gradient of the input, given that of the output. Of `input`, only the shape counts.
pub fn input_gradient<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    window: Window,
) -> FloatTensor<B> {
    let [input, output_gradient] = [input, output_gradient].map(channels_first::<B>);
    channels_last::<B>(if is_clip(&input) {
        B::conv3d_x_backward(input, weight, output_gradient, of_clips(window))
    } else {
        B::conv2d_x_backward(input, weight, output_gradient, of_maps(window))
    })
}

/// The gradient of the weight, given that of the output. Of `weight`, only the shape counts.
pub fn weight_gradient<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    window: Window,
) -> FloatTensor<B> {
    let [input, output_gradient] = [input, output_gradient].map(channels_first::<B>);
    if is_clip(&input) {
        B::conv3d_weight_backward(input, weight, output_gradient, of_clips(window))
    } else {
        B::conv2d_weight_backward(input, weight, output_gradient, of_maps(window))
    }
}

//! Convolution made of Burn's own, which wants the channels before the rows and columns.

use burn::backend::Backend;
use burn::backend::tensor::FloatTensor;
use burn::tensor::ops::ConvOptions;

use super::Window;

fn channels_first<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(tensor, &[0, 3, 1, 2])
}

fn channels_last<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_permute(tensor, &[0, 2, 3, 1])
}

fn options(Window { stride, padding }: Window) -> ConvOptions<2> {
    ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1)
}

/// See [`conv2d`](super::conv2d).
pub fn forward<B: Backend>(input: FloatTensor<B>, weight: FloatTensor<B>, window: Window) -> FloatTensor<B> {
    channels_last::<B>(B::conv2d(channels_first::<B>(input), weight, None, options(window)))
}

/// The gradient of the input, given that of the output. Of `input`, only the shape counts.
pub fn input_gradient<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    window: Window,
) -> FloatTensor<B> {
    let [input, output_gradient] = [input, output_gradient].map(channels_first::<B>);
    channels_last::<B>(B::conv2d_x_backward(input, weight, output_gradient, options(window)))
}

/// The gradient of the weight, given that of the output. Of `weight`, only the shape counts.
pub fn weight_gradient<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    output_gradient: FloatTensor<B>,
    window: Window,
) -> FloatTensor<B> {
    let [input, output_gradient] = [input, output_gradient].map(channels_first::<B>);
    B::conv2d_weight_backward(input, weight, output_gradient, options(window))
}

//! Batch normalisation made of Burn's tensor operations, for any backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata, try_read_sync};
use burn::tensor::{Shape, Slice, TensorData};

use super::extension::{Followed, InputGradients, Normalised, Statistics};
use crate::AllReduce;
use crate::all_reduce::sum_over_ranks;

/// See [`batch_norm`](super::batch_norm).
pub fn forward<B: Backend>(
    input: FloatTensor<B>,
    [weight, bias]: [FloatTensor<B>; 2],
    residual: Option<FloatTensor<B>>,
    relu: bool,
    epsilon: f64,
    ranks: Option<&dyn AllReduce>,
) -> Normalised<B> {
    let channels = Channels::of(&input.shape());
    let (sum, count) = over_ranks::<B>(ranks, channels.sum::<B>(input.clone()), channels.count);
    let mean = divide::<B>(sum, count);
    let centred = B::float_sub(input, channels.broadcast::<B>(mean.clone()));
    let squares = channels.sum::<B>(B::float_mul(centred.clone(), centred.clone()));
    let (squares, _) = over_ranks::<B>(ranks, squares, channels.count);
    let variance = divide::<B>(squares, count);
    let scale = B::float_mul(weight, reciprocal_deviation::<B>(variance.clone(), epsilon));
    let output = finish::<B>(centred, [scale, bias], residual, relu);
    Normalised { output, statistics: Statistics { mean, variance, count, epsilon } }
}

/// `values · scale + shift`, plus the residual, through the ReLU.
pub fn finish<B: Backend>(
    values: FloatTensor<B>,
    [scale, shift]: [FloatTensor<B>; 2],
    residual: Option<FloatTensor<B>>,
    relu: bool,
) -> FloatTensor<B> {
    let channels = Channels::of(&values.shape());
    let scaled = B::float_mul(values, channels.broadcast::<B>(scale));
    let mut output = B::float_add(scaled, channels.broadcast::<B>(shift));
    if let Some(residual) = residual {
        output = B::float_add(output, residual);
    }
    if relu { B::relu(output) } else { output }
}

/// With `x̂ = (x - mean) / deviation` and g the gradient of `x̂ · weight + bias`, the input's gradient is
/// `weight / deviation · (g - Σg / count - x̂ · Σ(g x̂) / count)`, sums over the batches of all ranks. The residual's is g.
pub fn backward<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    statistics: Statistics<B>,
    followed: Followed<B>,
    output_gradient: FloatTensor<B>,
    ranks: Option<&dyn AllReduce>,
) -> (InputGradients<B>, Option<FloatTensor<B>>) {
    let channels = Channels::of(&input.shape());
    let reciprocal = reciprocal_deviation::<B>(statistics.variance, statistics.epsilon);
    let centred = B::float_sub(input, channels.broadcast::<B>(statistics.mean));
    let scale = B::float_mul(weight.clone(), reciprocal.clone());
    let (has_residual, output_gradient) = through::<B>(followed, &centred, scale, output_gradient);
    let normalised = B::float_mul(centred, channels.broadcast::<B>(reciprocal.clone()));
    let bias_gradient = channels.sum::<B>(output_gradient.clone());
    let weight_gradient = channels.sum::<B>(B::float_mul(output_gradient.clone(), normalised.clone()));

    let both = B::float_cat(vec![bias_gradient.clone(), weight_gradient.clone()], 0);
    let (both, _) = over_ranks::<B>(ranks, both, channels.count);
    let means = divide::<B>(both, statistics.count);
    let [mean_gradient, mean_projection] = [0, 1].map(|part| {
        let start = part * channels.channels;
        let part = Slice::from(start..start + channels.channels);
        channels.broadcast::<B>(B::float_slice(means.clone(), &[part]))
    });
    let projected = B::float_mul(normalised, mean_projection);
    let centred_gradient = B::float_sub(B::float_sub(output_gradient.clone(), mean_gradient), projected);
    let scale = channels.broadcast::<B>(B::float_mul(weight, reciprocal));
    let input = B::float_mul(centred_gradient, scale);
    let residual = has_residual.then_some(output_gradient);
    (InputGradients { input, weight: weight_gradient, bias: bias_gradient }, residual)
}

/// The gradients of [`finish`]: of the values, of scale and shift, and of the residual.
pub fn finish_backward<B: Backend>(
    values: FloatTensor<B>,
    scale: FloatTensor<B>,
    followed: Followed<B>,
    output_gradient: FloatTensor<B>,
) -> (InputGradients<B>, Option<FloatTensor<B>>) {
    let channels = Channels::of(&values.shape());
    let (has_residual, output_gradient) = through::<B>(followed, &values, scale.clone(), output_gradient);
    let weight = channels.sum::<B>(B::float_mul(output_gradient.clone(), values));
    let bias = channels.sum::<B>(output_gradient.clone());
    let input = B::float_mul(output_gradient.clone(), channels.broadcast::<B>(scale));
    (InputGradients { input, weight, bias }, has_residual.then_some(output_gradient))
}

/// Whether there was a residual, and the gradient through what followed the scaling of `values`.
fn through<B: Backend>(
    followed: Followed<B>,
    values: &FloatTensor<B>,
    scale: FloatTensor<B>,
    gradient: FloatTensor<B>,
) -> (bool, FloatTensor<B>) {
    match followed {
        Followed::Nothing => (false, gradient),
        Followed::Relu { shift } => {
            let output = finish::<B>(values.clone(), [scale, shift], None, true);
            (false, B::relu_backward(output, gradient))
        }
        Followed::Residual => (true, gradient),
        Followed::ResidualRelu { output } => (true, B::relu_backward(output, gradient)),
    }
}

/// How the channels lie in an input.
struct Channels {
    channels: usize,
    /// `[1, …, channels]`.
    broadcast: Shape,
    /// All dimensions but the last.
    others: Vec<usize>,
    /// Elements per channel.
    count: usize,
}

impl Channels {
    fn of(shape: &Shape) -> Self {
        let last = shape.num_dims().saturating_sub(1);
        let others: Vec<usize> = (0..last).collect();
        let count = others.iter().map(|&dimension| shape[dimension]).product();
        let mut broadcast = vec![1; shape.num_dims()];
        broadcast[last] = shape[last];
        Self { channels: shape[last], broadcast: Shape::from(broadcast), others, count }
    }

    /// From `[channels]` to a shape that broadcasts over the input.
    fn broadcast<B: Backend>(&self, values: FloatTensor<B>) -> FloatTensor<B> {
        B::float_reshape(values, self.broadcast.clone())
    }

    /// The sum of every channel, `[channels]`.
    fn sum<B: Backend>(&self, values: FloatTensor<B>) -> FloatTensor<B> {
        B::float_reshape(B::float_sum_dims(values, &self.others), Shape::new([self.channels]))
    }
}

/// `sums` and `count` over all ranks. Only with ranks do the sums leave the device.
fn over_ranks<B: Backend>(
    ranks: Option<&dyn AllReduce>,
    sums: FloatTensor<B>,
    count: usize,
) -> (FloatTensor<B>, usize) {
    if ranks.is_none() {
        return (sums, count);
    }
    let (shape, device, dtype) = (sums.shape(), sums.device(), sums.dtype());
    let mut values: Vec<f64> = match try_read_sync(B::float_into_data(sums)) {
        Some(Ok(data)) => data.iter::<f64>().collect(),
        // The other ranks wait for this one: it takes part, with values that nobody can mistake for sums.
        Some(Err(_)) | None => vec![f64::NAN; shape.num_elements()],
    };
    let count = sum_over_ranks(ranks, &mut values, count);
    let data = TensorData::new(values, shape).convert_dtype(dtype);
    (B::float_from_data(data, &device), count)
}

/// An empty batch has sums of 0 and therefore means of 0.
fn divide<B: Backend>(sums: FloatTensor<B>, count: usize) -> FloatTensor<B> {
    B::float_div_scalar(sums, Scalar::from(count.max(1) as f64))
}

fn reciprocal_deviation<B: Backend>(variance: FloatTensor<B>, epsilon: f64) -> FloatTensor<B> {
    B::float_recip(B::float_sqrt(B::float_add_scalar(variance, Scalar::from(epsilon))))
}

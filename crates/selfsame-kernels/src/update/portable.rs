//! The steps made of Burn's tensor operations, for any backend.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata};
use burn::tensor::Shape;

use super::{AdamStep, MomentumStep};

pub fn momentum_step<B: Backend>(
    parameter: FloatTensor<B>,
    gradient: FloatTensor<B>,
    momentum: FloatTensor<B>,
    scale: Option<FloatTensor<B>>,
    step: MomentumStep,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let gradient = decayed::<B>(&parameter, gradient, step.weight_decay);
    let gradient = match scale {
        Some(scale) => B::float_mul(gradient, scale),
        None => gradient,
    };
    let momentum = B::float_add(times::<B>(momentum, step.momentum), gradient.clone());
    let direction = if step.nesterov {
        B::float_add(gradient, times::<B>(momentum.clone(), step.momentum))
    } else {
        momentum.clone()
    };
    (B::float_sub(parameter, times::<B>(direction, step.lr)), momentum)
}

pub fn adam_step<B: Backend>(
    parameter: FloatTensor<B>,
    gradient: FloatTensor<B>,
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    step: AdamStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let gradient = decayed::<B>(&parameter, gradient, step.penalty());
    let square = B::float_mul(gradient.clone(), gradient.clone());
    let first = weighted_sum::<B>(first, step.beta_1, gradient, 1.0 - step.beta_1);
    let second = weighted_sum::<B>(second, step.beta_2, square, 1.0 - step.beta_2);
    let deviation = times::<B>(B::float_sqrt(second.clone()), step.deviation_rate());
    let deviation = B::float_add_scalar(deviation, Scalar::from(step.epsilon));
    let change = times::<B>(B::float_div(first.clone(), deviation), step.rate());
    (B::float_sub(times::<B>(parameter, step.kept()), change), first, second)
}

pub fn weighted_sum<B: Backend>(
    left: FloatTensor<B>,
    left_share: f64,
    right: FloatTensor<B>,
    right_share: f64,
) -> FloatTensor<B> {
    B::float_add(times::<B>(left, left_share), times::<B>(right, right_share))
}

/// As the sum of one row: backends add a row in one fixed order, but Flex the total of millions of numbers in an order that depends on which threads
/// are free.
pub fn squared_norm<B: Backend>(vector: FloatTensor<B>) -> FloatTensor<B> {
    let row = Shape::new([1, vector.shape().num_elements()]);
    let squares = B::float_reshape(B::float_mul(vector.clone(), vector), row);
    B::float_reshape(B::float_sum_dim(squares, 1), Shape::new([1]))
}

fn decayed<B: Backend>(
    parameter: &FloatTensor<B>,
    gradient: FloatTensor<B>,
    weight_decay: f64,
) -> FloatTensor<B> {
    if weight_decay == 0.0 {
        return gradient;
    }
    B::float_add(times::<B>(parameter.clone(), weight_decay), gradient)
}

fn times<B: Backend>(tensor: FloatTensor<B>, factor: f64) -> FloatTensor<B> {
    B::float_mul_scalar(tensor, Scalar::from(factor))
}

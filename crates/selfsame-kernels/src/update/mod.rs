//! The steps of optimisers, each in one pass over memory.
//!
//! Made of Burn's operations, a step of gradient descent with momentum and weight decay goes over the parameters some ten times, on one thread.
//! What these steps do takes less time than fetching the numbers, so here everything is done with a number while it is there.
//!
//! All tensors are flat, without autodiff, and of one length.

mod cpu;
mod extension;
mod portable;
#[cfg(test)]
mod tests;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::optional::Optional;
use extension::UpdateBackend;

/// The numbers of a step of gradient descent with momentum.
#[derive(Clone, Copy, Debug)]
pub struct MomentumStep {
    /// λ: this times the parameter is added to the gradient.
    pub weight_decay: f64,
    /// μ: the share of the momentum that stays.
    pub momentum: f64,
    /// Whether to go where the momentum will have led (Nesterov 1983).
    pub nesterov: bool,
    /// The learning rate.
    pub lr: f64,
}

/// With `g = scale · (gradient + λ · parameter)`, the momentum `b ← μb + g` and the parameter `w ← w − lr · b`, or with Nesterov's momentum
/// `w ← w − lr · (g + μb)`, as PyTorch's `SGD` defines them. Returns the parameter and the momentum.
///
/// `scale` `[1]` is for LARS's trust ratio; without it, it is 1.
///
/// # Panics
///
/// When the tensors differ in length.
pub fn momentum_step(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    momentum: Tensor<1>,
    scale: Option<Tensor<1>>,
    step: MomentumStep,
) -> (Tensor<1>, Tensor<1>) {
    assert_one_length(&[&parameter, &gradient, &momentum]);
    let (parameter, momentum) = Dispatch::momentum_step(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        momentum.into_dispatch(),
        Optional::new(scale.map(Tensor::into_dispatch)),
        step,
    );
    (Tensor::from_dispatch(parameter), Tensor::from_dispatch(momentum))
}

/// The numbers of a step of Adam.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// β₁: the share of the mean of the gradients that stays.
    pub beta_1: f64,
    /// β₂: the share of the mean of their squares that stays.
    pub beta_2: f64,
    /// ε: added to the root of the mean of squares.
    pub epsilon: f64,
    /// λ.
    pub weight_decay: f64,
    /// Whether λ shrinks the parameter by itself (AdamW) or is a penalty whose gradient is added (Adam).
    pub decoupled: bool,
    /// The learning rate.
    pub lr: f64,
    /// How many steps there have been, this one included.
    pub count: u32,
}

/// A step of Adam (Kingma and Ba 2015, Algorithm 1) or AdamW (Loshchilov and Hutter 2019, Algorithm 2), as PyTorch defines them, from the means
/// of the gradients and of their squares. Returns the parameter and both means.
///
/// # Panics
///
/// When the tensors differ in length.
pub fn adam_step(
    parameter: Tensor<1>,
    gradient: Tensor<1>,
    moments: [Tensor<1>; 2],
    step: AdamStep,
) -> (Tensor<1>, [Tensor<1>; 2]) {
    let [first, second] = moments;
    assert_one_length(&[&parameter, &gradient, &first, &second]);
    let (parameter, first, second) = Dispatch::adam_step(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        step,
    );
    (Tensor::from_dispatch(parameter), [first, second].map(Tensor::from_dispatch))
}

/// `left · left_share + right · right_share`: a moving average, when the shares add up to 1.
///
/// # Panics
///
/// When the tensors differ in length.
pub fn weighted_sum(left: Tensor<1>, left_share: f64, right: Tensor<1>, right_share: f64) -> Tensor<1> {
    assert_one_length(&[&left, &right]);
    Tensor::from_dispatch(Dispatch::weighted_sum(
        left.into_dispatch(),
        left_share,
        right.into_dispatch(),
        right_share,
    ))
}

/// The sum of the squares, `[1]`, in an order that depends on the length alone.
pub fn squared_norm(vector: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::squared_norm(vector.into_dispatch()))
}

fn assert_one_length(tensors: &[&Tensor<1>]) {
    let lengths: Vec<[usize; 1]> = tensors.iter().map(|tensor| tensor.dims()).collect();
    assert!(lengths.windows(2).all(|pair| pair[0] == pair[1]), "these tensors differ in length: {lengths:?}");
}

impl AdamStep {
    /// The share of the parameter that is added to the gradient.
    fn penalty(&self) -> f64 {
        if self.decoupled { 0.0 } else { self.weight_decay }
    }

    /// The share of the parameter that stays.
    fn kept(&self) -> f64 {
        if self.decoupled { 1.0 - self.lr * self.weight_decay } else { 1.0 }
    }

    /// The learning rate, larger by as much as the mean of the gradients is too small after few steps.
    fn rate(&self) -> f64 {
        self.lr / self.bias(self.beta_1)
    }

    /// What makes up for the mean of the squares being too small after few steps, for its root.
    fn deviation_rate(&self) -> f64 {
        self.bias(self.beta_2).sqrt().recip()
    }

    fn bias(&self, beta: f64) -> f64 {
        1.0 - beta.powf(f64::from(self.count))
    }
}

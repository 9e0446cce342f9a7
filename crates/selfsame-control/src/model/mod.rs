//! Networks: encoders of pixels, Rainbow's head, actor and critics.

mod actor_critic;
mod duelling;
mod encoder;
mod noisy;
mod orthogonal;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use actor_critic::{Actor, Drawn, Temperature, TwinCritics};
pub use duelling::Duelling;
pub use encoder::{Encoder, PixelEncoder, StridedEncoder, Summary};
pub use noisy::NoisyLinear;
pub use orthogonal::orthogonal;

use selfsame_core::tensor::{Device, Tensor, TensorData};

use crate::data::{Action, Actions};

/// Actions as numbers, `[batch, n]`: as they are, or 1 for the one of n that is done and 0 for the others.
pub fn action_features(actions: &[Action], of: Actions, device: &Device) -> Tensor<2> {
    let (Actions::Discrete(width) | Actions::Continuous(width)) = of;
    let mut values = vec![0.0; actions.len() * width];
    for (row, action) in values.chunks_exact_mut(width.max(1)).zip(actions) {
        match action {
            Action::Discrete(number) => {
                if let Some(place) = row.get_mut(*number) {
                    *place = 1.0;
                }
            }
            Action::Continuous(numbers) => row.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from),
        }
    }
    Tensor::from_data(TensorData::new(values, [actions.len(), width]), device)
}

/// One number for each of a batch, `[batch]`.
pub fn column(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_floats(values, device)
}

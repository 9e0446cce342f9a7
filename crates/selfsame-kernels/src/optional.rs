//! Optional tensors as arguments of operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType};

/// An [`Option`] of a tensor: Burn's backend extensions take no `Option`, but enumerations of one's own.
#[derive(Clone, Debug, ExtensionType)]
pub enum Optional<B: Backend> {
    Given(FloatTensor<B>),
    Absent,
}

impl<B: Backend> Optional<B> {
    pub fn new(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Absent, Self::Given)
    }

    pub fn into_option(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Given(tensor) => Some(tensor),
            Self::Absent => None,
        }
    }
}

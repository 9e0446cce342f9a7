//! InfoNCE as operations of Burn's backends.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, Flex, backend_extension};
use burn::tensor::DType;

use super::{Pairing, cpu, portable};

/// Losses, and what their gradient needs.
#[derive(Clone, Debug, ExtensionType)]
pub struct Compared<B: Backend> {
    /// `[queries]`
    pub losses: FloatTensor<B>,
    /// What all exponentials of a query are divided by, in whatever way the backend likes, `[queries]`.
    pub sums: FloatTensor<B>,
    /// Σ_j P_ij k̂_j `[queries, features]`; without meaning if it was not asked for.
    pub pulls: FloatTensor<B>,
}

#[backend_extension(
    Flex,
    Cube: cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait InfoNceBackend: Backend {
    /// See [`info_nce`](super::info_nce). `pulls` says whether the queries' gradient will be asked for.
    fn info_nce(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        pairing: Pairing,
        pulls: bool,
    ) -> Compared<Self> {
        portable::forward::<Self>(queries, keys, &pairing, pulls)
    }

    /// The gradient of the queries, given that of the losses. As small as the queries are, so that the portable version serves all backends.
    fn info_nce_queries_backward(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        pulls: FloatTensor<Self>,
        loss_gradient: FloatTensor<Self>,
        pairing: Pairing,
    ) -> FloatTensor<Self> {
        portable::queries_backward::<Self>(queries, keys, pulls, loss_gradient, &pairing)
    }

    /// The gradient of the keys, given that of the losses.
    fn info_nce_keys_backward(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        loss_gradient: FloatTensor<Self>,
        pairing: Pairing,
    ) -> FloatTensor<Self> {
        portable::keys_backward::<Self>(queries, keys, sums, loss_gradient, &pairing)
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal", feature = "cuda", feature = "rocm"))]
impl InfoNceBackend for burn::backend::Cube {}

impl InfoNceBackend for Flex {
    fn info_nce(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        pairing: Pairing,
        pulls: bool,
    ) -> Compared<Self> {
        if is_fast(&queries, &keys, &pairing) {
            cpu::forward(&queries, &keys, &pairing, pulls)
        } else {
            portable::forward::<Self>(queries, keys, &pairing, pulls)
        }
    }

    fn info_nce_keys_backward(
        queries: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        sums: FloatTensor<Self>,
        loss_gradient: FloatTensor<Self>,
        pairing: Pairing,
    ) -> FloatTensor<Self> {
        if is_fast(&queries, &keys, &pairing) {
            cpu::keys_backward(&queries, &keys, &sums, &loss_gradient, &pairing)
        } else {
            portable::keys_backward::<Self>(queries, keys, sums, loss_gradient, &pairing)
        }
    }
}

/// Whether the version for the CPU can do it.
fn is_fast(queries: &FloatTensor<Flex>, keys: &FloatTensor<Flex>, pairing: &Pairing) -> bool {
    queries.dtype() == DType::F32
        && keys.dtype() == DType::F32
        && pairing.temperature >= cpu::LEAST_TEMPERATURE
}

//! InfoNCE of some rows against all rows of a table (van den Oord et al. 2018, arXiv 1807.03748; over all nodes of a graph: SGL, Wu et al. 2021,
//! arXiv 2010.10783, equation 10), without its logits ever being in memory.
//!
//! With unit rows q̂ and k̂, s_ij = q̂_i·k̂_j / τ, P_ij = exp(s_ij) / Σ_j exp(s_ij), and g the gradient of the losses:
//!
//! ```text
//! loss_i = ln Σ_j exp(s_ij) − s_it,  t being the target of i
//! gradient of q̂_i = g_i/τ (Σ_j P_ij k̂_j − k̂_t)
//! gradient of k̂_j = Σ_i g_i/τ P_ij q̂_i − Σ_{i whose target is j} g_i/τ q̂_i
//! gradient of a row x from that of x̂: (gradient − (gradient·x̂) x̂) / ‖x‖
//! ```
//!
//! On the CPU the forward pass goes over tiles of logits and sums their exponentials, and the keys weighted by them, for the queries' gradient. Only
//! the keys' gradient needs the tiles again. Cosines do not exceed 1, so that 1/τ is taken off all logits instead of the largest one.

mod autodiff;
mod cpu;
mod exponential;
mod extension;
mod portable;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::InfoNceBackend;

/// Which key every query belongs to, and how sharp the losses are.
#[derive(Clone, Debug)]
pub struct Pairing {
    targets: Arc<[u32]>,
    temperature: f64,
}

/// −ln exp(cos(q_i, k_t)/τ) / Σ_j exp(cos(q_i, k_j)/τ) for every query: queries `[queries, features]` and keys `[keys, features]` of any lengths
/// to `[queries]`, t being `targets[i]` and τ the temperature. Queries and keys have gradients, through their normalisation too. A row of zeros
/// has the cosine 0 with all, and no gradient. Results do not depend on the number of threads.
///
/// On the CPU, `f32` and with τ of at least 1/30, memory grows with queries and keys, but not with their product.
///
/// # Panics
///
/// If queries and keys have not equally many features, there are not as many targets as queries, a target is no key, or the temperature is
/// not a positive number.
pub fn info_nce(queries: Tensor<2>, keys: Tensor<2>, targets: &[u32], temperature: f64) -> Tensor<1> {
    let ([count, features], [rows, of_keys]) = (queries.dims(), keys.dims());
    assert_eq!(features, of_keys, "the features of queries and keys");
    assert_eq!(count, targets.len(), "queries and their targets");
    for &target in targets {
        assert!((target as usize) < rows, "target {target} is none of {rows} keys");
    }
    assert!(temperature > 0.0 && temperature.is_finite(), "{temperature} is no temperature");
    let pairing = Pairing { targets: Arc::from(targets), temperature };
    let compared = Dispatch::info_nce(queries.into_dispatch(), keys.into_dispatch(), pairing, false);
    Tensor::from_dispatch(compared.losses)
}

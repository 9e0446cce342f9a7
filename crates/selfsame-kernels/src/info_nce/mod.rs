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
//! the keys' gradient needs the tiles again: keeping them would cost more than making them twice, because they would have to come from memory. Cosines do not exceed 1, so that 1/τ is taken off all logits instead of the largest one.

mod autodiff;
mod cpu;
mod exponential;
mod extension;
mod portable;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use extension::InfoNceBackend;

/// Which key every query belongs to, and how sharp the losses are.
#[derive(Clone, Debug)]
pub struct Pairing {
    targets: Arc<[u32]>,
    /// Queries and keys of every kind, one kind after the other.
    kinds: Arc<[[usize; 2]]>,
    temperature: f64,
}

impl Pairing {
    /// Where the queries and the keys of every kind lie.
    fn ranges(&self) -> impl Iterator<Item = [Range<usize>; 2]> {
        self.kinds.iter().scan([0, 0], |starts, counts| {
            let ranges = [0, 1].map(|of| starts[of]..starts[of] + counts[of]);
            *starts = [0, 1].map(|of| ranges[of].end);
            Some(ranges)
        })
    }
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
    let counts = [queries.dims()[0], keys.dims()[0]];
    info_nce_by_kind(queries, keys, &[counts], targets, temperature)
}

/// [`info_nce`] of several kinds at once, each query being compared with the keys of its kind alone. `kinds` says how many queries and how many
/// keys each kind has; those of the first come first, then those of the second. Targets number all keys. With keys of all kinds in one
/// table, such as users and items, its gradient is made as one, too.
///
/// # Panics
///
/// As of [`info_nce`], and if queries or keys are not as many as those of all kinds, or a target is a key of another kind.
pub fn info_nce_by_kind(
    queries: Tensor<2>,
    keys: Tensor<2>,
    kinds: &[[usize; 2]],
    targets: &[u32],
    temperature: f64,
) -> Tensor<1> {
    let ([count, features], [rows, of_keys]) = (queries.dims(), keys.dims());
    assert_eq!(features, of_keys, "the features of queries and keys");
    assert_eq!(count, targets.len(), "queries and their targets");
    let all = [0, 1].map(|of| kinds.iter().map(|counts| counts[of]).sum::<usize>());
    assert_eq!([count, rows], all, "queries and keys, and those of all kinds");
    assert!(temperature > 0.0 && temperature.is_finite(), "{temperature} is no temperature");
    let kinds = if kinds.is_empty() { &[[0, 0]] } else { kinds };
    let pairing = Pairing { targets: Arc::from(targets), kinds: Arc::from(kinds), temperature };
    for [of_queries, of_keys] in pairing.ranges() {
        for &target in &targets[of_queries] {
            assert!(
                of_keys.contains(&(target as usize)),
                "target {target} is none of {} keys",
                of_keys.len()
            );
        }
    }
    let compared = Dispatch::info_nce(queries.into_dispatch(), keys.into_dispatch(), pairing, false);
    Tensor::from_dispatch(compared.losses)
}

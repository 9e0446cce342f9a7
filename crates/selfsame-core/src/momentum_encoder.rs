//! The target encoder: a momentum average of the online encoder (He et al. 2019, arXiv 1911.05722, eq. 2).

use burn::module::Module;

use crate::nn::Parameters;

/// A copy of a module that follows it as θ' ← m·θ' + (1−m)·θ and never sees a gradient.
///
/// Cloned Burn modules share their parameters' ids. The copy therefore lives outside the gradient graph
/// (`Module::valid`): its tensors cannot receive gradients, and the optimiser is only ever given the online module.
#[derive(Clone, Debug)]
pub struct MomentumEncoder<M> {
    module: M,
}

impl<M: Module> MomentumEncoder<M> {
    /// Starts as a copy of `online`.
    pub fn new(online: &M) -> Self {
        Self { module: online.valid() }
    }

    /// The target module, on the device without gradients.
    pub fn module(&self) -> &M {
        &self.module
    }

    /// For checkpoints.
    pub fn module_mut(&mut self) -> &mut M {
        &mut self.module
    }

    /// Moves the parameters towards `online` by a share of `1 − momentum`. Running statistics of batch norm are the target's own, as in
    /// MoCo and BYOL, whose targets run in training mode.
    pub fn follow(&mut self, online: &M, momentum: f64) {
        let online: std::collections::HashMap<_, _> =
            online.parameters().into_iter().map(|parameter| (parameter.name, parameter.value)).collect();
        self.module.update(&mut |name, target| {
            let is_statistic = name.ends_with("running_mean") || name.ends_with("running_var");
            let online = online.get(name).filter(|_| !is_statistic)?;
            Some(target * momentum + online.clone() * (1.0 - momentum))
        });
    }
}

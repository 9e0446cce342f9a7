//! Optimisers for any learning rate, with LARS, and with state that is named after the parameters.
//!
//! An [`Optimizer`] sees a parameter as its name and a flat tensor on the device without autodiff. Its state is a
//! list of named flat tensors, which is what a checkpoint stores.

mod adam;
mod clip;
mod config;
mod lars;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod reference;
mod sgd;
mod state;

use std::collections::BTreeMap;

use burn::tensor::Tensor;

pub use clip::clip_by_global_norm;
pub use config::{LrScaling, OptimizerConfig, OptimizerName};

use crate::Result;

/// An optimiser with the state of every parameter that it has updated. Made by [`OptimizerConfig::init`].
#[derive(Clone, Debug)]
pub struct Optimizer(Rule);

#[derive(Clone, Debug)]
enum Rule {
    Sgd(sgd::Sgd),
    Adam(adam::Adam),
    Lars(lars::Lars),
}

impl Optimizer {
    /// One step for one parameter; returns its new value. To be called once a step for every trained parameter.
    ///
    /// `name` is the parameter's full name (`backbone.conv1.weight`); `parameter` and `gradient` are its values,
    /// flat and without autodiff; `lr` is this step's learning rate. `adapted` is false for biases and the
    /// parameters of batch norm: they get neither weight decay nor LARS's trust ratio.
    ///
    /// # Panics
    /// When `parameter`, `gradient` and the state of this name differ in length.
    pub fn update(
        &mut self,
        name: &str,
        parameter: Tensor<1>,
        gradient: Tensor<1>,
        lr: f64,
        adapted: bool,
    ) -> Tensor<1> {
        match &mut self.0 {
            Rule::Sgd(sgd) => sgd.update(name, parameter, gradient, lr, adapted),
            Rule::Adam(adam) => adam.update(name, parameter, gradient, lr, adapted),
            Rule::Lars(lars) => lars.update(name, parameter, gradient, lr, adapted),
        }
    }

    /// The state, sorted by name: `momentum.<parameter>` (SGD, LARS); `first_moment.<parameter>`,
    /// `second_moment.<parameter>` and the number of its steps `step.<parameter>` (`[1]`) (Adam, AdamW).
    pub fn state(&self) -> Vec<(String, Tensor<1>)> {
        match &self.0 {
            Rule::Sgd(sgd) => state::named("momentum", &sgd.momentum),
            Rule::Adam(adam) => adam.state(),
            Rule::Lars(lars) => state::named("momentum", &lars.momentum),
        }
    }

    /// Replaces the state by what [`state`](Self::state) returned.
    ///
    /// # Errors
    /// When a name is not one of this optimiser, or when a parameter's state is incomplete: the state is another
    /// optimiser's. The current state is then kept.
    pub fn load_state(&mut self, state: BTreeMap<String, Tensor<1>>) -> Result<()> {
        match &mut self.0 {
            Rule::Sgd(sgd) => sgd.momentum = state::single("momentum", state)?,
            Rule::Adam(adam) => adam.load_state(state)?,
            Rule::Lars(lars) => lars.momentum = state::single("momentum", state)?,
        }
        Ok(())
    }
}

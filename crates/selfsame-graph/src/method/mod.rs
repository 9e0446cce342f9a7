//! The graph methods: one paper, one file.
//!
//! To add one, write its file and its line in [`METHODS`]; nothing else changes.

mod lightgcn;
mod mf;
mod pairwise;
mod sgl;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

pub use lightgcn::{LightGcn, LightGcnConfig};
pub use mf::{Mf, MfConfig};
pub use pairwise::{Pairwise, pairwise};
pub use sgl::{Sgl, SglConfig, Told, discriminate};

use std::sync::Arc;

use selfsame_core::method::Method;
use selfsame_core::pretrain::About;
use selfsame_core::settings::{Resolved, unknown_name};
use selfsame_core::tensor::Device;
use selfsame_core::{Random, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::data::{Interactions, PairBatch};
use crate::model::{Layers, Nodes};
use crate::view::Augmentation;

/// What a step sees.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Users with a positive and a negative item each.
    pub pairs: PairBatch,
    /// The layers of each view of the graph; none for a method without views. The same in the whole epoch, and on every rank.
    pub views: Arc<[Layers]>,
}

/// How the views of a graph are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thinning {
    /// What is dropped.
    pub augmentation: Augmentation,
    /// Its share ρ.
    pub ratio: f64,
    /// Layers of a view.
    pub layers: usize,
}

/// A method that learns embeddings of users and items.
pub trait GraphMethod: Method<Views = Batch> {
    /// What is kept when training is over.
    fn nodes(&self) -> &Nodes;

    /// How two views are made anew for each epoch; none for a method that needs none.
    fn thinning(&self) -> Option<Thinning> {
        None
    }
}

/// What the program and the loop need to know of a method before it is built.
pub struct Entry {
    /// What there is to say of it.
    pub about: About,
    /// Builds the method.
    pub build: fn(&Build<'_>) -> Result<Box<dyn GraphMethod>>,
}

/// What a method is built from.
pub struct Build<'a> {
    /// The graph to learn on.
    pub interactions: &'a Interactions,
    /// The settings of the training.
    pub settings: &'a Resolved,
    /// Randomness of the initial embeddings.
    pub random: Random,
    /// Where the embeddings live, with gradients.
    pub device: Device,
}

impl Build<'_> {
    /// The `method` section as a method's own type.
    ///
    /// # Errors
    /// When a value has the wrong type.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T> {
        self.settings.section("method")
    }

    /// Embeddings of this many layers.
    ///
    /// # Errors
    /// Those of [`Nodes::new`].
    pub fn nodes(&self, layers: usize) -> Result<Nodes> {
        let Dimension { dimension } = self.settings.section("backbone")?;
        Nodes::new(self.interactions, [dimension, layers], &self.random.named("nodes"), &self.device)
    }

    /// The number of layers in the settings, at least 1.
    ///
    /// # Errors
    /// No layers.
    pub fn layers(&self) -> Result<usize> {
        let Depth { layers } = self.settings.section("backbone")?;
        if layers == 0 {
            let help = "set at least 1 layer; embeddings that stand for themselves are the method `mf`";
            return Err(self.settings.reject(
                "backbone.layers",
                "there would be nothing to spread over",
                help,
            ));
        }
        Ok(layers)
    }
}

#[derive(Deserialize)]
struct Dimension {
    dimension: usize,
}

#[derive(Deserialize)]
struct Depth {
    layers: usize,
}

/// Every graph method, in the order in which `selfsame list methods` shows them.
pub const METHODS: &[Entry] = &[mf::ENTRY, lightgcn::ENTRY, sgl::ENTRY];

/// The method of this name.
///
/// # Errors
/// Unknown names, with the closest known one.
pub fn by_name(name: &str) -> Result<&'static Entry> {
    METHODS.iter().find(|entry| entry.about.name == name).ok_or_else(|| {
        let names: Vec<&str> = METHODS.iter().map(|entry| entry.about.name).collect();
        unknown_name("method", name, &names)
    })
}

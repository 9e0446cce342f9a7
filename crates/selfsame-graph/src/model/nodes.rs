//! One embedding a node, spread over the graph without weights (LightGCN, He et al. 2020, arXiv 2002.02126).

use selfsame_core::nn::{Embedding, SparseMatrix, propagate, propagate_rows};
use selfsame_core::tensor::{Device, Tensor};
use selfsame_core::{Error, Random, Result, host};

use super::layers::{Layers, full_layers};
use crate::data::Interactions;

/// A table of embeddings, users first and then items, and the graph that they spread over.
#[derive(Debug)]
pub struct Nodes {
    /// E⁰, `[users + items, dimension]`: all that is learned.
    pub table: Embedding,
    users: usize,
    layers: Layers,
}

impl Nodes {
    /// With Xavier-uniform embeddings, for users and for items each by themselves, and so many layers on these interactions; without a layer
    /// the embeddings stand for themselves.
    ///
    /// # Errors
    /// Embeddings without dimensions; more nodes than 32 bits can number.
    pub fn new(
        interactions: &Interactions,
        [dimension, layers]: [usize; 2],
        random: &Random,
        device: &Device,
    ) -> Result<Self> {
        if dimension == 0 {
            return Err(Error::config("backbone.dimension is 0", "64 is usual: --set backbone.dimension=64"));
        }
        let parts = [("users", interactions.users()), ("items", interactions.items())];
        Ok(Self {
            table: Embedding::xavier(&parts, dimension, random, device),
            users: interactions.users(),
            layers: full_layers(interactions, layers)?,
        })
    }

    /// E⁰, `[users + items, dimension]`.
    pub fn initial(&self) -> Tensor<2> {
        self.table.weight.val()
    }

    /// The mean of E⁰ and what each layer of the whole graph makes of the one before, `[users + items, dimension]` (equations 3 and 4).
    pub fn spread(&self) -> Tensor<2> {
        self.spread_over(&self.layers)
    }

    /// The same on another graph.
    pub fn spread_over(&self, layers: &[SparseMatrix]) -> Tensor<2> {
        propagate(layers, self.initial())
    }

    /// The rows of [`spread`](Self::spread) of these nodes, as often as they are asked for: `[nodes, dimension]`. The last layer is made for these alone.
    pub fn rows(&self, nodes: &[u32]) -> Tensor<2> {
        self.rows_over(&self.layers, nodes)
    }

    /// The same on another graph.
    pub fn rows_over(&self, layers: &[SparseMatrix], nodes: &[u32]) -> Tensor<2> {
        propagate_rows(layers, self.initial(), nodes)
    }

    /// How many layers there are; without one the embeddings stand for themselves.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// How many nodes are users; items follow.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The numbers of all nodes of these items.
    pub fn of_items<'a>(&self, items: &'a [u32]) -> impl Iterator<Item = u32> + use<'a> {
        let users = self.users as u32;
        items.iter().map(move |&item| users + item)
    }

    /// Final embeddings of users and of items, row by row.
    ///
    /// # Errors
    /// When the device fails to hand them out.
    pub fn finals(&self) -> Result<[Vec<f32>; 2]> {
        let table = propagate(&self.layers, self.initial().without_autodiff());
        let [_, dimension] = table.dims();
        let mut users = host::values(table)?;
        let items = users.split_off(self.users * dimension);
        Ok([users, items])
    }
}

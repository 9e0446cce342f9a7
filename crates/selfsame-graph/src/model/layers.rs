//! Graphs as the matrices of a propagation.

use selfsame_core::nn::{SparseError, SparseMatrix};
use selfsame_core::{Error, Result};

use crate::data::Interactions;
use crate::view::View;

/// What each layer of a propagation multiplies with: D^−½ A D^−½ of a graph. Layers of one graph share its memory.
pub type Layers = Vec<SparseMatrix>;

/// So many layers on all interactions.
///
/// # Errors
/// More nodes than 32 bits can number.
pub fn full_layers(interactions: &Interactions, count: usize) -> Result<Layers> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let edges: Vec<_> = interactions.pairs().collect();
    Ok(vec![matrix(interactions, &edges)?; count])
}

/// So many layers on a thinned graph, each normalised by its own degrees.
///
/// # Errors
/// More nodes than 32 bits can number.
pub fn view_layers(interactions: &Interactions, view: &View, count: usize) -> Result<Layers> {
    let users = interactions.user_of_each();
    let items = interactions.item_of_each();
    let kept = |kept: &Vec<u32>| {
        let edges: Vec<_> = kept.iter().map(|&at| (users[at as usize], items[at as usize])).collect();
        matrix(interactions, &edges)
    };
    let different = view.layers.iter().take(count).map(kept).collect::<Result<Layers>>()?;
    let Some(last) = different.last().cloned() else { return Ok(Vec::new()) };
    Ok(different.into_iter().chain(std::iter::repeat(last)).take(count).collect())
}

fn matrix(interactions: &Interactions, edges: &[(u32, u32)]) -> Result<SparseMatrix> {
    SparseMatrix::bipartite(interactions.users(), interactions.items(), edges).map_err(|error| match error {
        SparseError::TooLarge(_) => Error::config(error, "give data of fewer users and items"),
        error => Error::Internal(format!("a graph: {error}")),
    })
}

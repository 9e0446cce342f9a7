//! Scores of users for items, and those that are products of embeddings.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use selfsame_core::{Error, Result};

/// Scores of users for items. An item of the score −∞ is never recommended.
pub trait Scores: Sync {
    /// How many users there are.
    fn users(&self) -> usize;

    /// How many items there are.
    fn items(&self) -> usize;

    /// Writes the scores of these users for `first` and the items after it: `[users, items]`, row by row; `out` has the room of
    /// whole rows.
    fn write(&self, users: &[u32], first: usize, out: &mut [f32]);
}

/// Scores that are products of embeddings.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings<'a> {
    users: &'a [f32],
    items: &'a [f32],
    dimension: usize,
}

impl<'a> Embeddings<'a> {
    /// Of users, `[users, dimension]`, and items, `[items, dimension]`.
    ///
    /// # Errors
    /// Slices that are no whole rows.
    pub fn new(users: &'a [f32], items: &'a [f32], dimension: usize) -> Result<Self> {
        if dimension == 0 || !users.len().is_multiple_of(dimension) || !items.len().is_multiple_of(dimension)
        {
            return Err(Error::Internal(format!(
                "{} and {} numbers are no embeddings of dimension {dimension}",
                users.len(),
                items.len()
            )));
        }
        Ok(Self { users, items, dimension })
    }
}

impl Scores for Embeddings<'_> {
    fn users(&self) -> usize {
        self.users.len() / self.dimension
    }

    fn items(&self) -> usize {
        self.items.len() / self.dimension
    }

    fn write(&self, users: &[u32], first: usize, out: &mut [f32]) {
        let dimension = self.dimension;
        let width = out.len() / users.len().max(1);
        let rows: Vec<f32> = users
            .iter()
            .flat_map(|&user| &self.users[user as usize * dimension..(user as usize + 1) * dimension])
            .copied()
            .collect();
        let items = &self.items[first * dimension..(first + width) * dimension];
        matmul(
            MatMut::from_row_major_slice_mut(out, users.len(), width),
            Accum::Replace,
            MatRef::from_row_major_slice(&rows, users.len(), dimension),
            MatRef::from_row_major_slice(items, width, dimension).transpose(),
            1.0,
            Par::Seq,
        );
    }
}

//! The whole batch's embeddings on every rank.

use burn::tensor::{Tensor, TensorData};

use super::Collective;
use crate::Result;

/// The rows of all ranks in rank order, `[ranks × batch, dimensions]`, given this rank's `[batch, dimensions]`. This
/// rank's rows carry gradient, the other ranks' are constants.
///
/// An objective of the whole batch (negatives from every rank, say) is evaluated by every rank on what this returns,
/// so all ranks have the same loss: that of one rank with the whole batch. Its gradient with respect to this rank's
/// rows is complete, because the objective here is the whole one, and this rank's rows enter it only through the
/// tensor given. The gradient with respect to the other ranks' rows would be complete as well, and is what those
/// ranks compute for themselves: so nothing has to be sent in the backward pass, and it is cut off here.
/// What a parameter gets on this rank is its gradient through this rank's rows. Through all rows it is the **sum**
/// over the ranks, not the mean, and that is what one rank with the whole batch would have got.
///
/// # Errors
///
/// If a rank is gone, or the ranks' shapes differ.
pub fn gather_with_gradient(local: Tensor<2>, collective: &dyn Collective) -> Result<Tensor<2>> {
    if collective.size() == 1 {
        return Ok(local);
    }
    let [_, dimensions] = local.dims();
    let device = local.device();
    let values: Vec<f32> = local.to_data().iter::<f32>().collect();
    let everything = collective.all_gather(&values)?;
    let constant = |rows: &[f32]| {
        let shape = [rows.len() / dimensions.max(1), dimensions];
        Tensor::<2>::from_data(TensorData::new(rows.to_vec(), shape), &device)
    };
    let own = collective.rank() * values.len();
    let before = constant(&everything[..own]);
    let after = constant(&everything[own + values.len()..]);
    Ok(Tensor::cat(vec![before, local, after], 0))
}

/// The mean over the rows of all ranks, `[1]`, given this rank's mean over its `rows` rows, which may be none if the mean is then some
/// number. It has the gradient that [`gather_with_gradient`] would have given it.
///
/// # Errors
///
/// If a rank is gone.
pub fn mean_with_gradient(local: Tensor<1>, rows: usize, collective: &dyn Collective) -> Result<Tensor<1>> {
    if collective.size() == 1 {
        return Ok(local);
    }
    let all: f32 = collective.all_gather(&[rows as f32])?.iter().sum();
    let part = (local * (rows as f32 / all.max(1.0))).reshape([1, 1]);
    Ok(gather_with_gradient(part, collective)?.sum())
}

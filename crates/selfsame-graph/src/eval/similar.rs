//! What lies next to something: the nearest rows of a table by their angles.

use selfsame_core::{Error, Result};

use super::scores::Embeddings;
use super::top::{Recommended, top_items};
use crate::data::Interactions;

/// The `count` rows of `[rows, dimension]` with the highest cosine with this one, the nearest first, without itself; of equal ones the lower
/// number is first. A row of zeros has the cosine 0 with all.
///
/// # Errors
/// A row that is not there, a slice that is no whole rows, and numbers that are not finite.
pub fn nearest_rows(table: &[f32], dimension: usize, row: u32, count: usize) -> Result<Vec<Recommended>> {
    let mut units = table.to_vec();
    for unit in units.chunks_exact_mut(dimension.max(1)) {
        let length = unit.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        let inverse = if length > 0.0 { 1.0 / length } else { 0.0 };
        unit.iter_mut().for_each(|value| *value = (f64::from(*value) * inverse) as f32);
    }
    let start = row as usize * dimension;
    let Some(query) = units.get(start..start + dimension) else {
        return Err(Error::Internal(format!("there is no row {row} of {dimension} numbers")));
    };
    let cosines = Embeddings::new(query, &units, dimension)?;
    let rows = table.len() / dimension;
    let (itself, _) = Interactions::from_pairs(1, rows, std::iter::once((0, row)));
    Ok(top_items(&cosines, &[0], &itself, count)?.pop().unwrap_or_default())
}

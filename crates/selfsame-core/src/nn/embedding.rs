//! Embeddings: a learned row for each of many things.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use super::parameter;
use crate::Random;

/// A table of learned rows, without any layer on top.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[rows, dimension]`.
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// Xavier-uniform rows (Glorot and Bengio 2010): those of a part of n rows lie within ±√(6 / (n + dimension)). The parts, each with its
    /// name and its number of rows, follow each other in one table.
    pub fn xavier(parts: &[(&str, usize)], dimension: usize, random: &Random, device: &Device) -> Self {
        let mut values = Vec::new();
        for (name, rows) in parts {
            let bound = (6.0 / (rows + dimension).max(1) as f64).sqrt() as f32;
            let random = random.named(name);
            values.par_extend((0..*rows).into_par_iter().flat_map_iter(|row| {
                let mut random = random.at(row as u64);
                (0..dimension).map(move |_| random.range(-bound, bound))
            }));
        }
        let rows = parts.iter().map(|(_, rows)| rows).sum();
        Self { weight: parameter(values, [rows, dimension], device) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::golden::host;

    #[test]
    fn each_part_has_its_own_bound_and_addresses_decide() {
        let build = |users| {
            let parts = [("users", users), ("items", 4)];
            Embedding::xavier(&parts, 50, &Random::new(1), &Device::default())
        };
        let table = build(946);
        assert_eq!(table.weight.dims(), [950, 50]);
        let values = host(&table.weight.val());
        let largest = |values: &[f64]| values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let (users, items) = values.split_at(946 * 50);
        for (found, rows) in [(largest(users), 946.0), (largest(items), 4.0)] {
            let bound = f64::sqrt(6.0 / (rows + 50.0));
            assert!(found <= bound + 1e-7 && found > 0.95 * bound, "{found} of {bound}");
        }
        // The items' rows do not depend on how many users there are.
        assert_eq!(host(&build(10).weight.val())[500..], *items);
    }
}

//! The dense term of DenseCL.

use burn::tensor::{Int, Tensor};

use super::{Contrast, info_nce, unit};

/// The cell of the key's map that is most similar to each cell of the query's (Wang et al. 2021, arXiv 2011.09157, eq. 3), by the
/// backbone's features: `[batch, cells, features]` twice to `[batch, cells]`. Of equally similar ones it is the first.
pub fn correspondence(queries: Tensor<3>, keys: Tensor<3>) -> Tensor<2, Int> {
    let [batch, cells, features] = queries.dims();
    let [queries, keys] = [queries, keys].map(|map| {
        let map = map.without_autodiff();
        let count = map.dims()[1];
        unit(map.reshape([batch * count, features])).reshape([batch, count, features])
    });
    queries.matmul(keys.transpose()).argmax(2).reshape([batch, cells])
}

/// The dense term of DenseCL (eq. 2): the dense vector of each cell of the query has to find the one of the cell that corresponds to it
/// in the key's map among `queue`. The mean over all cells.
///
/// `queries` and `keys` are raw, `[batch, cells, dim]` each; `matches` (`[batch, cells]`) is what [`correspondence`] finds; `queue` is
/// `[K, dim]`, rows of unit length. Only the queries get a gradient.
pub fn densecl_dense(
    queries: Tensor<3>,
    keys: Tensor<3>,
    matches: Tensor<2, Int>,
    queue: Tensor<2>,
    temperature: f64,
) -> Contrast {
    let [batch, cells, dim] = queries.dims();
    let of_key = keys.dims()[1];
    let first = Tensor::<1, Int>::arange(0..batch as i64, &matches.device()) * of_key as i64;
    let places = (matches + first.unsqueeze_dim(1)).reshape([batch * cells]);
    let keys = keys.without_autodiff().reshape([batch * of_key, dim]).select(0, places);
    info_nce(queries.reshape([batch * cells, dim]), keys, queue, temperature)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::super::info_nce::tests::{Rows, dot, noise, slopes, slow_row, slow_unit, tensor};
    use super::*;
    use crate::Random;
    use crate::golden::{Golden, assert_close, host};

    fn numbers(matches: Tensor<2, Int>) -> Vec<usize> {
        let numbers: Vec<i64> = matches.try_into_vec_as().unwrap();
        numbers.into_iter().map(|number| number as usize).collect()
    }

    #[test]
    fn golden() {
        let golden = Golden::read("densecl_dense");
        let map = |name: &str| golden.tensor::<3>(name).permute([0, 2, 1]);
        let matches = correspondence(map("q_backbone"), map("k_backbone"));
        assert_eq!(numbers(matches.clone()), golden.indices("match"));
        let grid = golden.tensor::<3>("q_grid").autodiff().require_grad();
        let queries = grid.clone().permute([0, 2, 1]);
        let loss = densecl_dense(queries, map("k_grid"), matches, golden.tensor("queue"), 0.2).loss;
        assert_close(&host(&loss), &golden.values("loss").0, 1e-5);
        let gradient = grid.grad(&loss.backward()).unwrap();
        assert_close(&host(&gradient), &golden.values("grad_q_grid").0, 1e-5);
    }

    /// Cell by cell; maps are their cells one after the other.
    fn slow_correspondence(queries: &Rows, keys: &Rows, cells: usize) -> Vec<usize> {
        let best = |(at, query): (usize, &Vec<f64>)| {
            let of_image = &keys[at / cells * cells..(at / cells + 1) * cells];
            let similarity = |cell: usize| dot(&slow_unit(query), &slow_unit(&of_image[cell]));
            (0..cells).max_by(|a, b| similarity(*a).total_cmp(&similarity(*b))).unwrap()
        };
        queries.iter().enumerate().map(best).collect()
    }

    fn slow(
        queries: &Rows,
        keys: &Rows,
        matches: &[usize],
        queue: &Rows,
        cells: usize,
        temperature: f64,
    ) -> f64 {
        let of_cell = |(at, query): (usize, &Vec<f64>)| {
            let key = &keys[at / cells * cells + matches[at]];
            slow_row(&slow_unit(query), &slow_unit(key), queue, temperature).0
        };
        queries.iter().enumerate().map(of_cell).sum::<f64>() / queries.len() as f64
    }

    #[test]
    fn equals_equation_2_at_any_size() {
        for (batch, cells, features, dim, count) in [(1, 1, 3, 2, 1), (2, 4, 5, 3, 7), (3, 6, 2, 4, 9)] {
            let random = Random::new(7).at(batch as u64);
            let rows = batch * cells;
            let [query_map, key_map] = ["a", "b"].map(|name| noise(rows, features, &random.named(name)));
            let [queries, keys] = ["c", "d"].map(|name| noise(rows, dim, &random.named(name)));
            let queue: Rows =
                noise(count, dim, &random.named("e")).iter().map(|key| slow_unit(key)).collect();
            let map = |rows: &Rows| tensor(rows).reshape([batch, cells, rows[0].len()]);
            let matches = correspondence(map(&query_map), map(&key_map));
            let expected = slow_correspondence(&query_map, &key_map, cells);
            assert_eq!(numbers(matches.clone()), expected);
            let tracked = map(&queries).autodiff().require_grad();
            let loss = densecl_dense(tracked.clone(), map(&keys), matches, tensor(&queue), 0.3).loss;
            let reference = |queries: &Rows| slow(queries, &keys, &expected, &queue, cells, 0.3);
            assert_close(&host(&loss), &[reference(&queries)], 1e-5);
            let gradient = host(&tracked.grad(&loss.backward()).unwrap());
            assert_close(&gradient, &slopes(&queries, reference), 1e-4);
        }
    }
}

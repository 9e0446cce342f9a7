//! How fast the operations of graph methods are, on all cores.
//!
//! Usage (through `cargo xtask bench --only limits`, or alone): `graph_throughput FILE|USERS,ITEMS,INTERACTIONS [BATCH]`, the graph as of
//! `graph_step`. Two numbers a line, forwards and both ways: 10⁹ bytes a second of table rows read by propagation over three layers to
//! all nodes, then to three nodes for each of a batch; 10⁹ operations a second of a batch's InfoNCE over all users, then over all items (one
//! product forwards without a gradient, four both ways); last, alone, 10⁹ bytes a second read and written by Adam.

mod graphs;
mod timing;

use std::error::Error;

use burn::tensor::{Device, Distribution, Tensor};
use graphs::{Graph, Random};
use selfsame_kernels::{AdamStep, SparseMatrix, adam_step, info_nce, propagate, propagate_rows};
use timing::seconds;

const LAYERS: usize = 3;
const WIDTH: usize = 64;
const TEMPERATURE: f64 = 0.2;

fn main() -> Result<(), Box<dyn Error>> {
    selfsame_kernels::keep_freed_memory();
    let mut arguments = std::env::args().skip(1);
    let source = arguments.next().ok_or("graph_throughput FILE|USERS,ITEMS,INTERACTIONS [BATCH]")?;
    let batch: usize = arguments.next().map_or(Ok(2048), |batch| batch.parse())?;
    let Graph { users, items, edges } = Graph::of(&source)?;
    let nodes = users + items;
    let graph = SparseMatrix::bipartite(users, items, &edges)?;
    let layers = vec![graph.clone(); LAYERS];
    let mut random = Random(1);

    let row = WIDTH * size_of::<f32>();
    let bytes = LAYERS * graph.entries() * row;
    let table = || random_rows(nodes, WIDTH);
    time([bytes, 2 * bytes], [table()], |[table]| propagate(&layers, table));
    // As a batch of interactions has them: users, their items, and any items.
    let drawn: Vec<(u32, u32)> = (0..batch).map(|_| edges[random.below(edges.len())]).collect();
    let users_of = drawn.iter().map(|edge| edge.0);
    let items_of = drawn.iter().map(|edge| users as u32 + edge.1);
    let any: Vec<u32> = (0..batch).map(|_| (users + random.below(items)) as u32).collect();
    let some: Vec<u32> = users_of.chain(items_of).chain(any).collect();
    let degree = |node: &u32| graph.offsets()[*node as usize + 1] - graph.offsets()[*node as usize];
    let of_some: usize = some.iter().map(degree).sum();
    let bytes = ((LAYERS - 1) * graph.entries() + of_some) * row;
    time([bytes, 2 * bytes], [table()], |[table]| propagate_rows(&layers, table, &some));
    for keys in [users, items] {
        let targets: Vec<u32> = (0..batch).map(|_| random.below(keys) as u32).collect();
        let operations = 2 * batch * keys * WIDTH;
        let rows = [random_rows(batch, WIDTH), random_rows(keys, WIDTH)];
        time([operations, 4 * operations], rows, |[queries, keys]| {
            info_nce(queries, keys, &targets, TEMPERATURE)
        });
    }

    let flat = || Some(table().inner().flatten::<1>(0, 1));
    let (mut parameter, mut first, mut second) = (flat(), flat(), flat().map(|values| values.abs()));
    let step = AdamStep {
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
        lr: 1e-3,
        count: 100,
    };
    let mut gradient = flat();
    let adam = seconds(|| {
        let (Some(old), Some(pull)) = (parameter.take(), gradient.take()) else { return };
        let (Some(first_moment), Some(second_moment)) = (first.take(), second.take()) else { return };
        // The parameter's memory becomes the next gradient's, so that nothing is copied.
        gradient = Some(old.clone());
        let (new, moments) = adam_step(old, pull, [first_moment, second_moment], step);
        parameter = Some(new);
        let [new_first, new_second] = moments;
        (first, second) = (Some(new_first), Some(new_second));
    });
    println!("{:.2}", (7 * nodes * row) as f64 / adam / 1e9);
    Ok(())
}

/// Prints 10⁹ a second of what an operation does forwards, and both ways.
fn time<const N: usize, const D: usize>(
    amounts: [usize; 2],
    inputs: [Tensor<2>; N],
    operation: impl Fn([Tensor<2>; N]) -> Tensor<D>,
) {
    let constant = inputs.clone().map(Tensor::inner);
    let forward = seconds(|| drop(operation(constant.clone())));
    let both = seconds(|| {
        let inputs = inputs.clone().map(Tensor::require_grad);
        drop(operation(inputs).sum().backward());
    });
    println!("{:.2} {:.2}", amounts[0] as f64 / forward / 1e9, amounts[1] as f64 / both / 1e9);
}

fn random_rows(rows: usize, width: usize) -> Tensor<2> {
    Tensor::random([rows, width], Distribution::Normal(0.0, 0.1), &Device::flex().autodiff())
}

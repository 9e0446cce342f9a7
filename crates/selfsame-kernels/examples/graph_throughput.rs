//! What the operations of graph methods cost, in milliseconds, on all cores.
//!
//! Usage (through `cargo xtask bench`, or alone): `graph_throughput [USERS ITEMS INTERACTIONS [WIDTH [BATCH]]]`; by default the sizes of gowalla:
//! 29858 40981 810128 64 2048. Interactions are made up here, with degrees by power laws. One line an operation: forwards, and forwards
//! and backwards together.

mod timing;

use std::collections::HashSet;
use std::error::Error;

use burn::tensor::{Device, Distribution, Tensor};
use selfsame_kernels::{SparseMatrix, gather_rows, info_nce, propagate};
use timing::seconds;

const LAYERS: usize = 3;
const TEMPERATURE: f64 = 0.2;

fn main() -> Result<(), Box<dyn Error>> {
    selfsame_kernels::keep_freed_memory();
    let mut sizes: [usize; 5] = [29_858, 40_981, 810_128, 64, 2048];
    for (size, given) in sizes.iter_mut().zip(std::env::args().skip(1)) {
        *size = given.parse()?;
    }
    let [users, items, interactions, width, batch] = sizes;
    if users == 0 || items == 0 || interactions > users.saturating_mul(items) / 2 {
        return Err(
            "there must be users and items, and at most half as many interactions as pairs of these".into()
        );
    }
    let mut random = Random(1);
    let edges = power_law(users, items, interactions, &mut random);
    let build = seconds(|| drop(SparseMatrix::bipartite(users, items, &edges)));
    let graph = SparseMatrix::bipartite(users, items, &edges)?;
    println!("{graph:?}, width {width}, batch {batch}, {} threads", rayon::current_num_threads());
    println!("build {:.1}", 1e3 * build);

    let layers = vec![graph.clone(); LAYERS];
    let batch_of = |count: usize, random: &mut Random| -> Vec<u32> {
        (0..batch).map(|_| random.below(count) as u32).collect()
    };
    let nodes = batch_of(users + items, &mut random);
    let table = || random_rows(users + items, width);
    time("multiply", [table()], |[table]| graph.multiply(table));
    time(&format!("propagate {LAYERS} layers"), [table()], |[table]| propagate(&layers, table));
    time("gather_rows", [table()], |[table]| gather_rows(table, &nodes));
    for (name, keys) in [("users", users), ("items", items)] {
        let targets = batch_of(keys, &mut random);
        let rows = [random_rows(batch, width), random_rows(keys, width)];
        time(&format!("info_nce over {name}"), rows, |[queries, keys]| {
            info_nce(queries, keys, &targets, TEMPERATURE)
        });
    }
    Ok(())
}

/// Prints what an operation costs.
fn time<const N: usize, const D: usize>(
    name: &str,
    inputs: [Tensor<2>; N],
    operation: impl Fn([Tensor<2>; N]) -> Tensor<D>,
) {
    let constant = inputs.clone().map(Tensor::inner);
    let forward = seconds(|| drop(operation(constant.clone())));
    let both = seconds(|| {
        let inputs = inputs.clone().map(Tensor::require_grad);
        drop(operation(inputs).sum().backward());
    });
    println!("{name} {:.1} {:.1}", 1e3 * forward, 1e3 * both);
}

fn random_rows(rows: usize, width: usize) -> Tensor<2> {
    Tensor::random([rows, width], Distribution::Normal(0.0, 0.1), &Device::flex().autodiff())
}

/// So many different edges, in order; the chance of a node falls with its rank, which is not its number.
fn power_law(users: usize, items: usize, count: usize, random: &mut Random) -> Vec<(u32, u32)> {
    let shuffled = |size: usize, random: &mut Random| {
        let mut numbers: Vec<u32> = (0..size as u32).collect();
        for at in (1..size).rev() {
            numbers.swap(at, random.below(at + 1));
        }
        numbers
    };
    let (user_of, item_of) = (shuffled(users, random), shuffled(items, random));
    let mut edges = HashSet::with_capacity(count);
    let mut tries = 0_usize;
    while edges.len() < count {
        // The more tries fail, because pairs of popular nodes are used up, the flatter the law becomes.
        let exponent = 2.0 / (1.0 + tries as f64 / (10 * count) as f64);
        let mut ranked =
            |size: usize| ((random.unit().powf(exponent.max(1.0)) * size as f64) as usize).min(size - 1);
        edges.insert((user_of[ranked(users)], item_of[ranked(items)]));
        tries += 1;
    }
    let mut edges: Vec<(u32, u32)> = edges.into_iter().collect();
    edges.sort_unstable();
    edges
}

/// A counter whose bits are mixed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }
}

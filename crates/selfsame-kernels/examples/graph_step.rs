//! What a training step of LightGCN or SGL costs, made of the kernels: milliseconds a step, and the process's peak memory in MB.
//!
//! Usage (through `cargo xtask bench`, or alone): `graph_step lightgcn|sgl BATCH SECONDS FILE|USERS,ITEMS,INTERACTIONS`. A file has a user and
//! their items a line. Interactions that are made up have degrees by power laws. Three layers, 64 dimensions, the temperature 0.2, Adam.

mod graphs;

use std::error::Error;
use std::time::{Duration, Instant};

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Device, Distribution, Tensor};
use graphs::{Graph, Random};
use selfsame_kernels::{
    AdamStep, SparseMatrix, adam_step, gather_rows, info_nce_by_kind, propagate, propagate_rows,
};

const LAYERS: usize = 3;
const WIDTH: usize = 64;
const TEMPERATURE: f64 = 0.2;

fn main() -> Result<(), Box<dyn Error>> {
    selfsame_kernels::keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [method, batch, seconds, source] = arguments.as_slice() else {
        return Err("graph_step lightgcn|sgl BATCH SECONDS FILE|USERS,ITEMS,INTERACTIONS".into());
    };
    let (contrast, batch, seconds) = (method == "sgl", batch.parse()?, seconds.parse::<f64>()?);
    let graph = Graph::of(source)?;
    let mut random = Random(1);
    let mut training = Training::new(&graph, contrast, &mut random)?;
    training.step(&graph, batch, &mut random);
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 3 || start.elapsed() < Duration::from_secs_f64(seconds) {
        let start = Instant::now();
        training.step(&graph, batch, &mut random);
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    println!("{:.2} {:.1}", 1e3 * times[times.len() / 2], peak_memory());
    Ok(())
}

struct Training {
    layers: Vec<SparseMatrix>,
    views: Option<[Vec<SparseMatrix>; 2]>,
    table: Tensor<2>,
    moments: [Tensor<1>; 2],
    count: u32,
}

impl Training {
    fn new(graph: &Graph, contrast: bool, random: &mut Random) -> Result<Self, Box<dyn Error>> {
        let layers = |edges: &[(u32, u32)]| -> Result<Vec<SparseMatrix>, Box<dyn Error>> {
            Ok(vec![SparseMatrix::bipartite(graph.users, graph.items, edges)?; LAYERS])
        };
        let mut view = || {
            let kept: Vec<(u32, u32)> =
                graph.edges.iter().copied().filter(|_| random.unit() >= 0.1).collect();
            layers(&kept)
        };
        let views = if contrast { Some([view()?, view()?]) } else { None };
        let device = Device::flex();
        let nodes = graph.users + graph.items;
        Ok(Self {
            layers: layers(&graph.edges)?,
            views,
            table: Tensor::random([nodes, WIDTH], Distribution::Normal(0.0, 0.1), &device),
            moments: [(), ()].map(|()| Tensor::zeros([nodes * WIDTH], &device)),
            count: 0,
        })
    }

    fn step(&mut self, graph: &Graph, batch: usize, random: &mut Random) {
        let timer = Timer::new();
        let edge = |random: &mut Random| graph.edges[random.below(graph.edges.len())];
        let (users, positives): (Vec<u32>, Vec<u32>) = (0..batch).map(|_| edge(random)).unzip();
        let offset = graph.users as u32;
        let negatives = (0..batch).map(|_| offset + random.below(graph.items) as u32);
        let positives = positives.iter().map(|item| offset + item);
        let nodes: Vec<u32> = users.iter().copied().chain(positives.clone()).chain(negatives).collect();

        let table = Tensor::from_inner(self.table.clone()).require_grad();
        let part = |rows: &Tensor<2>, at: usize| rows.clone().narrow(0, at * batch, batch);
        let rows = propagate_rows(&self.layers, table.clone(), &nodes);
        timer.say("main");
        let above = part(&rows, 0) * (part(&rows, 1) - part(&rows, 2));
        let mut loss = -log_sigmoid(above.sum_dim(1)).mean();
        let own = gather_rows(table.clone(), &nodes);
        loss = loss + own.powi_scalar(2).sum() * (0.5e-4 / batch as f64);
        timer.say("bpr");
        if let Some([first, second]) = &self.views {
            let (users, items) = (counted(users), counted(positives.collect()));
            let nodes: Vec<u32> = users.0.iter().chain(&items.0).copied().collect();
            let queries = propagate_rows(first, table.clone(), &nodes);
            let keys = propagate(second, table.clone());
            timer.say("views");
            let kinds = [[users.0.len(), graph.users], [items.0.len(), graph.items]];
            let losses = info_nce_by_kind(queries, keys, &kinds, &nodes, TEMPERATURE);
            let weights = Tensor::<1>::from_floats([users.1, items.1].concat().as_slice(), &losses.device());
            loss = loss + (losses * weights).sum() * (0.1 / batch as f64);
            timer.say("nce");
        }
        let mut gradients = loss.backward();
        timer.say("backward");
        let gradient = table.grad_remove(&mut gradients).map(|gradient| gradient.flatten::<1>(0, 1));
        drop(gradients);
        let shape = table.dims();
        drop(table);
        let Some(gradient) = gradient else { return };
        self.count += 1;
        let step = AdamStep {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            lr: 1e-3,
            count: self.count,
        };
        let old = std::mem::replace(&mut self.table, Tensor::zeros([0, 0], &Device::flex()));
        let none = || Tensor::zeros([0], &Device::flex());
        let moments = std::mem::replace(&mut self.moments, [none(), none()]);
        let (new, moments) = adam_step(old.flatten(0, 1), gradient, moments, step);
        (self.table, self.moments) = (new.reshape(shape), moments);
        timer.say("adam");
    }
}

/// Each number once, and how often it was there.
fn counted(mut numbers: Vec<u32>) -> (Vec<u32>, Vec<f32>) {
    numbers.sort_unstable();
    let runs = numbers.chunk_by(u32::eq);
    runs.map(|run| (run[0], run.len() as f32)).unzip()
}

/// Says on stderr how long the parts of a step took, if `TIMES` is set.
struct Timer(std::cell::Cell<Instant>, bool);

impl Timer {
    fn new() -> Self {
        Self(Instant::now().into(), std::env::var_os("TIMES").is_some())
    }

    fn say(&self, part: &str) {
        if self.1 {
            eprint!("{part} {:.1} ", 1e3 * self.0.get().elapsed().as_secs_f64());
            if part == "adam" {
                eprintln!();
            }
            self.0.set(Instant::now());
        }
    }
}

/// The most memory that this process ever held, in MB; NaN where the system does not tell.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes * 1024.0 / 1e6)
}

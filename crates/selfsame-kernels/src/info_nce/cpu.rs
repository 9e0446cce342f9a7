//! InfoNCE of `f32` tensors on the CPU: tiles of exponentials that fit into a core's own cache.
//!
//! A tile has keys as rows and queries as columns. Its logits are keys times a panel of queries; sums over keys are then sums of vectors.

use std::mem::MaybeUninit;
use std::ops::Range;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use rayon::prelude::*;

use super::Pairing;
use super::exponential::exp2;
use super::extension::Compared;
use crate::buffer::{Places, in_parts, written, zeroed};
use crate::flex::{tensor, vector};
use crate::product::{Left, Panel, multiply};
use crate::rows;
use crate::simd::{Simd, Work, on_this_cpu};

/// Below it, exponentials of cosines do not all lie far within the range of `f32`.
pub const LEAST_TEMPERATURE: f64 = 1.0 / 30.0;

/// Queries and keys of a tile forwards, and the keys of a task.
const FORWARD: [usize; 2] = [128, 64];
const KEYS_OF_TASK: usize = 4096;
/// Queries and keys of a tile backwards; a task has one tile's keys.
const BACKWARD: [usize; 2] = [64, 192];

pub fn forward(queries: &FlexTensor, keys: &FlexTensor, pairing: &Pairing, pulls: bool) -> Compared<Flex> {
    on_this_cpu(Forward { queries, keys, pairing, pulls })
}

pub fn keys_backward(
    queries: &FlexTensor,
    keys: &FlexTensor,
    sums: &FlexTensor,
    loss_gradient: &FlexTensor,
    pairing: &Pairing,
) -> FlexTensor {
    on_this_cpu(Backward { queries, keys, sums, loss_gradient, pairing })
}

pub struct Forward<'a> {
    pub queries: &'a FlexTensor,
    pub keys: &'a FlexTensor,
    pub pairing: &'a Pairing,
    pub pulls: bool,
}

impl Work for Forward<'_> {
    type Output = Compared<Flex>;

    fn with<S: Simd>(self, simd: S) -> Compared<Flex> {
        let Self { queries, keys, pairing, pulls } = self;
        let (queries, keys) = (Units::new(simd, queries), Units::new(simd, keys));
        let (mut losses, mut totals) = (Vec::new(), Vec::new());
        let columns = queries.columns;
        let mut pulled = Vec::with_capacity(if pulls { queries.count * columns } else { 0 });
        for [of_queries, of_keys] in pairing.ranges() {
            let logits = Logits::new(simd, &queries, of_queries.clone(), &keys, pairing);
            let blocks = of_queries.len().div_ceil(FORWARD[0]);
            let chunks = of_keys.len().div_ceil(KEYS_OF_TASK);
            let tasks = (0..blocks * chunks).into_par_iter().map(|task| {
                let start = task / chunks * FORWARD[0];
                let first = of_keys.start + task % chunks * KEYS_OF_TASK;
                let of_block = start..(start + FORWARD[0]).min(logits.padded);
                logits.sums(simd, of_block, first..(first + KEYS_OF_TASK).min(of_keys.end), pulls)
            });
            let tasks: Vec<Sums> = tasks.collect();

            for (query, place) in of_queries.zip(0..) {
                let (block, at) = (place / FORWARD[0], place % FORWARD[0]);
                // Chunks of keys in their order, whoever did them.
                let tasks = &tasks[block * chunks..(block + 1) * chunks];
                let total: f64 = tasks.iter().map(|task| task.exponentials[at]).sum();
                let target = keys.row(pairing.targets[query] as usize);
                let cosine: f64 =
                    queries.row(query).iter().zip(target).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                losses.push((total.ln() - (cosine - 1.0) / pairing.temperature) as f32);
                totals.push(total as f32);
                if pulls {
                    let place = at * queries.stride;
                    pulled.extend((place..place + columns).map(|at| {
                        let sum: f64 = tasks.iter().map(|task| f64::from(task.pulls[at])).sum();
                        (sum / total) as f32
                    }));
                }
            }
        }
        let rows = if pulls { queries.count } else { 0 };
        Compared {
            losses: vector(losses),
            sums: vector(totals),
            pulls: tensor(pulled, Shape::new([rows, columns])),
        }
    }
}

pub struct Backward<'a> {
    pub queries: &'a FlexTensor,
    pub keys: &'a FlexTensor,
    pub sums: &'a FlexTensor,
    pub loss_gradient: &'a FlexTensor,
    pub pairing: &'a Pairing,
}

impl Work for Backward<'_> {
    type Output = FlexTensor;

    fn with<S: Simd>(self, simd: S) -> FlexTensor {
        let Self { queries, keys, sums, loss_gradient, pairing } = self;
        let shape = keys.layout().shape().clone();
        let (queries, keys) = (Units::new(simd, queries), Units::new(simd, keys));
        let [sums, loss_gradient] = [sums, loss_gradient].map(FlexTensor::to_contiguous);
        let [sums, gradients]: [&[f32]; 2] = [sums.storage(), loss_gradient.storage()];
        let inverse = 1.0 / pairing.temperature;
        let weights: Vec<f64> = gradients.iter().map(|gradient| f64::from(*gradient) * inverse).collect();
        let columns = keys.columns;
        if columns == 0 {
            return tensor(Vec::new(), shape);
        }
        let order = rows::order(&pairing.targets);
        let write = |places: &Places<'_>| {
            for [of_queries, of_keys] in pairing.ranges() {
                let logits = Logits::new(simd, &queries, of_queries.clone(), &keys, pairing);
                // Queries weighted with what multiplies their exponentials. Those that only fill up the last panel have no weight.
                let mut weighted = vec![0.0; logits.padded * queries.stride];
                for (query, weighted) in of_queries.zip(weighted.chunks_exact_mut(queries.stride)) {
                    let weight = (weights[query] / f64::from(sums[query])) as f32;
                    weighted.iter_mut().zip(queries.row(query)).for_each(|(to, value)| *to = weight * value);
                }
                let pushes = Pushes { logits: &logits, weighted: &weighted };
                let firsts = of_keys.clone().into_par_iter().step_by(BACKWARD[1]);
                firsts.for_each(|first| {
                    let tile = first..(first + BACKWARD[1]).min(of_keys.end);
                    let mut sums = pushes.sums(simd, tile.clone());
                    let start = order.partition_point(|&(key, _)| (key as usize) < first);
                    let of_tile = order[start..].iter().take_while(|(key, _)| (*key as usize) < tile.end);
                    for &(key, query) in of_tile {
                        let weight = weights[query] as f32;
                        let sums = &mut sums[(key as usize - first) * keys.stride..];
                        sums.iter_mut().zip(queries.row(query)).for_each(|(to, value)| *to -= weight * value);
                    }
                    // SAFETY: these numbers lie among the places, and no other task has these keys.
                    #[allow(unsafe_code)]
                    let result = unsafe {
                        let length = tile.len() * columns;
                        let start = places.part(first * columns, length);
                        std::slice::from_raw_parts_mut(start.cast::<MaybeUninit<f32>>(), length)
                    };
                    keys.backward(simd, tile, &sums, zeroed(result));
                });
            }
        };
        // SAFETY: all kinds together have all keys, and the tasks of a kind all of its keys.
        #[allow(unsafe_code)]
        let result = unsafe { written(keys.count * columns, write) };
        tensor(result, shape)
    }
}

/// What queries do to keys, their own key aside.
struct Pushes<'a> {
    logits: &'a Logits<'a>,
    /// The queries times what multiplies their exponentials, `[padded, stride]`.
    weighted: &'a [f32],
}

impl Pushes<'_> {
    /// The weighted queries times their exponentials with these keys, `[keys, stride]`.
    fn sums<S: Simd>(&self, simd: S, of_keys: Range<usize>) -> Vec<f32> {
        let (padded, stride) = (self.logits.padded, self.logits.keys.stride);
        let count = of_keys.len();
        let mut tile = Tile::<S>::new(BACKWARD[0], count);
        let mut sums = vec![0.0; count * stride];
        for start in (0..padded).step_by(BACKWARD[0]) {
            let of_queries = start..(start + BACKWARD[0]).min(padded);
            let depth = of_queries.len();
            self.logits.exponentials(simd, of_queries, of_keys.clone(), &mut tile, |_, _| ());
            for (at, vectors) in panels::<S>(stride) {
                let left = Left {
                    values: &tile.values,
                    rows: count,
                    depth,
                    row_stride: tile.stride,
                    depth_stride: 1,
                };
                let panel = Panel { values: &self.weighted[start * stride + at..], stride, vectors };
                multiply(simd, left, panel, &mut sums[at..], stride, true);
            }
        }
        sums
    }
}

/// Rows of length 1, each filled up with zeros to whole vectors.
struct Units {
    values: Vec<f32>,
    /// What the lengths were; 0 for rows of zeros.
    inverses: Vec<f32>,
    count: usize,
    columns: usize,
    stride: usize,
}

impl Units {
    fn new<S: Simd>(simd: S, rows: &FlexTensor) -> Self {
        /// Rows that a thread takes at a time.
        const ROWS: usize = 512;
        let rows = rows.to_contiguous();
        let (count, columns) = (rows.layout().shape()[0], rows.layout().shape()[1]);
        let rows: &[f32] = rows.storage();
        let stride = columns.next_multiple_of(S::LANES);
        let inverses = in_parts(count, ROWS, |part, inverses| {
            simd.run(
                #[inline(always)]
                || {
                    for (at, inverse) in inverses.iter_mut().enumerate() {
                        let start = (part * ROWS + at) * columns;
                        let row = &rows[start..start + columns];
                        let length = dot(row, row).sqrt();
                        // Of a shorter row the inverse is no `f32`.
                        *inverse = if length < f64::from(f32::MIN_POSITIVE) {
                            0.0
                        } else if length.is_finite() {
                            (1.0 / length) as f32
                        } else {
                            f32::NAN
                        };
                    }
                },
            );
        });
        let values = in_parts(count * stride, ROWS * stride, |part, values| {
            let start = part * ROWS;
            for (at, row) in values.chunks_exact_mut(stride).enumerate() {
                let inverse = inverses[start + at];
                if inverse.is_nan() {
                    row.fill(f32::NAN);
                } else {
                    let from = &rows[(start + at) * columns..(start + at + 1) * columns];
                    row.iter_mut().zip(from).for_each(|(to, value)| *to = value * inverse);
                }
            }
        });
        Self { values, inverses, count, columns, stride }
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.stride..(at + 1) * self.stride]
    }

    /// The gradient of some rows as they were, given that of the units, `[rows, stride]`.
    fn backward<S: Simd>(&self, simd: S, rows: Range<usize>, gradient: &[f32], result: &mut [f32]) {
        let each = result.chunks_exact_mut(self.columns).zip(gradient.chunks_exact(self.stride)).zip(rows);
        simd.run(
            #[inline(always)]
            || {
                for ((result, gradient), at) in each {
                    let (unit, inverse) = (self.row(at), self.inverses[at]);
                    let along = dot(gradient, unit) as f32;
                    for ((to, value), unit) in result.iter_mut().zip(gradient).zip(unit) {
                        *to = (value - along * unit) * inverse;
                    }
                }
            },
        );
    }
}

/// A sum of products, in `f64` and in an order that the compiler can make vectors of.
#[inline(always)]
fn dot(left: &[f32], right: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let (left, right) = (left.chunks(8), right.chunks(8));
    for (left, right) in left.zip(right) {
        for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
            *sum += f64::from(*left) * f64::from(*right);
        }
    }
    sums.iter().sum()
}

/// What is needed of the logits.
struct Logits<'a> {
    keys: &'a Units,
    /// The queries of a kind in panels of two vectors, each `[columns, 2 · LANES]`, the last filled up with zeros.
    panels: Vec<f32>,
    /// Queries with those that fill up the last panel.
    padded: usize,
    /// A cosine times this is the power of 2 that its exponential is.
    factor: f32,
}

/// Sums over some keys.
struct Sums {
    /// Of exponentials, for every query.
    exponentials: Vec<f64>,
    /// Of exponentials times keys, `[queries, stride]`.
    pulls: Vec<f32>,
}

/// Exponentials `[keys, queries]`.
struct Tile<S> {
    values: Vec<f32>,
    stride: usize,
    simd: std::marker::PhantomData<S>,
}

impl<S: Simd> Tile<S> {
    fn new(queries: usize, keys: usize) -> Self {
        // With one vector more than needed, lines of the cache that are used together do not push each other out.
        let stride = queries + S::LANES;
        Self { values: vec![0.0; keys * stride], stride, simd: std::marker::PhantomData }
    }
}

/// Where panels of one or two vectors begin, in so many columns, and which of both they have.
fn panels<S: Simd>(columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(2 * S::LANES).map(move |at| (at, if at + S::LANES < columns { 2 } else { 1 }))
}

impl<'a> Logits<'a> {
    fn new<S: Simd>(
        _simd: S,
        queries: &Units,
        of_queries: Range<usize>,
        keys: &'a Units,
        pairing: &Pairing,
    ) -> Self {
        let width = 2 * S::LANES;
        let padded = of_queries.len().next_multiple_of(width);
        let columns = queries.columns;
        let mut panels = vec![0.0; padded * columns];
        for (query, place) in of_queries.zip(0..) {
            let start = place / width * width * columns + place % width;
            for (at, value) in queries.row(query)[..columns].iter().enumerate() {
                panels[start + at * width] = *value;
            }
        }
        let factor = (std::f64::consts::LOG2_E / pairing.temperature) as f32;
        Self { keys, panels, padded, factor }
    }

    /// Fills a tile with exp((cos − 1)/τ) of these queries, numbered from the kind's first one and whole panels, and of these keys. `sums` gets the first column of every two vectors in the
    /// tile, and their sums over the keys.
    #[inline(always)]
    fn exponentials<S: Simd>(
        &self,
        simd: S,
        queries: Range<usize>,
        of_keys: Range<usize>,
        tile: &mut Tile<S>,
        mut sums: impl FnMut(usize, [S::Vector; 2]),
    ) {
        let (width, columns) = (2 * S::LANES, self.keys.columns);
        let count = of_keys.len();
        assert!(count * tile.stride <= tile.values.len() && queries.len() + S::LANES <= tile.stride);
        for at in (0..queries.len()).step_by(width) {
            let left = Left {
                values: &self.keys.values[of_keys.start * self.keys.stride..],
                rows: count,
                depth: columns,
                row_stride: self.keys.stride,
                depth_stride: 1,
            };
            let panel = &self.panels[(queries.start + at) * columns..];
            let panel = Panel { values: panel, stride: width, vectors: 2 };
            multiply(simd, left, panel, &mut tile.values[at..], tile.stride, false);
            let (start, stride) = (tile.values[at..].as_mut_ptr(), tile.stride);
            let mut of_panel = [simd.splat(0.0); 2];
            simd.run(
                #[inline(always)]
                || {
                    let (factor, negative) = (simd.splat(self.factor), simd.splat(-self.factor));
                    for key in 0..count {
                        for (vector, sum) in of_panel.iter_mut().enumerate() {
                            // SAFETY: the tile has so many keys and queries, as asserted above.
                            #[allow(unsafe_code)]
                            unsafe {
                                let place = start.add(key * stride + vector * S::LANES);
                                let power = simd.multiply_add(simd.read(place), factor, negative);
                                let value = exp2(simd, power);
                                simd.write(place, value);
                                *sum = simd.add(*sum, value);
                            }
                        }
                    }
                },
            );
            sums(at, of_panel);
        }
    }

    /// The sums over these keys, for these queries.
    fn sums<S: Simd>(&self, simd: S, queries: Range<usize>, of_keys: Range<usize>, pulls: bool) -> Sums {
        let [queries_of_tile, keys_of_tile] = FORWARD;
        let stride = self.keys.stride;
        let mut exponentials = vec![0.0; queries.len()];
        let mut pulled = vec![0.0; if pulls { queries.len() * stride } else { 0 }];
        let mut tile = Tile::<S>::new(queries_of_tile, keys_of_tile.min(of_keys.len()));
        for first in of_keys.clone().step_by(keys_of_tile) {
            let in_tile = first..(first + keys_of_tile).min(of_keys.end);
            self.exponentials(simd, queries.clone(), in_tile.clone(), &mut tile, |at, sums| {
                for (vector, sum) in sums.into_iter().enumerate() {
                    let mut lanes = [0.0; crate::simd::MOST_LANES];
                    simd.store(&mut lanes[..S::LANES], sum);
                    let totals = &mut exponentials[at + vector * S::LANES..];
                    totals.iter_mut().zip(&lanes[..S::LANES]).for_each(|(to, lane)| *to += f64::from(*lane));
                }
            });
            if !pulls {
                continue;
            }
            for (at, vectors) in panels::<S>(stride) {
                let left = Left {
                    values: &tile.values,
                    rows: queries.len(),
                    depth: in_tile.len(),
                    row_stride: 1,
                    depth_stride: tile.stride,
                };
                let panel = Panel { values: &self.keys.values[first * stride + at..], stride, vectors };
                multiply(simd, left, panel, &mut pulled[at..], stride, true);
            }
        }
        Sums { exponentials, pulls: pulled }
    }
}

//! Sparse products entry by entry, and the two versions against each other.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use proptest::prelude::*;

use super::cpu::product_with;
use super::{SparseError, SparseMatrix, propagate, propagate_rows};
use crate::gather_rows;
use crate::simd::Portable;

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// A matrix that has about one in `sparsity` entries.
fn matrix(rows: usize, columns: usize, sparsity: u64, seed: u64) -> SparseMatrix {
    let (mut offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..rows as u64 {
        for column in 0..columns as u64 {
            let mixed = (row * 7919 + column * 104_729 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            if mixed.is_multiple_of(sparsity) {
                indices.push(column as u32);
                values.push((mixed as f32 * 0.37).sin());
            }
        }
        offsets.push(indices.len());
    }
    SparseMatrix::new(columns, offsets, indices, values).unwrap()
}

fn dense_product(matrix: &SparseMatrix, dense: &[f64], width: usize) -> Vec<f64> {
    let mut output = vec![0.0; matrix.rows() * width];
    for row in 0..matrix.rows() {
        for at in matrix.offsets()[row]..matrix.offsets()[row + 1] {
            let (from, value) = (matrix.indices()[at] as usize, f64::from(matrix.values()[at]));
            for column in 0..width {
                output[row * width + column] += value * dense[from * width + column];
            }
        }
    }
    output
}

fn dense_transpose_product(matrix: &SparseMatrix, dense: &[f64], width: usize) -> Vec<f64> {
    let mut output = vec![0.0; matrix.columns() * width];
    for row in 0..matrix.rows() {
        for at in matrix.offsets()[row]..matrix.offsets()[row + 1] {
            let (to, value) = (matrix.indices()[at] as usize, f64::from(matrix.values()[at]));
            for column in 0..width {
                output[to * width + column] += value * dense[row * width + column];
            }
        }
    }
    output
}

/// Output and gradient, of a loss that weighs every output differently.
fn results(dense: &Tensor<2>, operation: impl Fn(Tensor<2>) -> Tensor<2>) -> [TensorData; 2] {
    let dense = dense.clone().require_grad();
    let output = operation(dense.clone());
    let weights = wave(output.dims(), 0.4).cast(output.dtype());
    let gradients = (output.clone() * weights).sum().backward();
    [output.into_data(), dense.grad(&gradients).unwrap().into_data()]
}

fn doubles(tensor: &Tensor<2>) -> Vec<f64> {
    tensor.to_data().iter::<f64>().collect()
}

fn assert_close(found: &TensorData, expected: &[f64]) {
    let expected = TensorData::new(expected.to_vec(), found.shape().clone());
    let found = found.clone().convert_dtype(DType::F64);
    found.assert_approx_eq::<f64>(&expected, Tolerance::rel_abs(1e-5, 1e-5));
}

fn compare_product(matrix: &SparseMatrix, width: usize) {
    let dense = wave([matrix.columns(), width], 0.1);
    let output = dense_product(matrix, &doubles(&dense), width);
    let weights = doubles(&wave([matrix.rows(), width], 0.4));
    let gradient = dense_transpose_product(matrix, &weights, width);
    for dense in [dense.clone(), dense.cast(DType::F64)] {
        let [found, found_gradient] = results(&dense, |dense| matrix.multiply(dense));
        assert_close(&found, &output);
        assert_close(&found_gradient, &gradient);
    }
}

fn compare_propagation(layers: &[SparseMatrix], nodes: usize, width: usize) {
    let table = wave([nodes, width], 0.1);
    let mut layer = doubles(&table);
    let mut mean = layer.clone();
    for matrix in layers {
        layer = dense_product(matrix, &layer, width);
        mean.iter_mut().zip(&layer).for_each(|(sum, value)| *sum += value);
    }
    // Of every layer by itself, in the most direct way.
    let mut gradient = vec![0.0; nodes * width];
    for count in 0..=layers.len() {
        let mut way = doubles(&wave([nodes, width], 0.4));
        for matrix in layers[..count].iter().rev() {
            way = dense_transpose_product(matrix, &way, width);
        }
        gradient.iter_mut().zip(&way).for_each(|(sum, value)| *sum += value);
    }
    let share = 1.0 / (layers.len() + 1) as f64;
    [&mut mean, &mut gradient].into_iter().flatten().for_each(|value| *value *= share);
    for table in [table.clone(), table.cast(DType::F64)] {
        let [found, found_gradient] = results(&table, |table| propagate(layers, table));
        assert_close(&found, &mean);
        assert_close(&found_gradient, &gradient);
    }
}

/// Against the same rows of all, for some lists with and without repetitions.
fn compare_propagation_of_rows(layers: &[SparseMatrix], nodes: usize, width: usize) {
    let table = wave([nodes, width], 0.1);
    let all: Vec<u32> = (0..nodes as u32).collect();
    let some: Vec<u32> = (0..nodes as u32 / 3).map(|at| (at * at * 5 + 2 * at) % nodes as u32).collect();
    let many: Vec<u32> = (0..200 * nodes as u32).map(|at| at * 7 % nodes as u32).take(90).collect();
    for rows in [&[][..], &all, &some, &many] {
        for table in [table.clone(), table.clone().cast(DType::F64)] {
            let expected = results(&table, |table| gather_rows(propagate(layers, table), rows));
            let found = results(&table, |table| propagate_rows(layers, table, rows));
            for (found, expected) in found.iter().zip(&expected) {
                assert_close(found, &expected.iter::<f64>().collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn products_of_odd_sizes() {
    for (rows, columns) in [(0, 3), (1, 1), (3, 0), (5, 9), (70, 40)] {
        for width in [0, 1, 3, 8, 31, 64, 65, 129, 200] {
            compare_product(&matrix(rows, columns, 4, 1), width);
        }
    }
    // Several parts.
    compare_product(&matrix(300, 300, 2, 1), 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_product(rows in 0usize..20, columns in 0usize..20, width in 0usize..90, sparsity in 1u64..9, seed: u16) {
        compare_product(&matrix(rows, columns, sparsity, seed.into()), width);
    }

    #[test]
    fn any_graph_is_normalised_and_symmetric(
        users in 1usize..9, items in 1usize..9, edges in prop::collection::btree_set((0u32..9, 0u32..9), 0..40),
    ) {
        let exists = |edge: &(u32, u32)| (edge.0 as usize) < users && (edge.1 as usize) < items;
        let edges: Vec<(u32, u32)> = edges.into_iter().filter(exists).collect();
        let graph = SparseMatrix::bipartite(users, items, &edges).unwrap();
        prop_assert_eq!((graph.rows(), graph.entries()), (users + items, 2 * edges.len()));
        let degree = |node: usize| {
            let has = |edge: &&(u32, u32)| node == edge.0 as usize || node == users + edge.1 as usize;
            edges.iter().filter(has).count() as f64
        };
        for row in 0..graph.rows() {
            for at in graph.offsets()[row]..graph.offsets()[row + 1] {
                let column = graph.indices()[at] as usize;
                let value = 1.0 / (degree(row) * degree(column)).sqrt();
                prop_assert!((f64::from(graph.values()[at]) - value).abs() < 1e-7);
                prop_assert!(edges.contains(&(row.min(column) as u32, (row.max(column) - users) as u32)));
            }
        }
        let parts = (graph.offsets().to_vec(), graph.indices().to_vec(), graph.values().to_vec());
        prop_assert!(SparseMatrix::symmetric(parts.0, parts.1, parts.2).is_ok());
    }
}

#[test]
fn propagation_of_any_depth() {
    for (nodes, width) in [(0, 3), (1, 1), (30, 64), (23, 65), (40, 3)] {
        let graphs: Vec<SparseMatrix> = (0..4).map(|seed| matrix(nodes, nodes, 5, seed)).collect();
        for depth in 0..=4 {
            compare_propagation(&graphs[..depth], nodes, width);
        }
        compare_propagation(&vec![graphs[0].clone(); 3], nodes, width);
        for depth in 0..=3 {
            compare_propagation_of_rows(&graphs[..depth], nodes, width);
        }
    }
    let graph = SparseMatrix::bipartite(2, 3, &[(0, 0), (0, 2), (1, 2)]).unwrap();
    compare_propagation(&[graph.clone(), graph], 5, 6);
}

#[test]
fn every_kind_of_vector_gives_the_same_sums() {
    let (matrix, width) = (matrix(60, 50, 3, 2), 77);
    let dense: Vec<f32> = wave([50, width], 0.1).to_data().try_to_vec().unwrap();
    let expected =
        dense_product(&matrix, &dense.iter().map(|&value| value.into()).collect::<Vec<_>>(), width);
    for wide in [false, true] {
        let found = if wide {
            product_with(Portable::<16, 32>, &matrix, &dense, width)
        } else {
            product_with(Portable::<4, 16>, &matrix, &dense, width)
        };
        assert_close(&TensorData::new(found, [60, width]), &expected);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let graphs: Vec<SparseMatrix> = (0..3).map(|seed| matrix(400, 400, 3, seed)).collect();
    let table = wave([400, 33], 0.2);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let rows: Vec<u32> = (0..500).map(|at| at * 11 % 400 / 3).collect();
        let all = || results(&table, |table| propagate(&graphs, table));
        let some = || results(&table, |table| propagate_rows(&graphs, table, &rows));
        pool.install(|| [all(), some()].concat())
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        on(threads).iter().zip(&expected).for_each(|(found, expected)| found.assert_eq(expected, true));
    }
}

#[test]
#[should_panic = "row 3 is none of 3 rows"]
fn a_row_that_does_not_exist_is_refused() {
    propagate_rows(&[matrix(3, 3, 2, 0)], wave([3, 2], 0.0), &[0, 3]);
}

#[test]
fn what_is_no_matrix_is_refused() {
    let new = |columns, offsets: &[usize], indices: &[u32], values: &[f32]| {
        SparseMatrix::new(columns, offsets.to_vec(), indices.to_vec(), values.to_vec()).unwrap_err()
    };
    assert_eq!(new(2, &[], &[], &[]), SparseError::Offsets { at: 0 });
    assert_eq!(new(2, &[1, 1], &[0], &[1.0]), SparseError::Offsets { at: 0 });
    assert_eq!(new(2, &[0, 2, 1], &[0, 1], &[1.0, 1.0]), SparseError::Offsets { at: 2 });
    assert_eq!(new(2, &[0, 3], &[0, 1], &[1.0, 1.0]), SparseError::Offsets { at: 1 });
    assert_eq!(new(2, &[0, 1], &[0, 1], &[1.0, 1.0]), SparseError::Offsets { at: 1 });
    assert_eq!(new(2, &[0, 1], &[0], &[]), SparseError::Values { indices: 1, values: 0 });
    assert_eq!(new(2, &[0, 0, 1], &[2], &[1.0]), SparseError::Column { row: 1, column: 2 });
    assert_eq!(new(2, &[0, 2], &[1, 1], &[1.0, 1.0]), SparseError::Column { row: 0, column: 1 });
    assert_eq!(new(usize::MAX, &[0], &[], &[]), SparseError::TooLarge(usize::MAX));
    let lopsided = SparseMatrix::symmetric(vec![0, 1, 1], vec![1], vec![1.0]);
    assert_eq!(lopsided.unwrap_err(), SparseError::NotSymmetric);
    for edges in [[(0, 1), (0, 0)], [(0, 1), (0, 1)], [(0, 0), (2, 0)], [(0, 0), (1, 2)]] {
        let (user, item) = edges[1];
        let error = SparseMatrix::bipartite(2, 2, &edges).unwrap_err();
        assert_eq!(error, SparseError::Edge { at: 1, user, item });
        assert!(error.to_string().contains("edge 1"));
    }
    assert!(matches!(SparseMatrix::bipartite(usize::MAX, 9, &[]), Err(SparseError::TooLarge(_))));
}

#[test]
#[should_panic = "rows of a dense factor"]
fn a_dense_factor_of_another_size_is_refused() {
    matrix(3, 4, 2, 0).multiply(wave([3, 2], 0.0));
}

//! Rows one by one, and the two versions against each other.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};

use super::gather_rows;

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// Indices with many repetitions, in no order.
fn some(count: usize, rows: usize) -> Vec<u32> {
    (0..count).map(|at| ((at * at * 7 + 3 * at) % rows) as u32).collect()
}

/// Output and gradient of the table, of a loss that weighs every output differently.
fn results(table: &Tensor<2>, indices: &[u32]) -> [TensorData; 2] {
    let table = table.clone().require_grad();
    let output = gather_rows(table.clone(), indices);
    let weights = wave(output.dims(), 0.4).cast(output.dtype());
    let gradients = (output.clone() * weights).sum().backward();
    [output.into_data(), table.grad(&gradients).unwrap().into_data()]
}

#[test]
fn rows_and_gradients_of_odd_sizes() {
    for (rows, columns, count) in
        [(1, 1, 0), (1, 1, 5), (7, 1, 20), (5, 3, 1), (900, 64, 700), (40, 65, 300), (3, 0, 2), (700, 200, 9)]
    {
        let (table, indices) = (wave([rows, columns], 0.1), some(count, rows));
        let values: Vec<f32> = table.to_data().try_to_vec().unwrap();
        let (mut output, mut gradient) = (Vec::new(), vec![0.0; rows * columns]);
        for &index in &indices {
            for column in 0..columns {
                let at = index as usize * columns + column;
                gradient[at] += f64::from((0.7 * output.len() as f32 + 0.4).sin());
                output.push(f64::from(values[at]));
            }
        }
        let expected =
            [TensorData::new(output, [count, columns]), TensorData::new(gradient, [rows, columns])];
        for found in [results(&table, &indices), results(&table.clone().cast(DType::F64), &indices)] {
            for (found, expected) in found.into_iter().zip(&expected) {
                assert_eq!(found.shape(), expected.shape());
                found
                    .convert_dtype(DType::F64)
                    .assert_approx_eq::<f64>(expected, Tolerance::rel_abs(1e-5, 2e-6));
            }
        }
    }
}

#[test]
fn an_empty_table_has_no_rows_to_gather() {
    let [output, gradient] = results(&wave([0, 4], 0.0), &[]);
    assert_eq!((&output.shape()[..], &gradient.shape()[..]), (&[0, 4][..], &[0, 4][..]));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (table, indices) = (wave([3000, 33], 0.2), some(5000, 3000));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| results(&table, &indices))
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        on(threads).iter().zip(&expected).for_each(|(found, expected)| found.assert_eq(expected, true));
    }
}

#[test]
#[should_panic = "row 3 is none of 3 rows"]
fn a_row_that_does_not_exist_is_refused() {
    gather_rows(wave([3, 2], 0.0), &[0, 3]);
}

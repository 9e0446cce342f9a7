//! Linear layers number by number, and the two versions against each other.

#![allow(clippy::unwrap_used)]

use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};

use super::linear;

/// Values that look random, are all different and the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>()).map(|at| (0.7 * at as f32 + phase).sin());
    let data = TensorData::new(values.collect::<Vec<_>>(), shape);
    Tensor::from_data(data, &Device::flex().autodiff())
}

/// Input, weight and bias of a layer.
struct Layer {
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Layer {
    fn new([rows, features, outputs]: [usize; 3], has_bias: bool, dtype: DType) -> Self {
        Self {
            input: wave([rows, features], 0.1).cast(dtype),
            weight: wave([outputs, features], 0.2).cast(dtype),
            bias: has_bias.then(|| wave([outputs], 0.3).cast(dtype)),
        }
    }

    /// Output and gradients, of a loss that weighs every output differently.
    fn results(&self) -> Vec<TensorData> {
        let (input, weight) = (self.input.clone().require_grad(), self.weight.clone().require_grad());
        let bias = self.bias.clone().map(Tensor::require_grad);
        let output = linear(input.clone(), weight.clone(), bias.clone());
        let weights = wave(output.dims(), 0.4).cast(output.dtype());
        let gradients = (output.clone() * weights).sum().backward();
        let mut results = vec![
            output.into_data(),
            input.grad(&gradients).unwrap().into_data(),
            weight.grad(&gradients).unwrap().into_data(),
        ];
        results.extend(bias.map(|bias| bias.grad(&gradients).unwrap().into_data()));
        results
    }
}

/// The same, number by number.
fn expected([rows, features, outputs]: [usize; 3], has_bias: bool) -> Vec<TensorData> {
    let value = |at: usize, phase: f32| f64::from((0.7 * at as f32 + phase).sin());
    let (mut output, mut of_input) = (vec![0.0; rows * outputs], vec![0.0; rows * features]);
    let (mut of_weight, mut of_bias) = (vec![0.0; outputs * features], vec![0.0; outputs]);
    for row in 0..rows {
        for to in 0..outputs {
            let gradient = value(row * outputs + to, 0.4);
            let mut sum = if has_bias { value(to, 0.3) } else { 0.0 };
            of_bias[to] += gradient;
            for from in 0..features {
                let (input, weight) = (value(row * features + from, 0.1), value(to * features + from, 0.2));
                sum += input * weight;
                of_input[row * features + from] += gradient * weight;
                of_weight[to * features + from] += gradient * input;
            }
            output[row * outputs + to] = sum;
        }
    }
    let mut results = vec![
        TensorData::new(output, [rows, outputs]),
        TensorData::new(of_input, [rows, features]),
        TensorData::new(of_weight, [outputs, features]),
    ];
    results.extend(has_bias.then(|| TensorData::new(of_bias, [outputs])));
    results
}

#[test]
fn outputs_and_gradients_of_odd_sizes() {
    let sizes = [
        [1, 1, 1],
        [2, 3, 1],
        [1, 70, 33],
        [5, 1, 9],
        [32, 65, 50],
        [33, 17, 200],
        [7, 801, 15],
        [200, 40, 300],
        [70, 130, 3],
        // Nothing to read, to write, or to sum.
        [0, 3, 4],
        [3, 4, 0],
        [3, 0, 4],
    ];
    for sizes in sizes {
        for has_bias in [true, false] {
            let expected = expected(sizes, has_bias);
            for dtype in [DType::F32, DType::F64] {
                let found = Layer::new(sizes, has_bias, dtype).results();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.into_iter().zip(&expected) {
                    assert_eq!(found.shape(), expected.shape(), "{sizes:?}");
                    let found = found.convert_dtype(DType::F64);
                    found.assert_approx_eq::<f64>(expected, Tolerance::rel_abs(1e-5, 3e-5));
                }
            }
        }
    }
}

#[test]
fn matrices_that_lie_otherwise_are_read_in_their_order() {
    let (input, weight) = (wave([9, 14], 0.1), wave([14, 5], 0.2));
    let expected = input.clone().matmul(weight.clone()).into_data();
    let found = linear(input.transpose().transpose(), weight.transpose(), None).into_data();
    found.assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-5, 1e-5));
}

#[test]
fn what_is_no_number_stays_so() {
    let input =
        Tensor::<2>::from_floats([[f32::NAN, 1.0], [f32::INFINITY, 0.0], [1.0, 1.0]], &Device::flex());
    let weight = Tensor::<2>::from_floats([[1.0, 2.0]], &Device::flex());
    let found: Vec<f32> = linear(input, weight, None).into_data().try_to_vec().unwrap();
    assert!(found[0].is_nan());
    assert_eq!(found[1..], [f32::INFINITY, 3.0]);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let layer = Layer::new([130, 700, 290], true, DType::F32);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| layer.results())
    };
    let expected = on(1);
    for threads in [2, 3, 8] {
        on(threads).iter().zip(&expected).for_each(|(found, expected)| found.assert_eq(expected, true));
    }
}

#[test]
#[should_panic = "differ in features"]
fn other_features_than_the_weights_are_refused() {
    linear(wave([2, 3], 0.0), wave([2, 4], 0.0), None);
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use burn::backend::Flex;
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;

use super::extension::{BatchNormBackend, Statistics};
use super::{batch_norm, portable};
use crate::{AllReduce, AllReduceError};

const EPSILON: f64 = 1e-5;

/// An input `[batch, channels, height, width]`, its scale and shift, and a gradient of its output.
#[derive(Clone, Debug)]
struct Case {
    shape: [usize; 4],
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    gradient: Vec<f32>,
}

/// What batch normalisation makes of a case, forwards and backwards.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    output: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    count: usize,
    input_gradient: Vec<f32>,
    weight_gradient: Vec<f32>,
    bias_gradient: Vec<f32>,
}

impl Case {
    /// Values around 3 with a deviation that grows with the channel.
    fn new(shape: [usize; 4], seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut random = |n: usize| -> Vec<f32> {
            let next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            std::iter::repeat_with(next).take(n).collect()
        };
        let (count, channels) = (shape.iter().product(), shape[1]);
        let input = random(count).iter().enumerate().map(|(i, v)| 3.0 + v * (1 + i % 5) as f32).collect();
        Self { shape, input, weight: random(channels), bias: random(channels), gradient: random(count) }
    }

    fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex().autodiff())
    }

    fn run(&self, ranks: Option<Arc<dyn AllReduce>>) -> Outcome {
        let channels = [self.shape[1]];
        let input = Self::tensor(&self.input, self.shape).require_grad();
        let weight = Self::tensor(&self.weight, channels).require_grad();
        let bias = Self::tensor(&self.bias, channels).require_grad();
        let normalised = batch_norm(input.clone(), weight.clone(), bias.clone(), EPSILON, ranks);
        let objective = (normalised.output.clone() * Self::tensor(&self.gradient, self.shape)).sum();
        let gradients = objective.backward();
        Outcome {
            output: values(normalised.output),
            mean: values(normalised.mean),
            variance: values(normalised.variance),
            count: normalised.count,
            input_gradient: values(input.grad(&gradients).unwrap()),
            weight_gradient: values(weight.grad(&gradients).unwrap()),
            bias_gradient: values(bias.grad(&gradients).unwrap()),
        }
    }

    /// The portable version, on the same backend.
    fn run_portably(&self, ranks: Option<&dyn AllReduce>) -> Outcome {
        let primitive = |values: &[f32], shape: &[usize]| {
            burn::backend::flex::FlexTensor::from_data(TensorData::new(values.to_vec(), shape.to_vec()))
        };
        let channels = [self.shape[1]];
        let input = primitive(&self.input, &self.shape);
        let weight = primitive(&self.weight, &channels);
        let bias = primitive(&self.bias, &channels);
        let forward = portable::forward::<Flex>(input.clone(), weight.clone(), bias, EPSILON, ranks);
        let Statistics { mean, variance, count } = forward.statistics.clone();
        let gradient = primitive(&self.gradient, &self.shape);
        let backward =
            portable::backward::<Flex>(input, weight, forward.statistics, gradient, EPSILON, ranks);
        let values = |tensor: burn::backend::flex::FlexTensor| tensor.into_data().to_vec::<f32>().unwrap();
        Outcome {
            output: values(forward.output),
            mean: values(mean),
            variance: values(variance),
            count,
            input_gradient: values(backward.input),
            weight_gradient: values(backward.weight),
            bias_gradient: values(backward.bias),
        }
    }

    /// Straight from the definition, in `f64`; the input's gradient as the Jacobian's product, element by element.
    fn reference(&self) -> Outcome {
        let [batch, channels, height, width] = self.shape;
        let positions = height * width;
        let count = batch * positions;
        let mut outcome = Outcome {
            output: vec![0.0; self.input.len()],
            mean: vec![0.0; channels],
            variance: vec![0.0; channels],
            count,
            input_gradient: vec![0.0; self.input.len()],
            weight_gradient: vec![0.0; channels],
            bias_gradient: vec![0.0; channels],
        };
        for channel in 0..channels {
            let own: Vec<usize> = (0..batch)
                .flat_map(|row| (0..positions).map(move |p| (row * channels + channel) * positions + p))
                .collect();
            let x = |i: usize| f64::from(self.input[i]);
            let g = |i: usize| f64::from(self.gradient[i]);
            let (weight, bias) = (f64::from(self.weight[channel]), f64::from(self.bias[channel]));
            let n = count as f64;
            let mean = own.iter().map(|&i| x(i)).sum::<f64>() / n;
            let variance = own.iter().map(|&i| (x(i) - mean).powi(2)).sum::<f64>() / n;
            let deviation = (variance + EPSILON).sqrt();
            let normalised = |i: usize| (x(i) - mean) / deviation;
            for &i in &own {
                outcome.output[i] = (normalised(i) * weight + bias) as f32;
                // ∂x̂ⱼ/∂xᵢ = (δᵢⱼ - 1/n - x̂ᵢ x̂ⱼ / n) / deviation
                let through: f64 = own
                    .iter()
                    .map(|&j| {
                        let same = if i == j { 1.0 } else { 0.0 };
                        g(j) * weight * (same - 1.0 / n - normalised(i) * normalised(j) / n) / deviation
                    })
                    .sum();
                outcome.input_gradient[i] = through as f32;
            }
            outcome.mean[channel] = mean as f32;
            outcome.variance[channel] = variance as f32;
            outcome.weight_gradient[channel] = own.iter().map(|&i| g(i) * normalised(i)).sum::<f64>() as f32;
            outcome.bias_gradient[channel] = own.iter().map(|&i| g(i)).sum::<f64>() as f32;
        }
        outcome
    }

    /// Some of the instances.
    fn part(&self, rows: std::ops::Range<usize>) -> Self {
        let [_, channels, height, width] = self.shape;
        let row = channels * height * width;
        let of = |values: &[f32]| values[rows.start * row..rows.end * row].to_vec();
        Self {
            shape: [rows.len(), channels, height, width],
            input: of(&self.input),
            gradient: of(&self.gradient),
            ..self.clone()
        }
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().to_vec().unwrap()
}

fn assert_near(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{what}[{index}] is {found}, not {expected} (scale {scale})"
        );
    }
}

impl Outcome {
    fn assert_near(&self, expected: &Self, tolerance: f32) {
        assert_near("output", &self.output, &expected.output, tolerance);
        assert_near("mean", &self.mean, &expected.mean, tolerance);
        assert_near("variance", &self.variance, &expected.variance, tolerance);
        assert_near("input gradient", &self.input_gradient, &expected.input_gradient, tolerance);
        assert_near("weight gradient", &self.weight_gradient, &expected.weight_gradient, tolerance);
        assert_near("bias gradient", &self.bias_gradient, &expected.bias_gradient, tolerance);
        assert_eq!(self.count, expected.count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn value_and_gradients_are_those_of_the_definition(
        batch in 2usize..5, channels in 1usize..9, height in 1usize..8, width in 1usize..8, seed in any::<u64>(),
    ) {
        let case = Case::new([batch, channels, height, width], seed);
        let expected = case.reference();
        case.run(None).assert_near(&expected, 2e-5);
        case.run_portably(None).assert_near(&expected, 2e-5);
    }
}

#[test]
fn planes_larger_than_a_tile_and_channels_in_many_blocks() {
    for shape in [[3, 2, 37, 41], [5, 700, 1, 1], [2, 130, 3, 3], [1, 3, 33, 32]] {
        let case = Case::new(shape, 11);
        let found = case.run(None);
        found.assert_near(&case.run_portably(None), 2e-5);
        if shape[0] * shape[2] * shape[3] < 100 {
            found.assert_near(&case.reference(), 2e-5);
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let case = Case::new([7, 37, 21, 19], 3);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| case.run(None))
    };
    let expected = run(1);
    for threads in [2, 3, 8] {
        assert_eq!(run(threads), expected);
    }
}

#[test]
fn a_matrix_is_normalised_by_column() {
    let case = Case::new([6, 5, 1, 1], 4);
    let input = Case::tensor(&case.input, [6, 5]);
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [5]));
    let normalised = batch_norm(input, weight, bias, EPSILON, None);
    assert_near("output", &values(normalised.output), &case.reference().output, 1e-5);
}

#[test]
fn views_of_other_tensors_are_read_as_they_are() {
    let case = Case::new([4, 3, 5, 6], 5);
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [3]));
    // Stored with the channels last, and as the middle of a larger tensor.
    let input = Case::tensor(&case.input, case.shape);
    let channels_last = Tensor::<4>::from_data(input.clone().permute([0, 2, 3, 1]).into_data(), &input.device());
    let middle = Tensor::cat(vec![input.clone().slice([0..1]), input.clone(), input.clone().slice([3..4])], 0);
    for view in [channels_last.permute([0, 3, 1, 2]), middle.slice([1..5])] {
        let view = view.detach().require_grad();
        let normalised = batch_norm(view.clone(), weight.clone(), bias.clone(), EPSILON, None);
        // Swapped, so that the gradient comes in as a view too.
        let gradient = Case::tensor(&case.gradient, case.shape).swap_dims(2, 3);
        let gradients = (normalised.output.clone().swap_dims(2, 3) * gradient).sum().backward();
        let expected = case.reference();
        assert_near("output", &values(normalised.output), &expected.output, 2e-5);
        let found = values(view.grad(&gradients).unwrap());
        assert_near("input gradient", &found, &expected.input_gradient, 2e-5);
    }
}

#[test]
fn one_element_per_channel_becomes_the_bias() {
    let case = Case::new([1, 4, 1, 1], 6);
    let found = case.run(None);
    assert_eq!(found.output, case.bias);
    assert_eq!(found.variance, [0.0; 4]);
    assert_eq!(found.input_gradient, [0.0; 4]);
    found.assert_near(&case.run_portably(None), 0.0);
}

#[test]
fn an_empty_batch_is_empty() {
    let found = Case::new([0, 4, 3, 3], 6).run(None);
    assert!(found.output.is_empty() && found.count == 0);
    assert_eq!(found.mean, [0.0; 4]);
}

#[test]
fn values_that_are_not_finite_spoil_their_channel_alone() {
    for spoiled in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut case = Case::new([3, 3, 2, 2], 7);
        case.input[4] = spoiled;
        let (fast, portable) = (case.run(None), case.run_portably(None));
        for (found, expected) in [(&fast.output, &portable.output), (&fast.input_gradient, &portable.input_gradient)]
        {
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_eq!(found.is_nan(), expected.is_nan());
                assert_eq!(found.is_nan(), index / 4 % 3 == 1);
            }
        }
    }
}

#[test]
fn statistics_carry_no_gradient_and_inference_tensors_no_graph() {
    let case = Case::new([4, 2, 3, 3], 8);
    let device = Device::flex();
    let on = |v: &[f32]| Tensor::<1>::from_data(TensorData::new(v.to_vec(), [v.len()]), &device);
    let input = Tensor::<4>::from_data(TensorData::new(case.input.clone(), case.shape), &device);
    let normalised = batch_norm(input, on(&case.weight), on(&case.bias), EPSILON, None);
    assert_near("output", &values(normalised.output), &case.reference().output, 2e-5);

    let input = Case::tensor(&case.input, case.shape).require_grad();
    let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [2]));
    let normalised = batch_norm(input.clone(), weight, bias, EPSILON, None);
    assert!(!normalised.mean.is_require_grad() && !normalised.variance.is_require_grad());
    let gradients = (normalised.output.sum() + normalised.mean.sum() * 100.0).backward();
    assert_near("input gradient", &values(input.grad(&gradients).unwrap()), &[0.0; 72], 1e-5);
}

/// A minimal all-reduce of two threads, which meet in every sum.
#[derive(Debug)]
struct Pair {
    rank: usize,
    given: Arc<[Mutex<Vec<f32>>; 2]>,
    meeting: Arc<Barrier>,
}

impl Pair {
    fn new() -> [Self; 2] {
        let given = Arc::new([const { Mutex::new(Vec::new()) }; 2]);
        let meeting = Arc::new(Barrier::new(2));
        [0, 1].map(|rank| Self { rank, given: Arc::clone(&given), meeting: Arc::clone(&meeting) })
    }
}

impl AllReduce for Pair {
    fn sum(&self, values: &mut [f32]) -> Result<(), AllReduceError> {
        *self.given[self.rank].lock().unwrap() = values.to_vec();
        self.meeting.wait();
        let [first, second] = [0, 1].map(|rank| self.given[rank].lock().unwrap().clone());
        for ((value, a), b) in values.iter_mut().zip(first).zip(second) {
            *value = a + b;
        }
        self.meeting.wait();
        Ok(())
    }
}

/// Two ranks that meet in their forward and backward passes, against one with both batches.
fn two_ranks(run: impl Fn(Case, Pair) -> Outcome + Sync) {
    let whole = Case::new([7, 5, 9, 3], 9);
    let (first, second) = (whole.part(0..3), whole.part(3..7));
    let [one, other] = Pair::new();
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| run(first, one));
        let second = scope.spawn(|| run(second, other));
        (first.join().unwrap(), second.join().unwrap())
    });
    let add = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + b).collect();
    assert_eq!((&first.mean, &first.variance), (&second.mean, &second.variance));
    let together = Outcome {
        output: [first.output, second.output].concat(),
        input_gradient: [first.input_gradient, second.input_gradient].concat(),
        weight_gradient: add(&first.weight_gradient, &second.weight_gradient),
        bias_gradient: add(&first.bias_gradient, &second.bias_gradient),
        ..first
    };
    together.assert_near(&whole.run(None), 1e-6);
}

#[test]
fn two_ranks_are_one_with_both_batches() {
    two_ranks(|case, rank| case.run(Some(Arc::new(rank))));
}

#[test]
fn two_ranks_are_one_with_both_batches_portably() {
    two_ranks(|case, rank| case.run_portably(Some(&rank)));
}

/// An all-reduce whose other rank is gone.
#[derive(Debug)]
struct Broken;

impl AllReduce for Broken {
    fn sum(&self, _values: &mut [f32]) -> Result<(), AllReduceError> {
        Err(AllReduceError::new("rank 1 is gone"))
    }
}

#[test]
fn when_the_ranks_fail_nothing_looks_like_a_result() {
    let case = Case::new([4, 2, 3, 3], 10);
    for outcome in [case.run(Some(Arc::new(Broken))), case.run_portably(Some(&Broken))] {
        assert!(outcome.output.iter().chain(&outcome.input_gradient).all(|value| value.is_nan()));
    }
}

#[test]
fn a_rank_dropped_before_its_backward_pass_gives_no_gradient_that_looks_like_one() {
    let case = Case::new([4, 2, 3, 3], 10);
    let [one, other] = Pair::new();
    let run = |rank: Pair| {
        let input = Case::tensor(&case.input, case.shape).require_grad();
        let [weight, bias] = [&case.weight, &case.bias].map(|v| Case::tensor(v, [2]));
        let normalised = batch_norm(input.clone(), weight, bias, EPSILON, Some(Arc::new(rank)));
        values(input.grad(&normalised.output.sum().backward()).unwrap())
    };
    thread::scope(|scope| {
        for thread in [scope.spawn(|| run(one)), scope.spawn(|| run(other))] {
            assert!(thread.join().unwrap().iter().all(|value| value.is_nan()));
        }
    });
}

/// The extension's other methods exist for the macro; this is the one that no test reaches otherwise.
#[test]
fn double_precision_takes_the_portable_way() {
    let case = Case::new([4, 2, 3, 3], 12);
    let double = |v: &[f32], shape: &[usize]| {
        let data = TensorData::new(v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>(), shape.to_vec());
        burn::backend::flex::FlexTensor::from_data(data)
    };
    let found = Flex::batch_norm_over_ranks(
        double(&case.input, &case.shape),
        double(&case.weight, &[2]),
        double(&case.bias, &[2]),
        EPSILON,
        None,
    );
    let output: Vec<f32> = found.output.into_data().iter::<f64>().map(|v| v as f32).collect();
    assert_near("output", &output, &case.reference().output, 1e-6);
}

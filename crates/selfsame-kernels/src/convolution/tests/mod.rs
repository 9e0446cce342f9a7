//! What the tests share, and tests on slow sums in double precision.

mod clips;
mod exact;
mod maps;

use burn::tensor::{Device, Tensor, TensorData, Tolerance};

use super::cpu;
use super::extent::Extent;
use crate::simd::{Portable, Simd, Work, on_this_cpu};
pub use exact::{exact, lengths};

/// Values that look random and are the same everywhere.
fn wave<const D: usize>(shape: [usize; D], phase: f32, device: &Device) -> Tensor<D> {
    let values = (0..shape.iter().product::<usize>())
        .map(|at| (0.7 * at as f32 + phase).sin() * (0.013 * at as f32).cos());
    Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), shape), device)
}

/// Output, gradient of the input, gradient of the weight, of a loss that weighs every output differently.
fn results<const D: usize>(
    convolve: impl Fn(Tensor<D>, Tensor<D>) -> Tensor<D>,
    input: &Tensor<D>,
    weight: &Tensor<D>,
) -> [TensorData; 3] {
    let (input, weight) = (input.clone().require_grad(), weight.clone().require_grad());
    let output = convolve(input.clone(), weight.clone());
    let weights = wave(output.dims(), 0.4, &output.device());
    let gradients = (output.clone() * weights).sum().backward();
    let gradient = |tensor: &Tensor<D>| {
        tensor.grad(&gradients).map_or_else(|| TensorData::from([f32::NAN]), Tensor::into_data)
    };
    [output.into_data(), gradient(&input), gradient(&weight)]
}

fn approximately_equal(ours: &[TensorData; 3], others: &[TensorData; 3]) {
    for (ours, others) in ours.iter().zip(others) {
        ours.assert_approx_eq::<f32>(others, Tolerance::rel_abs(1e-4, 1e-4));
    }
}

/// Output and gradients as direct products, with these vectors.
struct Direct<'a>(&'a Extent, &'a [Vec<f32>; 3]);

impl Work for Direct<'_> {
    type Output = [Vec<f32>; 3];

    fn with<S: Simd>(self, simd: S) -> [Vec<f32>; 3] {
        let Self(extent, [input, weight, output_gradient]) = self;
        [
            cpu::Forward { extent, input, weight }.with(simd),
            cpu::InputGradient { extent, output_gradient, weight }.with(simd),
            cpu::WeightGradient { extent, input, output_gradient }.with(simd),
        ]
    }
}

/// Asserts that direct products come out the same with all kinds of vectors.
fn all_vectors_agree(extent: &Extent) {
    let scale = (extent.taps() * extent.channels) as f32;
    let sources = lengths(extent)
        .map(|length| (0..length).map(|at| (0.7 * at as f32).sin() / scale.sqrt()).collect::<Vec<_>>());
    let all = || Direct(extent, &sources);
    let expected = on_this_cpu(all());
    // The last is the block of AVX-512, wherever this runs.
    for found in
        [all().with(Portable::<4, 16>), all().with(Portable::<4, 32>), all().with(Portable::<16, 32>)]
    {
        assert_eq!(found.each_ref().map(Vec::len), expected.each_ref().map(Vec::len));
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected} of {extent:?}");
        }
    }
}

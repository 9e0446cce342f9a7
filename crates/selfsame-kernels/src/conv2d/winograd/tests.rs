//! Against a slow exact convolution, on odd sizes and on all kinds of vectors.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::simd::{Portable, Simd, Work};

/// Of kernel 3, stride 1 and padding 1.
fn extent([batch, height, width, channels]: [usize; 4], outputs: usize) -> Extent {
    Extent {
        batch,
        channels,
        height,
        width,
        outputs,
        kernel: 3,
        stride: 1,
        padding: 1,
        output_height: height,
        output_width: width,
    }
}

/// Values that look random and are the same everywhere.
fn noise(length: usize, mut state: u64) -> Vec<f32> {
    let mut value = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..length).map(|_| value()).collect()
}

/// Input, weight and gradient of the output.
fn tensors(extent: &Extent) -> [Vec<f32>; 3] {
    let pixels = extent.batch * extent.height * extent.width;
    [
        noise(pixels * extent.channels, 1),
        noise(extent.outputs * extent.channels * 9, 2),
        noise(pixels * extent.outputs, 3),
    ]
}

/// Output, gradient of the input and gradient of the weight, each product by itself.
fn exact(extent: &Extent, [input, weight, gradient]: &[Vec<f32>; 3]) -> [Vec<f64>; 3] {
    let Extent { batch, channels, height, width, outputs, .. } = *extent;
    let mut results = [gradient, input, weight].map(|like| vec![0.0; like.len()]);
    let [output, input_gradient, weight_gradient] = &mut results;
    for at in 0..batch * height * width * 9 {
        let (pixel, tap) = (at / 9, at % 9);
        let (row, column) = (pixel / width % height + tap / 3, pixel % width + tap % 3);
        if row < 1 || row > height || column < 1 || column > width {
            continue;
        }
        let read = (pixel / (height * width) * height + row - 1) * width + column - 1;
        for o in 0..outputs {
            for c in 0..channels {
                let [x, y, w] = [read * channels + c, pixel * outputs + o, (o * channels + c) * 9 + tap];
                output[y] += f64::from(input[x]) * f64::from(weight[w]);
                input_gradient[x] += f64::from(gradient[y]) * f64::from(weight[w]);
                weight_gradient[w] += f64::from(gradient[y]) * f64::from(input[x]);
            }
        }
    }
    results
}

/// The same by tiles, with what the CPU has.
fn by_tiles(extent: &Extent, [input, weight, gradient]: &[Vec<f32>; 3]) -> [Vec<f32>; 3] {
    let mut results = [gradient, input, weight].map(|like| vec![f32::NAN; like.len()]);
    let [output, by_input, by_weight] = &mut results;
    forward(extent, input, weight, output);
    input_gradient(extent, gradient, weight, by_input);
    weight_gradient(extent, input, gradient, by_weight);
    results
}

/// The same with other vectors.
fn with<S: Simd>(simd: S, extent: &Extent, [input, weight, gradient]: &[Vec<f32>; 3]) -> [Vec<f32>; 3] {
    let Extent { channels, outputs, .. } = *extent;
    let grid = Grid::of(extent);
    let mut results = [gradient, input, weight].map(|like| vec![f32::NAN; like.len()]);
    let [output, by_input, by_weight] = &mut results;
    let kernels = Kernels::forward(weight, channels, outputs);
    Convolution { grid, kernels, input, output }.with(simd);
    let kernels = Kernels::backward(weight, channels, outputs);
    Convolution { grid, kernels, input: gradient, output: by_input }.with(simd);
    WeightGradient { grid, channels, outputs, input, output_gradient: gradient, gradient: by_weight }
        .with(simd);
    results
}

fn compare(results: &[Vec<f32>; 3], exact: &[Vec<f64>; 3]) {
    for (name, (result, exact)) in ["output", "input", "weight"].iter().zip(results.iter().zip(exact)) {
        let mean = |squares: f64| (squares / exact.len() as f64).sqrt();
        let scale = mean(exact.iter().map(|exact| exact * exact).sum());
        let error = |(result, exact): (&f32, &f64)| (f64::from(*result) - exact).powi(2);
        let error = mean(result.iter().zip(exact).map(error).sum());
        assert!(error <= 4e-6 * scale, "{name}: {error:e} of {scale:e}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn odd_sizes(
        batch in 1usize..4, height in 1usize..12, width in 1usize..12, channels in 1usize..40, outputs in 1usize..40,
    ) {
        let extent = extent([batch, height, width, channels], outputs);
        let tensors = tensors(&extent);
        let exact = exact(&extent, &tensors);
        compare(&by_tiles(&extent, &tensors), &exact);
        compare(&with(Portable::<4, 16>, &extent, &tensors), &exact);
        // As on AVX-512, wherever this runs.
        compare(&with(Portable::<16, 32>, &extent, &tensors), &exact);
    }
}

#[test]
fn large_weights_and_many_tiles() {
    for (shape, outputs) in
        [([2, 9, 6, 180], 170), ([150, 1, 1, 190], 160), ([3, 32, 32, 16], 16), ([70, 4, 4, 64], 8)]
    {
        let extent = extent(shape, outputs);
        let tensors = tensors(&extent);
        compare(&by_tiles(&extent, &tensors), &exact(&extent, &tensors));
    }
}

#[test]
fn without_numbers_there_is_nothing_or_zero() {
    for (shape, outputs) in
        [([0, 4, 4, 3], 2), ([2, 0, 4, 3], 2), ([2, 4, 0, 3], 2), ([2, 4, 4, 0], 2), ([2, 4, 4, 3], 0)]
    {
        let extent = extent(shape, outputs);
        let results = by_tiles(&extent, &tensors(&extent));
        assert!(results.iter().flatten().all(|value| *value == 0.0));
    }
}

#[test]
fn what_is_not_a_number_comes_through() {
    for at in [0, 5 * 7 + 2, 7 * 7 - 1] {
        let extent = extent([1, 7, 7, 2], 3);
        let [mut input, weight, gradient] = tensors(&extent);
        input[at * 2 + 1] = f32::NAN;
        let tensors = [input, weight, gradient];
        for (result, exact) in by_tiles(&extent, &tensors).iter().zip(&exact(&extent, &tensors)) {
            assert!(result.iter().zip(exact).all(|(result, exact)| result.is_nan() || !exact.is_nan()));
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    for (shape, outputs) in [([30, 9, 9, 24], 20), ([20, 4, 4, 170], 180)] {
        let extent = extent(shape, outputs);
        let tensors = tensors(&extent);
        let results = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| by_tiles(&extent, &tensors))
        };
        assert!(results(1) == results(3));
    }
}

#[test]
fn single_pixels_and_channels_do_not_pay() {
    let is_paid = |side, channels| pays(&extent([8, side, side, channels], 64));
    assert!(is_paid(32, 3) && is_paid(32, 16) && is_paid(7, 512) && is_paid(5, 64) && is_paid(2, 512));
    assert!(!is_paid(32, 1) && !is_paid(1, 512));
}

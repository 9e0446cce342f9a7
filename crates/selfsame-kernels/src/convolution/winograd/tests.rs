//! Against a slow exact convolution, on odd sizes and on all kinds of vectors.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::convolution::Window;
use crate::convolution::tests::{exact, lengths};
use crate::simd::{Portable, Simd, Work};

/// A map with kernel 3, stride 1 and padding 1.
fn extent([batch, height, width, channels]: [usize; 4], outputs: usize) -> Extent {
    clips([batch, 1, height, width, channels], outputs, [1, 3, 3], 0)
}

/// Clips with stride 1 and a kernel of 3×3 in so many frames, without any padding.
fn unpadded(input: [usize; 5], outputs: usize, frames: usize) -> Extent {
    let window = Window { stride: [1; 3], padding: [0; 3] };
    Extent::new(&input, &[outputs, input[4], frames, 3, 3], window)
}

/// Clips with stride 1, a padding before and behind them, and what keeps their height and width.
fn clips(input: [usize; 5], outputs: usize, [frames, height, width]: [usize; 3], padding: usize) -> Extent {
    let window = Window { stride: [1; 3], padding: [padding, height / 2, width / 2] };
    Extent::new(&input, &[outputs, input[4], frames, height, width], window)
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
    let [input, weight, output] = lengths(extent);
    [noise(input, 1), noise(weight, 2), noise(output, 3)]
}

/// Output, gradient of the input and gradient of the weight by tiles, with what the CPU has.
fn by_tiles(extent: &Extent, [input, weight, gradient]: &[Vec<f32>; 3]) -> [Vec<f32>; 3] {
    let tiling = Tiling::of(extent).unwrap();
    [
        tiling.forward(input, weight),
        tiling.input_gradient(gradient, weight),
        tiling.weight_gradient(input, gradient),
    ]
}

/// The same with other vectors.
fn with<S: Simd>(simd: S, extent: &Extent, [input, weight, gradient]: &[Vec<f32>; 3]) -> [Vec<f32>; 3] {
    let Tiling { grid, frames, channels, outputs } = Tiling::of(extent).unwrap();
    let convolve = |grid: Grid, frames: Frames, kernels: Kernels<'_>, input: &[f32], length: usize| {
        // SAFETY: nothing is left out, or `compare` finds what is not a number.
        #[allow(unsafe_code)]
        unsafe {
            written(length, |output| Convolution { grid, frames, kernels, input, output }.with(simd))
        }
    };
    let forward = Kernels::forward(weight, &grid, &frames, [channels, outputs]);
    let backward = Kernels::backward(weight, &grid, &frames, [channels, outputs]);
    let mut by_weight = vec![0.0; weight.len()];
    WeightGradient {
        grid,
        frames,
        channels,
        outputs,
        input,
        output_gradient: gradient,
        gradient: &mut by_weight,
    }
    .with(simd);
    [
        convolve(grid, frames, forward, input, gradient.len()),
        convolve(grid.turned(), frames.turned(), backward, gradient, input.len()),
        by_weight,
    ]
}

/// With all kinds of vectors.
fn compare_all(extent: &Extent) {
    let tensors = tensors(extent);
    let exact = exact(extent, &tensors);
    compare(&by_tiles(extent, &tensors), &exact);
    compare(&with(Portable::<4, 16>, extent, &tensors), &exact);
    // As on AVX-512, wherever this runs.
    compare(&with(Portable::<16, 32>, extent, &tensors), &exact);
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
        compare_all(&extent([batch, height, width, channels], outputs));
    }

    #[test]
    fn odd_sizes_without_padding(
        batch in 1usize..4, height in 3usize..14, width in 3usize..14, channels in 1usize..40, outputs in 1usize..40,
    ) {
        compare_all(&unpadded([batch, 1, height, width, channels], outputs, 1));
    }

    #[test]
    fn odd_clips(
        batch in 1usize..3, frames in 1usize..6, height in 1usize..9, width in 1usize..9,
        channels in 1usize..24, outputs in 1usize..24, taps in 1usize..5, padding in 0usize..4,
    ) {
        let padding = padding.min(taps - 1);
        prop_assume!(frames + 2 * padding >= taps);
        compare_all(&clips([batch, frames, height, width, channels], outputs, [taps, 3, 3], padding));
    }

    #[test]
    fn odd_columns_of_frames(
        batch in 1usize..4, frames in 1usize..12, height in 1usize..7, width in 1usize..7,
        channels in 1usize..40, outputs in 1usize..40,
    ) {
        compare_all(&clips([batch, frames, height, width, channels], outputs, [3, 1, 1], 1));
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
    for (shape, frames) in [([2, 1, 9, 6, 180], 1), ([3, 1, 34, 33, 16], 1), ([2, 4, 7, 8, 24], 3)] {
        let extent = unpadded(shape, 32, frames);
        let tensors = tensors(&extent);
        compare(&by_tiles(&extent, &tensors), &exact(&extent, &tensors));
    }
    for (shape, outputs, kernel) in [
        ([2, 3, 5, 6, 120], 110, [3, 3, 3]),
        ([1, 11, 30, 28, 8], 8, [3, 3, 3]),
        ([3, 5, 3, 3, 300], 260, [3, 1, 1]),
        ([2, 9, 18, 17, 8], 16, [3, 1, 1]),
    ] {
        let extent = clips(shape, outputs, kernel, 1);
        let tensors = tensors(&extent);
        compare(&by_tiles(&extent, &tensors), &exact(&extent, &tensors));
    }
}

#[test]
fn without_numbers_there_is_nothing_or_zero() {
    for (shape, outputs) in [([0, 4, 4, 3], 2), ([2, 4, 4, 0], 2), ([2, 4, 4, 3], 0)] {
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
    for extent in [
        extent([30, 9, 9, 24], 20),
        extent([20, 4, 4, 170], 180),
        clips([3, 11, 9, 9, 24], 20, [3, 3, 3], 1),
        clips([2, 4, 9, 9, 120], 110, [3, 3, 3], 1),
        clips([2, 11, 9, 9, 24], 20, [3, 1, 1], 1),
    ] {
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
    let is_paid = |side, channels| Tiling::that_pays(&extent([8, side, side, channels], 64)).is_some();
    assert!(is_paid(32, 3) && is_paid(32, 16) && is_paid(7, 512) && is_paid(5, 64) && is_paid(2, 512));
    assert!(!is_paid(32, 1) && !is_paid(1, 512));
}

#[test]
fn few_frames_do_not_pay() {
    let is_paid = |frames| Tiling::that_pays(&clips([2, frames, 7, 7, 64], 64, [3, 1, 1], 1)).is_some();
    assert!(is_paid(3) && is_paid(4) && is_paid(16));
    assert!(!is_paid(1) && !is_paid(2));
}

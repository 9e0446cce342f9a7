//! Convolution as a slow sum in double precision.

use super::Direct;
use crate::convolution::Window;
use crate::convolution::extent::Extent;
use crate::simd::on_this_cpu;

/// Numbers of values of the input, of the weight and of the output.
pub fn lengths(extent: &Extent) -> [usize; 3] {
    let pixels = |sizes: [usize; 3]| extent.batch * sizes.iter().product::<usize>();
    [
        pixels(extent.input) * extent.channels,
        extent.outputs * extent.channels * extent.taps(),
        pixels(extent.output) * extent.outputs,
    ]
}

/// Frame, row and column of a place in a clip.
fn place(at: usize, [_, height, width]: [usize; 3]) -> [usize; 3] {
    [at / (height * width), at / width % height, at % width]
}

/// Output, gradient of the input and gradient of the weight, given the input, the weight and the gradient of the output: each product by itself.
pub fn exact(extent: &Extent, [input, weight, gradient]: &[Vec<f32>; 3]) -> [Vec<f64>; 3] {
    let Extent { batch, channels, outputs, stride, padding, .. } = *extent;
    let [pixels, inputs] = [extent.output, extent.input].map(|sizes| sizes.iter().product::<usize>());
    let mut results = [gradient, input, weight].map(|like| vec![0.0; like.len()]);
    let [output, input_gradient, weight_gradient] = &mut results;
    for (pixel, tap) in (0..batch * pixels).flat_map(|pixel| (0..extent.taps()).map(move |tap| (pixel, tap)))
    {
        let (target, offset) = (place(pixel % pixels, extent.output), place(tap, extent.kernel));
        let read =
            [0, 1, 2].map(|axis| (target[axis] * stride[axis] + offset[axis]).wrapping_sub(padding[axis]));
        if (0..3).any(|axis| read[axis] >= extent.input[axis]) {
            continue;
        }
        let [_, height, width] = extent.input;
        let read = pixel / pixels * inputs + (read[0] * height + read[1]) * width + read[2];
        for o in 0..outputs {
            for c in 0..channels {
                let [x, y] = [read * channels + c, pixel * outputs + o];
                let w = (o * channels + c) * extent.taps() + tap;
                output[y] += f64::from(input[x]) * f64::from(weight[w]);
                input_gradient[x] += f64::from(gradient[y]) * f64::from(weight[w]);
                weight_gradient[w] += f64::from(gradient[y]) * f64::from(input[x]);
            }
        }
    }
    results
}

#[test]
fn direct_products_of_clips() {
    for (input, weight, stride, padding) in [
        ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1; 3], [0; 3]),
        ([2, 5, 9, 7, 3], [4, 3, 3, 3, 3], [1; 3], [1; 3]),
        ([2, 5, 9, 7, 3], [9, 3, 3, 3, 3], [2; 3], [1; 3]),
        ([1, 1, 5, 4, 2], [3, 2, 3, 3, 3], [2, 1, 1], [1, 0, 2]),
        ([3, 4, 6, 5, 5], [17, 5, 3, 1, 1], [2, 1, 1], [1, 0, 0]),
        ([1, 3, 13, 11, 3], [8, 3, 3, 7, 7], [1, 2, 2], [1, 3, 3]),
        ([2, 7, 4, 3, 4], [5, 4, 1, 2, 3], [3, 1, 2], [0, 1, 0]),
        ([2, 2, 4, 4, 6], [7, 6, 5, 3, 1], [1, 2, 1], [4, 1, 0]),
        ([2, 3, 4, 4, 40], [30, 40, 1, 1, 1], [2; 3], [0; 3]),
    ] {
        let extent = Extent::new(&input, &weight, Window { stride, padding });
        let sources = lengths(&extent).map(|length| (0..length).map(|at| (0.7 * at as f32).sin()).collect());
        let found = on_this_cpu(Direct(&extent, &sources));
        for (found, exact) in found.iter().zip(&exact(&extent, &sources)) {
            assert_eq!(found.len(), exact.len());
            for (found, exact) in found.iter().zip(exact) {
                let error = (f64::from(*found) - exact).abs();
                assert!(error < 1e-5 * (1.0 + exact.abs()), "{found} is not {exact} of {extent:?}");
            }
        }
    }
}

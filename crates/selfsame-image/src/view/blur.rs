//! Gaussian blur of planar pixels.

use pulp::{Arch, Simd, WithSimd};

/// Buffers of [`blur`], reused from call to call.
#[derive(Debug, Default)]
pub struct BlurScratch {
    weights: Vec<f32>,
    line: Vec<f32>,
    plane: Vec<f32>,
}

/// The kernel size of a view: 10 % of its side, made odd (SimCLR, appendix A).
pub fn kernel_of(side: usize) -> usize {
    (side / 10) | 1
}

/// Blurs planar pixels `[channels, height, width]` in place, with an odd `kernel` in both directions and reflected
/// borders. Equals torchvision's `gaussian_blur` to 1e-5 (golden `image_ops`), where that is defined: here a kernel
/// that reaches beyond the opposite border is cut to what the picture can reflect.
pub fn blur(
    pixels: &mut [f32],
    [width, height]: [usize; 2],
    kernel: usize,
    sigma: f32,
    scratch: &mut BlurScratch,
) {
    let radius = (kernel / 2).min(width.min(height) - 1);
    half_kernel(radius, sigma, &mut scratch.weights);
    Arch::new().dispatch(Blur { pixels, size: [width, height], scratch });
}

/// The arguments of [`blur`], for the instruction set that is found at run time.
struct Blur<'a> {
    pixels: &'a mut [f32],
    size: [usize; 2],
    scratch: &'a mut BlurScratch,
}

impl WithSimd for Blur<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { pixels, size: [width, height], scratch: BlurScratch { weights, line, plane } } = self;
        let radius = weights.len() - 1;
        line.resize(width + 2 * radius, 0.0);
        plane.resize((height + 2 * radius) * width, 0.0);
        for channel in pixels.chunks_exact_mut(width * height) {
            for (y, row) in channel.chunks_exact(width).enumerate() {
                line[radius..radius + width].copy_from_slice(row);
                for i in 1..=radius {
                    line[radius - i] = row[i];
                    line[radius + width - 1 + i] = row[width - 1 - i];
                }
                sum_taps(simd, weights, line, 1, &mut plane[(radius + y) * width..][..width]);
            }
            for i in 1..=radius {
                let row = |y: usize| y * width..(y + 1) * width;
                plane.copy_within(row(radius + i), (radius - i) * width);
                plane.copy_within(row(radius + height - 1 - i), (radius + height - 1 + i) * width);
            }
            for (y, to) in channel.chunks_exact_mut(width).enumerate() {
                sum_taps(simd, weights, &plane[y * width..], width, to);
            }
        }
    }
}

/// The weights from the centre outwards. They sum to 1 when those beyond the centre count twice.
///
/// Weights below 1e-8 of the centre's cannot change a float of the sum and are left out: σ is often far smaller than the
/// kernel.
fn half_kernel(radius: usize, sigma: f32, weights: &mut Vec<f32>) {
    let sigma = f64::from(sigma.max(f32::MIN_POSITIVE));
    let weight = |i: usize| (-0.5 * (i as f64 / sigma).powi(2)).exp() as f32;
    weights.clear();
    weights.extend((0..=radius).map(weight).take_while(|&w| w > 1e-8));
    let total = 2.0 * weights.iter().sum::<f32>() - 1.0;
    weights.iter_mut().for_each(|w| *w /= total);
}

/// `to[x]` = Σ over taps of weight · `from[x + tap · stride]`, symmetric around the middle tap. Sums stay in registers.
#[inline(always)]
fn sum_taps<S: Simd>(simd: S, weights: &[f32], from: &[f32], stride: usize, to: &mut [f32]) {
    const REGISTERS: usize = 4;
    let Some((&middle_weight, weights)) = weights.split_first() else { return };
    let radius = weights.len();
    let block = REGISTERS * S::F32_LANES;
    let whole = to.len() / block * block;
    for start in (0..whole).step_by(block) {
        let mut sums = [simd.splat_f32s(0.0); REGISTERS];
        let middle = S::as_simd_f32s(&from[start + radius * stride..][..block]).0;
        let weight = simd.splat_f32s(middle_weight);
        for (sum, &x) in sums.iter_mut().zip(middle) {
            *sum = simd.mul_f32s(weight, x);
        }
        for (distance, &weight) in (1..).zip(weights) {
            let before = S::as_simd_f32s(&from[start + (radius - distance) * stride..][..block]).0;
            let after = S::as_simd_f32s(&from[start + (radius + distance) * stride..][..block]).0;
            let weight = simd.splat_f32s(weight);
            for ((sum, &a), &b) in sums.iter_mut().zip(before).zip(after) {
                *sum = simd.add_f32s(*sum, simd.mul_f32s(weight, simd.add_f32s(a, b)));
            }
        }
        S::as_mut_simd_f32s(&mut to[start..start + block]).0.copy_from_slice(&sums);
    }
    for x in whole..to.len() {
        to[x] = middle_weight * from[x + radius * stride];
        for (distance, &weight) in (1..).zip(weights) {
            to[x] +=
                weight * (from[x + (radius - distance) * stride] + from[x + (radius + distance) * stride]);
        }
    }
}

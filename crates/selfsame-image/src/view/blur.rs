//! Gaussian blur of planar pixels.

use pulp::Arch;

/// Buffers of [`blur`], reused from call to call.
#[derive(Debug, Default)]
pub struct BlurScratch {
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
    let weights = half_kernel(radius, sigma);
    let BlurScratch { line, plane } = scratch;
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for channel in pixels.chunks_exact_mut(width * height) {
                plane.clear();
                plane.resize(width * height, 0.0);
                for (from, to) in channel.chunks_exact(width).zip(plane.chunks_exact_mut(width)) {
                    blur_row(from, &weights, line, to);
                }
                blur_columns(plane, [width, height], &weights, channel);
            }
        },
    );
}

/// The weights from the centre outwards. They sum to 1 when those beyond the centre count twice.
///
/// Weights below 1e-8 of the centre's cannot change a float of the sum and are left out: σ is often far smaller than the
/// kernel.
fn half_kernel(radius: usize, sigma: f32) -> Vec<f32> {
    let weight = |i: usize| (-0.5 * (i as f64 / f64::from(sigma.max(f32::MIN_POSITIVE))).powi(2)).exp();
    let weights: Vec<f64> = (0..=radius).map(weight).take_while(|&w| w > 1e-8).collect();
    let total = 2.0 * weights.iter().sum::<f64>() - 1.0;
    weights.iter().map(|w| (w / total) as f32).collect()
}

/// How many pixels are summed side by side: enough to fill the registers of any instruction set.
const BLOCK: usize = 32;

#[inline(always)]
fn blur_row(from: &[f32], weights: &[f32], line: &mut Vec<f32>, to: &mut [f32]) {
    let width = from.len();
    let radius = weights.len() - 1;
    line.clear();
    line.extend((1..=radius).rev().map(|i| from[i]));
    line.extend_from_slice(from);
    line.extend((1..=radius).map(|i| from[width - 1 - i]));
    sum_taps(to, weights, |x, tap, length| &line[x + tap..x + tap + length]);
}

#[inline(always)]
fn blur_columns(plane: &[f32], [width, height]: [usize; 2], weights: &[f32], to: &mut [f32]) {
    let radius = weights.len() - 1;
    for (y, to) in to.chunks_exact_mut(width).enumerate() {
        sum_taps(to, weights, |x, tap, length| {
            let row = reflect(y + tap, radius, height);
            &plane[row * width + x..row * width + x + length]
        });
    }
}

/// The row that stands at `padded` of a plane that is padded by `radius` reflected rows on both sides.
#[inline(always)]
fn reflect(padded: usize, radius: usize, height: usize) -> usize {
    let row = padded.abs_diff(radius);
    if row < height { row } else { 2 * (height - 1) - row }
}

/// `to[x]` = Σ over taps of weight · `source(x, tap)`, symmetric around the middle tap.
#[inline(always)]
fn sum_taps<'a>(to: &mut [f32], weights: &[f32], source: impl Fn(usize, usize, usize) -> &'a [f32]) {
    let (blocks, rest) = to.as_chunks_mut::<BLOCK>();
    let done = blocks.len() * BLOCK;
    for (block, to) in blocks.iter_mut().enumerate() {
        let x = block * BLOCK;
        let mut sums = [0.0f32; BLOCK];
        add_taps(&mut sums, weights, |tap| source(x, tap, BLOCK));
        *to = sums;
    }
    rest.fill(0.0);
    let length = rest.len();
    add_taps(rest, weights, |tap| source(done, tap, length));
}

#[inline(always)]
fn add_taps<'a>(sums: &mut [f32], weights: &[f32], source: impl Fn(usize) -> &'a [f32]) {
    let radius = weights.len() - 1;
    for (sum, &x) in sums.iter_mut().zip(source(radius)) {
        *sum += weights[0] * x;
    }
    for i in 1..=radius {
        let weight = weights[i];
        for ((sum, &a), &b) in sums.iter_mut().zip(source(radius - i)).zip(source(radius + i)) {
            *sum += weight * (a + b);
        }
    }
}

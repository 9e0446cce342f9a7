//! The transforms of F(4×4, 3×3) in one dimension (Lavin & Gray 2016, section 4.3), each over vectors.
//!
//! They evaluate at the points 0, 1, −1, 2, −2 and ∞. In two dimensions each is applied to all columns, then to all rows.

use crate::simd::Simd;

/// Side of a tile of inputs.
pub const TILE: usize = 6;
/// Side of a tile of outputs.
pub const STEP: usize = 4;
/// Side of a kernel.
pub const KERNEL: usize = 3;

/// `Bᵀ d`: of six inputs.
#[inline(always)]
pub fn input<S: Simd>(simd: S, [d0, d1, d2, d3, d4, d5]: [S::Vector; 6]) -> [S::Vector; 6] {
    let (minus_four, minus_five) = (simd.splat(-4.0), simd.splat(-5.0));
    let (four, two, minus_two) = (simd.splat(4.0), simd.splat(2.0), simd.splat(-2.0));
    let even = simd.multiply_add(minus_four, d2, d4);
    let odd = simd.multiply_add(minus_four, d1, d3);
    let near_even = simd.subtract(d4, d2);
    let near_odd = simd.subtract(d3, d1);
    [
        simd.multiply_add(four, d0, simd.multiply_add(minus_five, d2, d4)),
        simd.add(even, odd),
        simd.subtract(even, odd),
        simd.multiply_add(two, near_odd, near_even),
        simd.multiply_add(minus_two, near_odd, near_even),
        simd.multiply_add(four, d1, simd.multiply_add(minus_five, d3, d5)),
    ]
}

/// `Aᵀ m`: the four outputs.
#[inline(always)]
pub fn output<S: Simd>(simd: S, [m0, m1, m2, m3, m4, m5]: [S::Vector; 6]) -> [S::Vector; 4] {
    let (one_sum, one_difference) = (simd.add(m1, m2), simd.subtract(m1, m2));
    let (two_sum, two_difference) = (simd.add(m3, m4), simd.subtract(m3, m4));
    [
        simd.add(simd.add(m0, one_sum), two_sum),
        simd.multiply_add(simd.splat(2.0), two_difference, one_difference),
        simd.multiply_add(simd.splat(4.0), two_sum, one_sum),
        simd.multiply_add(simd.splat(8.0), two_difference, simd.add(one_difference, m5)),
    ]
}

/// `A g`: of the gradients of four outputs.
#[inline(always)]
pub fn output_gradient<S: Simd>(simd: S, [g0, g1, g2, g3]: [S::Vector; 4]) -> [S::Vector; 6] {
    let (four, two) = (simd.splat(4.0), simd.splat(2.0));
    let (even, odd) = (simd.add(g0, g2), simd.add(g1, g3));
    let two_even = simd.multiply_add(four, g2, g0);
    let two_odd = simd.multiply(two, simd.multiply_add(four, g3, g1));
    [
        g0,
        simd.add(even, odd),
        simd.subtract(even, odd),
        simd.add(two_even, two_odd),
        simd.subtract(two_even, two_odd),
        g3,
    ]
}

/// `G w`: of three weights.
#[inline(always)]
pub fn weight<S: Simd>(simd: S, [w0, w1, w2]: [S::Vector; 3]) -> [S::Vector; 6] {
    let ends = simd.multiply(simd.splat(-1.0 / 6.0), simd.add(w0, w2));
    let middle = simd.multiply(simd.splat(-1.0 / 6.0), w1);
    let wide_ends = simd.multiply_add(simd.splat(1.0 / 6.0), w2, simd.multiply(simd.splat(1.0 / 24.0), w0));
    let wide_middle = simd.multiply(simd.splat(1.0 / 12.0), w1);
    [
        simd.multiply(simd.splat(0.25), w0),
        simd.add(ends, middle),
        simd.subtract(ends, middle),
        simd.add(wide_ends, wide_middle),
        simd.subtract(wide_ends, wide_middle),
        w2,
    ]
}

/// `Gᵀ s`: the gradients of three weights.
#[inline(always)]
pub fn weight_gradient<S: Simd>(simd: S, [s0, s1, s2, s3, s4, s5]: [S::Vector; 6]) -> [S::Vector; 3] {
    let (one_sum, one_difference) = (simd.add(s1, s2), simd.subtract(s2, s1));
    let (two_sum, two_difference) = (simd.add(s3, s4), simd.subtract(s3, s4));
    let (quarter, sixth) = (simd.splat(0.25), simd.splat(1.0 / 6.0));
    let ones = simd.multiply(simd.splat(-1.0 / 6.0), one_sum);
    [
        simd.multiply_add(simd.splat(1.0 / 24.0), two_sum, simd.multiply_add(quarter, s0, ones)),
        simd.multiply_add(simd.splat(1.0 / 12.0), two_difference, simd.multiply(sixth, one_difference)),
        simd.add(simd.multiply_add(sixth, two_sum, ones), s5),
    ]
}

//! AVX2 with fused multiply-add.

#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::Simd;

/// AVX2 and FMA, which this CPU has.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// If this CPU has them.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

// SAFETY of all blocks below: a value of `Avx2` is made only after its instructions were found; memory is what the caller vouches for.
impl Simd for Avx2 {
    type Vector = __m256;
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn run<T>(self, work: impl FnOnce() -> T) -> T {
        #[target_feature(enable = "avx2,fma")]
        fn run<T>(work: impl FnOnce() -> T) -> T {
            work()
        }
        unsafe { run(work) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    fn add(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_add_ps(left, right) }
    }

    #[inline(always)]
    fn subtract(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(left, right) }
    }

    #[inline(always)]
    fn multiply(self, left: __m256, right: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(left, right) }
    }

    #[inline(always)]
    fn multiply_add(self, left: __m256, right: __m256, sum: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(left, right, sum) }
    }

    #[inline(always)]
    fn add_to_exponent(self, vector: __m256, power: __m256) -> __m256 {
        unsafe {
            let power = _mm256_slli_epi32::<23>(_mm256_castps_si256(power));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(vector), power))
        }
    }

    #[inline(always)]
    unsafe fn read(self, from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut f32, vector: __m256) {
        unsafe { _mm256_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn read_part(self, from: *const f32, count: usize) -> __m256 {
        unsafe { _mm256_maskload_ps(from, first(count)) }
    }

    #[inline(always)]
    unsafe fn write_part(self, to: *mut f32, vector: __m256, count: usize) {
        unsafe { _mm256_maskstore_ps(to, first(count), vector) }
    }
}

/// A mask of the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __m256i {
    const MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let start = 8 - count.min(8);
    // SAFETY: eight numbers from the start on lie in the array; only methods of `Avx2` call this.
    unsafe { _mm256_loadu_si256(MASKS[start..start + 8].as_ptr().cast()) }
}

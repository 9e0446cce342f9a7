//! Short arrays, from which the compiler makes what vectors it knows.

#![allow(unsafe_code)]

use super::Simd;

/// Arrays of `LANES` numbers, of which `REGISTERS` may be used at a time.
#[derive(Clone, Copy)]
pub struct Portable<const LANES: usize, const REGISTERS: usize>;

impl<const LANES: usize, const REGISTERS: usize> Simd for Portable<LANES, REGISTERS> {
    type Vector = [f32; LANES];
    const LANES: usize = LANES;
    const REGISTERS: usize = REGISTERS;

    #[inline(always)]
    fn run<T>(self, work: impl FnOnce() -> T) -> T {
        work()
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    fn add(self, left: [f32; LANES], right: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| left[lane] + right[lane])
    }

    #[inline(always)]
    fn subtract(self, left: [f32; LANES], right: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| left[lane] - right[lane])
    }

    #[inline(always)]
    fn multiply(self, left: [f32; LANES], right: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| left[lane] * right[lane])
    }

    #[inline(always)]
    fn multiply_add(self, left: [f32; LANES], right: [f32; LANES], sum: [f32; LANES]) -> [f32; LANES] {
        // Without an instruction for it, a fused multiply-add would be a slow function.
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            std::array::from_fn(|lane| left[lane].mul_add(right[lane], sum[lane]))
        } else {
            std::array::from_fn(|lane| left[lane] * right[lane] + sum[lane])
        }
    }

    #[inline(always)]
    fn add_to_exponent(self, vector: [f32; LANES], power: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| {
            f32::from_bits(vector[lane].to_bits().wrapping_add(power[lane].to_bits() << 23))
        })
    }

    #[inline(always)]
    unsafe fn read(self, from: *const f32) -> [f32; LANES] {
        // SAFETY: the caller vouches for the memory.
        unsafe { from.cast::<[f32; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut f32, vector: [f32; LANES]) {
        // SAFETY: the caller vouches for the memory.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(vector) }
    }
}

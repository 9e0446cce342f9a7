//! Vectors of `f32` in the registers of a CPU.
//!
//! Code that computes with them is generic over [`Simd`], is inlined completely into [`Simd::run`], and is thereby compiled for the CPU's
//! instructions. The same code runs on AVX2, on AVX-512 and, by what the compiler makes of short arrays, everywhere else.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use portable::Portable;

/// The most lanes that a vector has.
pub const MOST_LANES: usize = 16;

/// The vector instructions of a CPU; a value of such a type exists only where they do.
pub trait Simd: Copy + Send + Sync {
    /// `LANES` numbers.
    type Vector: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Vectors that a CPU keeps in registers.
    const REGISTERS: usize;

    /// Runs `work`, compiled for these instructions as far as it is inlined.
    fn run<T>(self, work: impl FnOnce() -> T) -> T;

    /// The same number in all lanes.
    fn splat(self, value: f32) -> Self::Vector;
    /// `left + right`
    fn add(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    /// `left - right`
    fn subtract(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    /// `left · right`
    fn multiply(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    /// `left · right + sum`, rounded once where the CPU can.
    fn multiply_add(self, left: Self::Vector, right: Self::Vector, sum: Self::Vector) -> Self::Vector;
    /// `vector · 2ⁿ`, n being the whole number in the lowest nine bits of each lane's `power`; no lane may leave the range of normal numbers.
    fn add_to_exponent(self, vector: Self::Vector, power: Self::Vector) -> Self::Vector;

    /// The vector that lies at `from`.
    ///
    /// # Safety
    ///
    /// `LANES` numbers at `from` must be readable; no alignment is needed.
    unsafe fn read(self, from: *const f32) -> Self::Vector;

    /// Writes a vector to `to`.
    ///
    /// # Safety
    ///
    /// `LANES` numbers at `to` must be writable; no alignment is needed.
    unsafe fn write(self, to: *mut f32, vector: Self::Vector);

    /// The `count` numbers at `from`, less than a vector; zeros in the lanes beyond.
    ///
    /// # Safety
    ///
    /// `count` numbers at `from` must be readable; no alignment is needed.
    #[inline(always)]
    unsafe fn read_part(self, from: *const f32, count: usize) -> Self::Vector {
        let mut lanes = [0.0; MOST_LANES];
        // SAFETY: the caller vouches for `from`, and the array holds a vector of any CPU.
        unsafe {
            from.copy_to_nonoverlapping(lanes.as_mut_ptr(), count.min(MOST_LANES));
            self.read(lanes.as_ptr())
        }
    }

    /// Writes the first `count` numbers of a vector, less than all, to `to`.
    ///
    /// # Safety
    ///
    /// `count` numbers at `to` must be writable; no alignment is needed.
    #[inline(always)]
    unsafe fn write_part(self, to: *mut f32, vector: Self::Vector, count: usize) {
        let mut lanes = [0.0; MOST_LANES];
        // SAFETY: the caller vouches for `to`, and the array holds a vector of any CPU.
        unsafe {
            self.write(lanes.as_mut_ptr(), vector);
            to.copy_from_nonoverlapping(lanes.as_ptr(), count.min(MOST_LANES));
        }
    }

    /// The first numbers of `values`; zeros in the lanes beyond its end.
    #[inline(always)]
    fn load(self, values: &[f32]) -> Self::Vector {
        // SAFETY: the slice holds a vector, or what is read of it.
        unsafe {
            if values.len() >= Self::LANES {
                self.read(values.as_ptr())
            } else {
                self.read_part(values.as_ptr(), values.len())
            }
        }
    }

    /// Writes to the first numbers of `values` what fits.
    #[inline(always)]
    fn store(self, values: &mut [f32], vector: Self::Vector) {
        // SAFETY: the slice holds a vector, or what is written of it.
        unsafe {
            if values.len() >= Self::LANES {
                self.write(values.as_mut_ptr(), vector);
            } else {
                self.write_part(values.as_mut_ptr(), vector, values.len());
            }
        }
    }
}

/// Has the CPU fetch the line of memory at `from` into its caches, wherever that is; the result is the same without.
#[inline(always)]
pub fn prefetch(from: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is part of every x86-64, and does nothing for addresses that cannot be read.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// Work for whatever vectors the CPU has.
pub trait Work {
    /// What it gives.
    type Output;
    /// Does the work.
    fn with<S: Simd>(self, simd: S) -> Self::Output;
}

/// A loop that the compiler makes vectors of.
pub struct Loop<F>(pub F);

impl<F: FnOnce()> Work for Loop<F> {
    type Output = ();

    #[inline(always)]
    fn with<S: Simd>(self, simd: S) {
        simd.run(self.0);
    }
}

/// Does `work` with the widest vectors of this CPU.
pub fn on_this_cpu<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = Avx512::detect() {
            return work.with(simd);
        }
        if let Some(simd) = Avx2::detect() {
            return work.with(simd);
        }
    }
    work.with(Portable::<4, 16>)
}

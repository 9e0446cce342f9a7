//! What this machine can do at most, on all cores: the limits that kernels are measured by.
//!
//! Usage (through `cargo xtask bench`): `machine_limits`. One line of four numbers, the best of some measurements each: 10⁹
//! operations a second of multiply-adds that touch no memory (two operations each), and 10⁹ bytes a second of reading, of copying
//! and of `a = b + s·c` (McCalpin 1995, STREAM's triad) in arrays larger than the caches. Bytes are those that the program
//! names; what a processor reads before it writes there is not counted.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

/// Numbers in an array: 128 MB, more than most third-level caches.
const LENGTH: usize = 32 << 20;
/// Sums of a thread that do not wait for each other: more than the multipliers have under way, as many as registers hold.
const SUMS: usize = 12;
/// Multiply-adds of each sum in one measurement.
const STEPS: usize = 20_000_000;
/// Measurements, of which the best counts: everything else that goes on only makes them worse.
const TURNS: usize = 5;

fn main() {
    let threads = rayon::current_num_threads();
    let (lanes, multiply_adds) = widest();
    let operations = 2 * SUMS * lanes * STEPS * threads;
    let arithmetic =
        best(operations, || drop(rayon::broadcast(|_| black_box(multiply_adds(black_box(0.9))))));

    let (mut a, b, c) = (vec![0.0_f32; LENGTH], vec![1.0_f32; LENGTH], vec![2.0_f32; LENGTH]);
    let (bytes, part) = (size_of_val(b.as_slice()), LENGTH.div_ceil(threads));
    let read = best(bytes, || {
        black_box(b.par_chunks(part).map(sum).sum::<f32>());
    });
    let copy = best(2 * bytes, || {
        a.par_chunks_mut(part).zip(b.par_chunks(part)).for_each(|(a, b)| a.copy_from_slice(b));
    });
    let triad = best(3 * bytes, || {
        let parts = a.par_chunks_mut(part).zip(b.par_chunks(part)).zip(c.par_chunks(part));
        parts.for_each(|((a, b), c)| a.iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = b + 3.0 * c));
    });
    println!("{arithmetic:.1} {read:.1} {copy:.1} {triad:.1}");
}

/// 10⁹ of `amount` a second, at best.
fn best(amount: usize, mut call: impl FnMut()) -> f64 {
    let mut rate = || {
        let start = Instant::now();
        call();
        amount as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..TURNS).map(|_| rate()).fold(0.0, f64::max)
}

/// A sum in many lanes, so that adding does not hold up reading.
fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0; 128];
    for values in values.chunks_exact(sums.len()) {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().sum()
}

/// The lanes of this CPU's widest vectors, and a chain of multiply-adds in them.
fn widest() -> (usize, fn(f32) -> f32) {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY of both: the instructions were found on this CPU.
        #[allow(unsafe_code)]
        if is_x86_feature_detected!("avx512f") {
            return (16, |factor| unsafe { x86::avx512(factor) });
        }
        #[allow(unsafe_code)]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return (8, |factor| unsafe { x86::avx2(factor) });
        }
    }
    (4, portable)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{STEPS, SUMS};

    #[target_feature(enable = "avx512f")]
    pub fn avx512(factor: f32) -> f32 {
        let (factor, one) = (_mm512_set1_ps(factor), _mm512_set1_ps(1.0));
        let mut sums = [one; SUMS];
        for _ in 0..STEPS {
            // A loop: a closure would not be inlined into functions without these instructions.
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, one);
            }
        }
        sums.into_iter().map(|sum| _mm512_reduce_add_ps(sum)).sum()
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn avx2(factor: f32) -> f32 {
        let (factor, one) = (_mm256_set1_ps(factor), _mm256_set1_ps(1.0));
        let mut sums = [one; SUMS];
        for _ in 0..STEPS {
            // A loop: a closure would not be inlined into functions without these instructions.
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, one);
            }
        }
        sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
    }
}

/// Arrays, from which the compiler makes what vectors it knows.
fn portable(factor: f32) -> f32 {
    let multiply_add = |sum: f32| {
        // Without an instruction for it, a fused multiply-add would be a slow function.
        if cfg!(target_arch = "aarch64") { sum.mul_add(factor, 1.0) } else { sum * factor + 1.0 }
    };
    let mut sums = [[1.0_f32; 4]; SUMS];
    for _ in 0..STEPS {
        sums = sums.map(|sum| sum.map(multiply_add));
    }
    sums.as_flattened().iter().sum()
}

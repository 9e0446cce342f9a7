//! Room for results.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::memory::prefer_large_pages;

/// A vector of `length` values, made in parts of `part` values (the last may be shorter) by several threads: `fill` gets every
/// part's number and its values, which are 0 so far.
///
/// `vec![0.0; length]` would let one thread set it all to 0 before the others begin, and the values would have left the
/// cache when they come to be written.
pub fn in_parts(length: usize, part: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let part = part.max(1);
    in_chunks(length, part, part, None, |start, values| fill(start / part, values))
}

/// [`in_parts`], whose parts are again cut into chunks: `fill` gets where every chunk begins and its values, which are those of `source`
/// so far, or 0. They get there chunk by chunk, so that a chunk may still be in the first-level cache.
///
/// # Panics
///
/// When `source` is shorter.
pub fn in_chunks(
    length: usize,
    part: usize,
    chunk: usize,
    source: Option<&[f32]>,
    fill: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let (part, chunk) = (part.max(1), chunk.max(1));
    let mut values = Vec::with_capacity(length);
    let parts = values.spare_capacity_mut()[..length].par_chunks_mut(part);
    parts.enumerate().for_each(|(number, values)| {
        for (at, values) in values.chunks_mut(chunk).enumerate() {
            let start = number * part + at * chunk;
            let values = match source {
                Some(source) => values.write_copy_of_slice(&source[start..start + values.len()]),
                None => zeroed(values),
            };
            fill(start, values);
        }
    });
    // SAFETY: every chunk of the first `length` values was initialised above, and the capacity is at least that.
    #[allow(unsafe_code)]
    unsafe {
        values.set_len(length);
    }
    values
}

/// Values that several threads write, each at places of its own.
pub struct Places<'a> {
    start: *mut f32,
    length: usize,
    values: PhantomData<&'a mut [MaybeUninit<f32>]>,
}

// SAFETY: all that can be had are pointers, and who writes through them vouches that nobody else has these places.
#[allow(unsafe_code)]
unsafe impl Sync for Places<'_> {}

impl<'a> Places<'a> {
    /// Of these values.
    pub fn of(values: &'a mut [f32]) -> Self {
        Self { start: values.as_mut_ptr(), length: values.len(), values: PhantomData }
    }

    /// `length` of these values, from `start` on.
    ///
    /// # Panics
    ///
    /// When these are not all among the values.
    pub fn among(&self, start: usize, length: usize) -> Self {
        Self { start: self.part(start, length), length, values: PhantomData }
    }

    /// Where `length` values from `start` on lie.
    ///
    /// # Panics
    ///
    /// When these are not all among the values.
    #[inline(always)]
    pub fn part(&self, start: usize, length: usize) -> *mut f32 {
        assert!(start + length <= self.length, "a part of some values lies beyond them");
        self.start.wrapping_add(start)
    }
}

/// A vector of `length` values, all written by `fill`.
///
/// # Safety
///
/// `fill` must write every value.
#[allow(unsafe_code)]
pub unsafe fn written(length: usize, fill: impl FnOnce(&Places<'_>)) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(length);
    let room = &mut values.spare_capacity_mut()[..length];
    prefer_large_pages(room);
    if cfg!(debug_assertions) {
        // What is left out shall be seen.
        room.fill(MaybeUninit::new(f32::NAN));
    }
    fill(&Places { start: room.as_mut_ptr().cast(), length, values: PhantomData });
    // SAFETY: the caller vouches that all are written, and the capacity is at least `length`.
    unsafe { values.set_len(length) };
    values
}

/// `vec![0.0; length]`, made by several threads.
pub fn zeros(length: usize) -> Vec<f32> {
    in_parts(length, 1 << 16, |_, _| ())
}

/// The same values, set to zero.
pub fn zeroed(values: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    values.fill(MaybeUninit::new(0.0));
    // SAFETY: all values were initialised by the line above.
    #[allow(unsafe_code)]
    unsafe {
        values.assume_init_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::{in_chunks, in_parts};

    #[test]
    fn parts_are_numbered_and_their_values_zero() {
        for (length, part) in [(0, 3), (1, 3), (7, 3), (9, 3), (5, 0)] {
            let made = in_parts(length, part, |number, values| {
                values.iter_mut().for_each(|value| *value += number as f32);
            });
            let expected: Vec<f32> = (0..length).map(|at| (at / part.max(1)) as f32).collect();
            assert_eq!(made, expected);
        }
    }

    #[test]
    fn chunks_begin_as_their_source() {
        let source: Vec<f32> = (0..11).map(|at| at as f32).collect();
        for (part, chunk) in [(4, 2), (5, 3), (11, 20), (0, 0)] {
            let made = in_chunks(10, part, chunk, Some(&source), |start, values| {
                for (at, value) in values.iter_mut().enumerate() {
                    *value += (start + at) as f32;
                }
            });
            let doubled: Vec<f32> = source[..10].iter().map(|value| 2.0 * value).collect();
            assert_eq!(made, doubled);
        }
    }
}

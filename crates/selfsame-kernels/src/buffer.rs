//! Room for results.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// A vector of `length` values, made in parts of `part` values (the last may be shorter) by several threads: `fill` gets every
/// part's number and its values, which are 0 so far.
///
/// `vec![0.0; length]` would let one thread set it all to 0 before the others begin, and the values would have left the
/// cache when they come to be written.
pub fn in_parts(length: usize, part: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let mut values = Vec::with_capacity(length);
    let parts = values.spare_capacity_mut()[..length].par_chunks_mut(part.max(1));
    parts.enumerate().for_each(|(number, part)| fill(number, zeroed(part)));
    // SAFETY: `zeroed` initialised every part of the first `length` values, and the capacity is at least that.
    #[allow(unsafe_code)]
    unsafe {
        values.set_len(length);
    }
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
    use super::in_parts;

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
}

//! Loops over pixels, compiled for several instruction sets of which the best is chosen at run time.
//!
//! The loops are plain Rust that compilers vectorise. They are methods of structs, because a closure given to
//! [`Arch::dispatch`] may be compiled apart from it, and then for the oldest processor only.

use pulp::{Arch, NullaryFnOnce};

/// Replaces each value. Mark the closure `#[inline(always)]`, or it may stay a call.
pub(super) fn map_values(values: &mut [f32], change: impl Fn(f32) -> f32) {
    Arch::new().dispatch(MapValues { values, change });
}

/// Replaces each pixel of planar pixels, `[3, height, width]`. Mark the closure `#[inline(always)]`.
pub(super) fn map_pixels(pixels: &mut [f32], change: impl Fn([f32; 3]) -> [f32; 3]) {
    Arch::new().dispatch(MapPixels { planes: planes(pixels), change });
}

/// The sum of all values.
pub(super) fn sum(values: &[f32]) -> f32 {
    Arch::new().dispatch(Sum { values })
}

/// Splits planar pixels `[channels, height, width]` into their planes.
pub(super) fn planes<const CHANNELS: usize>(pixels: &mut [f32]) -> [&mut [f32]; CHANNELS] {
    let plane = pixels.len() / CHANNELS;
    let mut rest = pixels;
    std::array::from_fn(|_| rest.split_off_mut(..plane).unwrap_or_default())
}

struct MapValues<'a, F> {
    values: &'a mut [f32],
    change: F,
}

impl<F: Fn(f32) -> f32> NullaryFnOnce for MapValues<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for x in self.values {
            *x = (self.change)(*x);
        }
    }
}

struct MapPixels<'a, F> {
    planes: [&'a mut [f32]; 3],
    change: F,
}

impl<F: Fn([f32; 3]) -> [f32; 3]> NullaryFnOnce for MapPixels<'_, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [red, green, blue] = self.planes;
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            [*r, *g, *b] = (self.change)([*r, *g, *b]);
        }
    }
}

struct Sum<'a> {
    values: &'a [f32],
}

impl NullaryFnOnce for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        // Many partial sums, because a compiler must not reorder the additions of one.
        const LANES: usize = 32;
        let mut sums = [0.0f32; LANES];
        let (chunks, rest) = self.values.as_chunks::<LANES>();
        for chunk in chunks {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += x;
            }
        }
        sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
    }
}

//! Views: how a network sees observations, as they are or through random crops.
//!
//! Observations are bytes with the channels first, as frames are stacked; networks want numbers with the channels last. A crop is cut on
//! the way: each byte is read and converted once.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use selfsame_core::tensor::{Device, Tensor, TensorData};
use selfsame_core::{Error, Random, Result};
use selfsame_kernels::in_parts;

/// The size of what is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Those of all stacked frames.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// How an observation is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// As it is.
    Whole,
    /// The middle, with so many rows and columns less.
    Centre(usize),
    /// A random place, with so many rows and columns less (CURL on DeepMind Control: 100 pixels but 16).
    Crop(usize),
    /// A random crop with so many rows and columns less, widened again by as many pixels on each side, of which each repeats the one at the edge, and
    /// cropped at random to the size that it had (CURL's code on Atari: 84 pixels but 4, widened by 4).
    Shift(usize),
}

impl View {
    /// The size of what is seen.
    ///
    /// # Errors
    /// When nothing is left.
    pub fn size(self, of: Size) -> Result<Size> {
        let less = match self {
            Self::Whole => 0,
            Self::Centre(less) | Self::Crop(less) | Self::Shift(less) => less,
        };
        if less >= of.height.min(of.width) {
            return Err(Error::config(
                format!("a crop of {} × {} pixels by {less} leaves nothing", of.height, of.width),
                "set the pixels that a crop loses with --set view.crop=4",
            ));
        }
        Ok(match self {
            Self::Whole | Self::Shift(_) => of,
            _ => Size { height: of.height - less, width: of.width - less, ..of },
        })
    }

    /// What is seen of `observations` `[n, channels, height, width]`, each by randomness of its own: `[n, height', width', channels]` in `0..=1`.
    ///
    /// # Errors
    /// When the bytes are not whole observations, or nothing is left of them.
    pub fn of(self, observations: &[u8], size: Size, random: &Random, device: &Device) -> Result<Tensor<4>> {
        let bytes = size.channels * size.height * size.width;
        let seen = self.size(size)?;
        if bytes == 0 || !observations.len().is_multiple_of(bytes) {
            let what = format!("{} bytes are no whole observations of {bytes}", observations.len());
            return Err(Error::Internal(what));
        }
        let count = observations.len() / bytes;
        let each = seen.channels * seen.height * seen.width;
        let pictures = in_parts(count * each, each, |at, picture| {
            let window = self.window(size, seen, random.at(at as u64));
            window.convert(&observations[at * bytes..][..bytes], size, seen, picture);
        });
        let shape = [count, seen.height, seen.width, seen.channels];
        Ok(Tensor::from_data(TensorData::new(pictures, shape), device))
    }

    fn window(self, size: Size, seen: Size, mut random: Random) -> Window {
        let mut place = |room: usize| random.below(room + 1);
        let plain = |length: usize, first: usize| Axis { first: first as isize, from: 0, to: first + length };
        match self {
            Self::Whole => Window { rows: plain(seen.height, 0), columns: plain(seen.width, 0) },
            Self::Centre(less) => {
                Window { rows: plain(seen.height, less / 2), columns: plain(seen.width, less / 2) }
            }
            Self::Crop(less) => {
                let (top, left) = (place(less), place(less));
                Window { rows: plain(seen.height, top), columns: plain(seen.width, left) }
            }
            Self::Shift(by) => {
                let (top, left) = (place(by), place(by));
                // The widened crop has `by` rows and columns more than what is cut from it.
                let (down, right) = (place(by), place(by));
                let axis = |start: usize, shift: usize, length: usize| Axis {
                    first: (start + shift) as isize - by as isize,
                    from: start,
                    to: start + length - by,
                };
                Window { rows: axis(top, down, size.height), columns: axis(left, right, size.width) }
            }
        }
    }
}

/// What is read along an axis: from `first` on, but nothing before `from` and nothing from `to` on: there the edge is repeated.
#[derive(Clone, Copy)]
struct Axis {
    first: isize,
    from: usize,
    to: usize,
}

impl Axis {
    fn at(self, place: usize) -> usize {
        (self.first + place as isize).clamp(self.from as isize, self.to as isize - 1) as usize
    }

    /// Writes what is read of `source` to `line`.
    fn read(self, source: &[u8], line: &mut [u8]) {
        let before = (self.from as isize - self.first).clamp(0, line.len() as isize) as usize;
        let start = self.at(before);
        let (repeated, rest) = line.split_at_mut(before);
        let (inside, beyond) = rest.split_at_mut(rest.len().min(self.to - start));
        repeated.fill(source[self.from]);
        inside.copy_from_slice(&source[start..][..inside.len()]);
        beyond.fill(source[self.to - 1]);
    }
}

#[derive(Clone, Copy)]
struct Window {
    rows: Axis,
    columns: Axis,
}

impl Window {
    fn convert(self, observation: &[u8], size: Size, seen: Size, picture: &mut [f32]) {
        let plane = size.height * size.width;
        let mut lines = vec![0; seen.channels * seen.width];
        let mut pixels = lines.clone();
        for (row, target) in picture.chunks_exact_mut(seen.width * seen.channels).enumerate() {
            let start = self.rows.at(row) * size.width;
            for (channel, line) in lines.chunks_exact_mut(seen.width).enumerate() {
                self.columns.read(&observation[channel * plane + start..][..size.width], line);
            }
            // Put together as bytes, a quarter of what the numbers are; these are then made in vectors.
            for (channel, line) in lines.chunks_exact(seen.width).enumerate() {
                let places = pixels[channel..].iter_mut().step_by(seen.channels);
                places.zip(line).for_each(|(pixel, byte)| *pixel = *byte);
            }
            target.iter_mut().zip(&pixels).for_each(|(number, &byte)| *number = f32::from(byte) / 255.0);
        }
    }
}

//! A decoded picture: what comes out of the decoders and goes into the views.

use std::io::Write;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use selfsame_core::{Error, Result, atomic_file};

/// A picture in memory: 8-bit RGB, upright (EXIF orientation already applied), at least 1 × 1 pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// `[height, width, 3]`: red, green, blue of each pixel, row by row from the top.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture from its samples, `[height, width, 3]`.
    ///
    /// # Errors
    /// [`Error::Internal`] when a side is zero or the number of samples is not `height · width · 3`.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self> {
        let samples = width.checked_mul(height).and_then(|n| n.checked_mul(3));
        if width == 0 || height == 0 || samples != Some(pixels.len()) {
            return Err(Error::Internal(format!(
                "{} samples do not make a picture of {width} × {height} RGB pixels",
                pixels.len()
            )));
        }
        Ok(Self { width, height, pixels })
    }

    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self { width, height, pixels: colour.repeat(width * height) }
    }

    /// Copies `other` into this picture with its top left corner at (`left`, `top`); what sticks out is cut off.
    pub fn paste(&mut self, other: &Picture, left: usize, top: usize) {
        let width = other.width.min(self.width.saturating_sub(left));
        if width == 0 {
            return;
        }
        let rows = self.pixels.chunks_exact_mut(self.width * 3).skip(top);
        for (to, from) in rows.zip(other.pixels.chunks_exact(other.width * 3)) {
            to[left * 3..(left + width) * 3].copy_from_slice(&from[..width * 3]);
        }
    }

    /// Draws a line of three pixels' width between two points (x, y), with a square at each end; what lies outside is cut off.
    pub fn line(&mut self, [x0, y0]: [usize; 2], [x1, y1]: [usize; 2], colour: [u8; 3]) {
        let steps = x0.abs_diff(x1).max(y0.abs_diff(y1)).max(1);
        // Rounded to the nearest pixel.
        let between =
            |from: usize, to: usize, step: usize| (from * (steps - step) + to * step + steps / 2) / steps;
        for step in 0..=steps {
            self.dot([between(x0, x1, step), between(y0, y1, step)], 1, colour);
        }
        self.dot([x0, y0], 3, colour);
        self.dot([x1, y1], 3, colour);
    }

    /// Paints a square that reaches `reach` pixels beyond its middle.
    fn dot(&mut self, [x, y]: [usize; 2], reach: usize, colour: [u8; 3]) {
        for y in y.saturating_sub(reach)..=y.saturating_add(reach).min(self.height - 1) {
            for x in x.saturating_sub(reach)..=x.saturating_add(reach).min(self.width - 1) {
                self.pixels[(y * self.width + x) * 3..][..3].copy_from_slice(&colour);
            }
        }
    }

    /// Writes the picture as a PNG file: under a temporary name first, so that a file of this name is always whole.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn save_png(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        // In memory first: the encoder would hide what the system says about the file.
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(&self.pixels, self.width as u32, self.height as u32, ExtendedColorType::Rgb8)
            .map_err(|error| Error::io("write", path, std::io::Error::other(error)))?;
        atomic_file::write(path, |file| file.write_all(&bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    fn checks(width: usize, height: usize) -> Picture {
        let pixels = (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect();
        Picture::new(width, height, pixels).unwrap()
    }

    #[test]
    fn the_number_of_samples_is_checked() {
        assert!(Picture::new(2, 2, vec![0; 11]).is_err());
        assert!(Picture::new(0, 2, vec![]).is_err());
        assert!(Picture::new(usize::MAX, usize::MAX, vec![]).is_err());
        assert!(Picture::new(2, 2, vec![0; 12]).is_ok());
    }

    #[test]
    fn png_files_come_back_and_leave_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let picture = checks(7, 5);
        picture.save_png(&path).unwrap();
        picture.save_png(&path).unwrap();
        let read = image::open(&path).unwrap().to_rgb8();
        assert_eq!((read.width(), read.height()), (7, 5));
        assert_eq!(read.into_raw(), picture.pixels);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = checks(2, 2).save_png(folder.path().join("missing/a.png")).unwrap_err();
        assert!(error.to_string().contains("a.png"), "{error}");
    }

    #[test]
    fn lines_join_their_ends_and_stay_inside() {
        let mut sheet = Picture::filled(40, 20, [0; 3]);
        sheet.line([10, 10], [30, 10], [1, 2, 3]);
        let painted = |sheet: &Picture, x: usize, y: usize| sheet.pixels[(y * sheet.width + x) * 3] == 1;
        assert!(
            (7..=33).all(|x| painted(&sheet, x, 10)) && !painted(&sheet, 6, 10) && !painted(&sheet, 34, 10)
        );
        assert!(painted(&sheet, 20, 9) && painted(&sheet, 20, 11) && !painted(&sheet, 20, 12));
        assert!(painted(&sheet, 8, 7) && painted(&sheet, 32, 13));
        sheet.line([39, 0], [0, 19], [1, 2, 3]);
        sheet.line([100, 100], [90, 200], [1, 2, 3]);
        assert!(painted(&sheet, 39, 0) && painted(&sheet, 0, 19) && painted(&sheet, 20, 9));
    }

    #[test]
    fn pasting_cuts_off_what_sticks_out() {
        let mut sheet = Picture::filled(4, 3, [9, 9, 9]);
        sheet.paste(&Picture::filled(3, 3, [1, 2, 3]), 2, 1);
        sheet.paste(&Picture::filled(3, 3, [1, 2, 3]), 9, 9);
        let pixel = |x: usize, y: usize| &sheet.pixels[(y * 4 + x) * 3..][..3];
        assert_eq!(pixel(2, 1), [1, 2, 3]);
        assert_eq!(pixel(3, 2), [1, 2, 3]);
        assert_eq!(pixel(1, 1), [9, 9, 9]);
        assert_eq!(pixel(2, 0), [9, 9, 9]);
    }
}

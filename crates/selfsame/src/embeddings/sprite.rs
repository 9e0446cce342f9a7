//! Small pictures of all instances in one square sheet, as the embedding projector wants them.

use image::RgbImage;
use image::imageops;

/// The largest sheet that the projector accepts, in pixels a side.
const SHEET: usize = 8192;
/// The largest small picture, in pixels a side.
const CELL: usize = 64;

/// Square pictures in the order of the instances. When there are too many for a sheet they are all halved, so that
/// they never need more memory than the largest sheet.
#[derive(Default)]
pub struct Sprite {
    /// Pixels a side of one picture, 0 before the first.
    pub cell: usize,
    /// `[instances, cell, cell, 3]`.
    pixels: Vec<u8>,
    instances: usize,
}

impl Sprite {
    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.instances
    }

    /// Adds a picture: its central square, made smaller. An empty one is left out.
    pub fn push(&mut self, picture: &RgbImage) {
        let side = picture.width().min(picture.height());
        if side == 0 {
            return;
        }
        if self.instances == 0 {
            self.cell = (side as usize).min(CELL);
        }
        while self.cell > 1 && (self.instances + 1) > (SHEET / self.cell).pow(2) {
            self.halve();
        }
        self.instances += 1;
        let cell = self.cell as u32;
        if picture.dimensions() == (cell, cell) {
            self.pixels.extend_from_slice(picture.as_raw());
            return;
        }
        let (left, top) = ((picture.width() - side) / 2, (picture.height() - side) / 2);
        let square = imageops::crop_imm(picture, left, top, side, side).to_image();
        self.pixels.extend_from_slice(imageops::thumbnail(&square, cell, cell).as_raw());
    }

    fn halve(&mut self) {
        let (from, to) = (self.cell, self.cell / 2);
        let mut halved = Vec::with_capacity(self.instances * to * to * 3);
        for picture in self.pixels.chunks_exact(from * from * 3) {
            let sample =
                |x: usize, y: usize, channel: usize| u16::from(picture[(y * from + x) * 3 + channel]);
            for y in 0..to {
                for x in 0..to {
                    for c in 0..3 {
                        let (left, top) = (2 * x, 2 * y);
                        let sum = sample(left, top, c)
                            + sample(left + 1, top, c)
                            + sample(left, top + 1, c)
                            + sample(left + 1, top + 1, c);
                        halved.push(((sum + 2) / 4) as u8);
                    }
                }
            }
        }
        (self.cell, self.pixels) = (to, halved);
    }

    /// The sheet: as many pictures in a row as there are rows, row by row; `None` without pictures, or with more than a
    /// sheet has pixels.
    pub fn sheet(&self) -> Option<RgbImage> {
        let columns = (1..=SHEET).find(|columns| columns * columns >= self.instances)?;
        if self.instances == 0 {
            return None;
        }
        let stride = columns * self.cell * 3;
        let mut pixels = vec![0; columns * self.cell * stride];
        for (index, picture) in self.pixels.chunks_exact(self.cell * self.cell * 3).enumerate() {
            let (left, top) = (index % columns * self.cell * 3, index / columns * self.cell);
            for (y, row) in picture.chunks_exact(self.cell * 3).enumerate() {
                pixels[(top + y) * stride + left..][..row.len()].copy_from_slice(row);
            }
        }
        let side = (columns * self.cell) as u32;
        RgbImage::from_raw(side, side, pixels)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn pictures_lie_row_by_row_in_a_square() {
        let mut sprite = Sprite::default();
        for i in 0..5u8 {
            sprite.push(&RgbImage::from_pixel(20, 10, Rgb([i + 1, 2, 3])));
        }
        let sheet = sprite.sheet().unwrap();
        assert_eq!((sprite.cell, sheet.width(), sheet.height()), (10, 30, 30));
        assert_eq!(sheet.get_pixel(5, 5), &Rgb([1, 2, 3]));
        assert_eq!(sheet.get_pixel(29, 0), &Rgb([3, 2, 3]));
        assert_eq!(sheet.get_pixel(15, 15), &Rgb([5, 2, 3]));
        assert_eq!(sheet.get_pixel(25, 15), &Rgb([0, 0, 0]));
    }

    #[test]
    fn the_central_square_is_kept() {
        let picture = RgbImage::from_fn(30, 10, |x, _| Rgb([if (10..20).contains(&x) { 200 } else { 0 }; 3]));
        let mut sprite = Sprite::default();
        sprite.push(&picture);
        assert!(sprite.sheet().unwrap().pixels().all(|pixel| pixel == &Rgb([200; 3])));
    }

    #[test]
    fn too_many_pictures_are_halved_and_fit() {
        let mut sprite = Sprite::default();
        let (light, dark) =
            (RgbImage::from_pixel(64, 64, Rgb([250; 3])), RgbImage::from_pixel(64, 64, Rgb([9; 3])));
        // 128 × 128 pictures of 64 pixels fill a sheet.
        for i in 0..16_385 {
            sprite.push(if i % 2 == 0 { &light } else { &dark });
        }
        let sheet = sprite.sheet().unwrap();
        assert_eq!(sprite.cell, 32);
        assert_eq!((sheet.width(), sheet.height()), (129 * 32, 129 * 32));
        assert_eq!((sheet.get_pixel(0, 0), sheet.get_pixel(32, 0)), (&Rgb([250; 3]), &Rgb([9; 3])));
    }

    #[test]
    fn no_pictures_make_no_sheet() {
        assert!(Sprite::default().sheet().is_none());
    }
}

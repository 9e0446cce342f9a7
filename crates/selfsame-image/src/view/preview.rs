//! A contact sheet: pictures beside their views.

use super::geometry::Crop;
use super::resample::{Interpolation, ResampleScratch, Source, resample};
use crate::picture::Picture;

/// Pixels between the pictures of a sheet.
const MARGIN: usize = 4;

const BACKGROUND: [u8; 3] = [255, 255, 255];

/// One picture with a row for each instance: the original at the left, its views at the right, all at `side` pixels
/// (originals keep their proportions).
pub fn contact_sheet(rows: &[(Picture, Vec<Picture>)], side: usize) -> Picture {
    let cell = side + MARGIN;
    let columns = 1 + rows.iter().map(|(_, views)| views.len()).max().unwrap_or(0);
    let mut sheet = Picture::filled(columns * cell + MARGIN, rows.len() * cell + MARGIN, BACKGROUND);
    for (row, (original, views)) in rows.iter().enumerate() {
        for (column, picture) in std::iter::once(original).chain(views).enumerate() {
            let picture = fit(picture, side);
            let left = MARGIN + column * cell + (side - picture.width) / 2;
            let top = MARGIN + row * cell + (side - picture.height) / 2;
            sheet.paste(&picture, left, top);
        }
    }
    sheet
}

/// The picture resized so that its longer side is `side`.
pub fn fit(picture: &Picture, side: usize) -> Picture {
    let longer = picture.width.max(picture.height);
    let length = |x: usize| ((x * side + longer / 2) / longer).max(1);
    let (width, height) = (length(picture.width), length(picture.height));
    let mut planar = vec![0.0; 3 * width * height];
    resample(
        Source::<'_, u8, 3>::from(picture),
        &Crop::whole(picture.width, picture.height),
        [width, height],
        false,
        Interpolation::Bilinear,
        1.0,
        &mut ResampleScratch::default(),
        &mut planar,
    );
    let plane = width * height;
    let pixels = (0..3 * plane).map(|i| planar[i % 3 * plane + i / 3].round() as u8).collect();
    Picture { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn originals_keep_their_proportions_and_stand_before_their_views() {
        let red = Picture::filled(20, 10, [255, 0, 0]);
        let blue = Picture::filled(8, 8, [0, 0, 255]);
        let sheet = contact_sheet(&[(red.clone(), vec![blue.clone(), blue]), (red, vec![])], 16);
        assert_eq!((sheet.width, sheet.height), (64, 44));
        let pixel = |x: usize, y: usize| [0, 1, 2].map(|c| sheet.pixels[(y * 64 + x) * 3 + c]);
        assert_eq!(pixel(4, 7), BACKGROUND);
        assert_eq!(pixel(4, 8), [255, 0, 0]);
        assert_eq!(pixel(19, 15), [255, 0, 0]);
        assert_eq!(pixel(19, 16), BACKGROUND);
        assert_eq!(pixel(24, 4), [0, 0, 255]);
        assert_eq!(pixel(59, 19), [0, 0, 255]);
        assert_eq!(pixel(60, 19), BACKGROUND);
        assert_eq!(pixel(10, 30), [255, 0, 0]);
        assert_eq!(pixel(30, 30), BACKGROUND);
    }

    #[test]
    fn no_rows_make_an_empty_sheet() {
        assert!(contact_sheet(&[], 16).pixels.iter().all(|&x| x == 255));
    }
}

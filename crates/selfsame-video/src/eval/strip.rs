//! Videos on paper: some of their frames in a row.

use selfsame_image::picture::Picture;
use selfsame_image::view::preview::fit;

/// Pixels between the cells of a sheet.
const MARGIN: usize = 4;

/// Frames side by side, each scaled to fit into a square; nothing of nothing.
pub(super) fn strip(frames: &[Picture], side: usize) -> Option<Picture> {
    let frames: Vec<Picture> = frames.iter().map(|frame| fit(frame, side)).collect();
    let height = frames.iter().map(|frame| frame.height).max()?;
    let mut strip = Picture::filled(frames.iter().map(|frame| frame.width).sum(), height, [255; 3]);
    let mut left = 0;
    for frame in &frames {
        strip.paste(frame, left, 0);
        left += frame.width;
    }
    Some(strip)
}

/// Rows of pictures, at equal distances; nothing of nothing.
pub(super) fn sheet(rows: &[Vec<Picture>]) -> Option<Picture> {
    let cells = || rows.iter().flatten();
    let width = MARGIN + cells().map(|cell| cell.width).max()?;
    let height = MARGIN + cells().map(|cell| cell.height).max()?;
    let columns = rows.iter().map(Vec::len).max()?;
    let mut sheet = Picture::filled(columns * width + MARGIN, rows.len() * height + MARGIN, [255; 3]);
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.paste(cell, MARGIN + column * width, MARGIN + row * height);
        }
    }
    Some(sheet)
}

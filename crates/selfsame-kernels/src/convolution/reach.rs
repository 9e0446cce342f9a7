//! Where the pixels of a target find the pixels of a source that they are made of.
//!
//! As the channels lie last, neighbouring pixels of a row are one stretch of memory. So the products need no patches: they read the stretches where they
//! lie (the indirect convolution of Dukhan 2019, arXiv 1907.02129). Only stretches that reach over the edge of a map are copied, beside zeros.

use std::ops::Range;

use super::tile::{Clips, Tile};

/// Every target pixel of those that lie at `first + every · i` on each axis (frame, row, column) reads `size` source pixels from
/// `step · i + shift` on. What lies outside of the source is 0.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    pub source: Clips,
    pub target: Clips,
    pub every: [usize; 3],
    pub first: [usize; 3],
    pub step: [usize; 3],
    pub shift: [isize; 3],
    pub size: [usize; 3],
}

/// What the pixels of a tile read: some lines of the reach, each a row of one of its frames.
pub struct Stretches<'a> {
    /// The first line for all pixels, the second line for all pixels, and so on.
    pub values: Vec<&'a [f32]>,
    /// What lies outside of the source.
    zeros: &'a [f32],
}

impl Stretches<'_> {
    /// Of every line, for every group of so many pixels: whether they all read only zeros because the line lies outside of the source.
    pub fn are_outside(&self, group: usize) -> Vec<bool> {
        let is_outside = |group: &[&[f32]]| group.iter().all(|stretch| std::ptr::eq(*stretch, self.zeros));
        self.values.chunks(group).map(is_outside).collect()
    }
}

/// A frame of a tile that has target pixels.
struct Image {
    /// Counted from the tile's first.
    at: usize,
    clip: usize,
    /// `i` of its frame.
    frame: usize,
}

impl Reach {
    /// Lines of the reach.
    pub fn lines(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Values of one stretch: a line of the reach.
    pub fn stretch(&self) -> usize {
        self.size[2] * self.source.channels
    }

    /// `i` of all target columns.
    fn columns(&self) -> usize {
        self.target.width.saturating_sub(self.first[2]).div_ceil(self.every[2])
    }

    /// `i` of the tile's target rows.
    fn rows(&self, tile: &Tile) -> Range<usize> {
        let count = |end: usize| end.saturating_sub(self.first[1]).div_ceil(self.every[1]);
        count(tile.rows.start)..count(tile.rows.end)
    }

    fn images(&self, tile: &Tile) -> impl Iterator<Item = Image> + use<> {
        let (start, frames, first, every) =
            (tile.images.start, self.target.frames, self.first[0], self.every[0]);
        tile.images.clone().filter_map(move |image| {
            let (clip, frame) = (image / frames, image % frames);
            let is_target = frame >= first && (frame - first).is_multiple_of(every);
            is_target.then(|| Image { at: image - start, clip, frame: (frame - first) / every })
        })
    }

    /// Where the values of the target pixels begin, counted from the tile's first.
    pub fn targets(&self, tile: &Tile) -> Vec<usize> {
        let Clips { width, channels, .. } = self.target;
        let (rows, columns) = (self.rows(tile), self.columns());
        let mut targets = Vec::with_capacity(tile.images.len() * rows.len() * columns);
        for image in self.images(tile) {
            for row in rows.clone() {
                let row = self.first[1] + self.every[1] * row - tile.rows.start;
                let start = ((image.at * tile.rows.len() + row) * width + self.first[2]) * channels;
                targets.extend((0..columns).map(|column| start + column * self.every[2] * channels));
            }
        }
        targets
    }

    /// The stretches that the target pixels of a tile read in some `lines` of the reach. The pixels are filled up with zeros to whole groups of
    /// `group`. `room` serves for what lies over the edges.
    pub fn stretches<'a>(
        &self,
        tile: &Tile,
        lines: Range<usize>,
        source: &'a [f32],
        room: &'a mut Vec<f32>,
        group: usize,
    ) -> Stretches<'a> {
        let Clips { frames, height, width, channels, .. } = self.source;
        let (length, columns) = (self.stretch(), self.columns());
        let inside = self.columns_inside();
        let rows = self.rows(tile);
        let images: Vec<Image> = self.images(tile).collect();
        let pixels = images.len() * rows.len() * columns;
        let edges = lines.len() * images.len() * rows.len() * (columns - inside.len());
        room.clear();
        room.resize(length * (1 + edges), 0.0);
        let (zeros, mut room) = room.split_at_mut(length);
        let zeros = &*zeros;
        let mut over = |column: usize, line: &[f32]| {
            let (stretch, rest) = std::mem::take(&mut room).split_at_mut(length);
            room = rest;
            self.copy_what_is_inside(column, line, stretch);
            &*stretch
        };
        let mut values = Vec::with_capacity(lines.len() * pixels.next_multiple_of(group));
        for line in lines.clone() {
            let [frame_shift, row_shift] = [(line / self.size[1], 0), (line % self.size[1], 1)]
                .map(|(at, axis)| at as isize + self.shift[axis]);
            for image in &images {
                let frame = (self.step[0] * image.frame) as isize + frame_shift;
                if frame < 0 || frame as usize >= frames {
                    values.resize(values.len() + rows.len() * columns, zeros);
                    continue;
                }
                let image = image.clip * frames + frame as usize;
                for row in rows.clone() {
                    let row = (self.step[1] * row) as isize + row_shift;
                    if row < 0 || row as usize >= height {
                        values.resize(values.len() + columns, zeros);
                        continue;
                    }
                    let start = (image * height + row as usize) * width;
                    let line = &source[start * channels..(start + width) * channels];
                    values.extend((0..inside.start).map(|column| over(column, line)));
                    values.extend(inside.clone().map(|column| {
                        let start = self.left(column) as usize * channels;
                        &line[start..start + length]
                    }));
                    values.extend((inside.end..columns).map(|column| over(column, line)));
                }
            }
            values.resize(values.len().next_multiple_of(group), zeros);
        }
        Stretches { values, zeros }
    }

    /// The first source column that target column `i` reads.
    fn left(&self, column: usize) -> isize {
        (self.step[2] * column) as isize + self.shift[2]
    }

    /// `i` of the target columns that read nothing beside the source.
    fn columns_inside(&self) -> Range<usize> {
        let columns = self.columns();
        let is_left = |column: &usize| self.left(*column) < 0;
        let is_inside =
            |column: &usize| self.left(*column) + self.size[2] as isize <= self.source.width as isize;
        let start = (0..columns).take_while(is_left).count();
        start..start + (start..columns).take_while(is_inside).count()
    }

    fn copy_what_is_inside(&self, column: usize, line: &[f32], stretch: &mut [f32]) {
        let left = self.left(column);
        let end = (left + self.size[2] as isize).min(self.source.width as isize);
        if left.max(0) < end {
            let channels = self.source.channels;
            let values = &line[left.max(0) as usize * channels..end as usize * channels];
            let from = (left.max(0) - left) as usize * channels;
            stretch[from..from + values.len()].copy_from_slice(values);
        }
    }
}

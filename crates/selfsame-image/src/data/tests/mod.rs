//! Tests of the data room, on pictures that they draw themselves.

mod check;
mod decode;
mod label_map;
mod loader;
mod pack;
mod shards;
mod source;

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, ImageFormat, RgbImage};

use super::{Dataset, OpenOptions};

/// A smooth picture, different for each `seed`.
fn drawing(width: u32, height: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let wave = |scale: f32, shift: u32| {
            let phase =
                x as f32 / width as f32 * scale + y as f32 / height as f32 * 2.0 + (seed + shift) as f32;
            (127.5 + 100.0 * phase.sin()) as u8
        };
        image::Rgb([wave(3.0, 0), wave(1.5, 1), wave(0.5, 2)])
    })
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(seed: u32) -> Vec<u8> {
    encoded(drawing(20, 16, seed), ImageFormat::Png)
}

/// A JPEG of the best quality.
fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (image.width() as u16, image.height() as u16);
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
    encoder.encode(image.as_raw(), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A folder with the pictures `000.png`, `001.png` …
fn folder_of(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..count {
        write(folder.path(), &format!("{seed:03}.png"), &png(seed));
    }
    folder
}

/// Opens without a cache.
fn open(path: &Path) -> Dataset {
    Dataset::open(path, &OpenOptions { cache: None, shuffle_buffer: 8 }).unwrap()
}

fn open_shared(path: &Path) -> Arc<Dataset> {
    Arc::new(open(path))
}

fn names(dataset: &Dataset) -> Vec<String> {
    (0..dataset.len()).map(|index| dataset.name(index)).collect()
}

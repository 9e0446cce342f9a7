//! Writing a pack, see [`super::pack`] for the format.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use image::RgbImage;
use image::imageops::{FilterType, resize};
use rayon::prelude::*;
use selfsame_core::{Error, Result, atomic_file};
use xxhash_rust::xxh3::xxh3_64;

use super::decode::{decode_into, probe};
use super::labels::NONE;
use super::pack::{HEADER, Record, header};
use super::raw_picture;
use super::source::Dataset;
use crate::picture::Picture;
use selfsame_core::data::BadFile;

/// How a pack is written.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    /// Store decoded RGB instead of the original files: larger, but nothing is left to decode.
    pub raw: bool,
    /// Shrink pictures whose shorter side is above this many pixels (needs `raw`).
    pub max_side: Option<usize>,
    /// Replace a file of this name.
    pub overwrite: bool,
}

/// What went into a pack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PackSummary {
    /// Pictures written.
    pub written: usize,
    /// Size of the pack in bytes.
    pub bytes: u64,
    /// Pictures left out, and why.
    pub skipped: Vec<BadFile>,
}

/// How many pictures are prepared at a time: bounds the memory.
const CHUNK: usize = 256;

/// Writes all of `dataset` to the pack `path`, which appears when it is complete. `progress` is told how many
/// pictures are done.
///
/// # Errors
/// [`Error::Config`] when `max_side` is given without `raw` or is 0, or the file exists or has a name by which nobody would take it for a pack; [`Error::Data`] when no picture
/// can be used; [`Error::Io`] when the file cannot be written.
pub fn write_pack(
    dataset: &Dataset,
    path: &Path,
    options: &PackOptions,
    progress: &dyn Fn(usize),
) -> Result<PackSummary> {
    if options.max_side.is_some() && !options.raw {
        return Err(Error::config(
            "--max-side is given, but the files are packed as they are",
            "add --raw to store the pictures decoded and resized, or leave out --max-side",
        ));
    }
    if options.max_side == Some(0) {
        return Err(Error::config("--max-side is 0", "give it in pixels, such as 256"));
    }
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pack")) {
        let what = format!("{}: packs are known by their ending", path.display());
        return Err(Error::config(what, "give the file a name that ends in .pack"));
    }
    if path.exists() && !options.overwrite {
        return Err(Error::config(
            format!("{} exists", path.display()),
            "choose another name with -o, or add --overwrite",
        ));
    }
    let mut summary = PackSummary { written: 0, bytes: 0, skipped: Vec::new() };
    let mut offset = HEADER as u64;
    let mut records = Vec::new();
    let mut names = String::new();
    let written = atomic_file::write(path, |file| {
        file.write_all(&[0; HEADER])?;
        for start in (0..dataset.len()).step_by(CHUNK) {
            let end = dataset.len().min(start + CHUNK);
            let payloads: Vec<_> =
                (start..end).into_par_iter().map(|i| payload(dataset, i, options)).collect();
            for (index, payload) in (start..end).zip(payloads) {
                let name = dataset.name(index);
                let payload = match payload {
                    Ok(payload) => payload,
                    Err(reason) => {
                        summary.skipped.push(BadFile { name, reason });
                        continue;
                    }
                };
                file.write_all(&payload)?;
                let record = Record {
                    offset,
                    size: payload.len() as u64,
                    checksum: xxh3_64(&payload),
                    name: names.len() as u64,
                    name_length: name.len() as u32,
                    class: dataset.label(index).map_or(NONE, |label| label as u32),
                };
                records.push(record);
                offset += payload.len() as u64;
                names.push_str(&name);
            }
            progress(end);
        }
        summary.written = records.len();
        if records.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let index = index_bytes(&records, dataset.classes(), &names);
        file.write_all(&index)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(records.len() as u64, dataset.classes().len() as u64, offset, &index))?;
        summary.bytes = offset + index.len() as u64;
        Ok(())
    });
    match (written, summary.skipped.first()) {
        (Err(_), Some(bad)) if summary.written == 0 => {
            let what = format!("no picture can be used, such as {}: {}", bad.name, bad.reason);
            Err(Error::data(path, what, "`selfsame data check` says what is wrong with each"))
        }
        (written, _) => written.map(|()| summary),
    }
}

fn index_bytes(records: &[Record], classes: &[String], instance_names: &str) -> Vec<u8> {
    let mut index: Vec<u8> = records.iter().flat_map(|record| record.to_bytes()).collect();
    let mut place = instance_names.len() as u64;
    for class in classes {
        index.extend_from_slice(&place.to_le_bytes());
        index.extend_from_slice(&(class.len() as u64).to_le_bytes());
        place += class.len() as u64;
    }
    index.extend_from_slice(instance_names.as_bytes());
    index.extend(classes.iter().flat_map(|class| class.bytes()));
    index
}

/// What is stored of a picture, or why it is left out.
fn payload(dataset: &Dataset, index: usize, options: &PackOptions) -> Result<Vec<u8>, String> {
    let mut buffer = Vec::new();
    let bytes = dataset.read(index, &mut buffer).map_err(|error| error.to_string())?;
    let header = probe(bytes).map_err(|error| error.to_string())?;
    if !options.raw {
        return Ok(bytes.to_vec());
    }
    let shorter = header.width.min(header.height);
    let target = options.max_side.unwrap_or(shorter).min(shorter);
    let denominator = [8, 4, 2].into_iter().find(|denominator| shorter / denominator >= target).unwrap_or(1);
    let mut picture = Picture::filled(1, 1, [0; 3]);
    decode_into(bytes, &header, denominator, &mut picture).map_err(|error| error.to_string())?;
    let side = |length: usize| ((length * target + shorter / 2) / shorter).max(1);
    let picture = resized(picture, side(header.width), side(header.height));
    Ok(raw_picture::write(&picture))
}

fn resized(picture: Picture, width: usize, height: usize) -> Picture {
    if (picture.width, picture.height) == (width, height) {
        return picture;
    }
    let Some(source) = RgbImage::from_raw(picture.width as u32, picture.height as u32, picture.pixels) else {
        return Picture::filled(width, height, [0; 3]);
    };
    let pixels = resize(&source, width as u32, height as u32, FilterType::Triangle).into_raw();
    Picture { width, height, pixels }
}

//! safetensors: the length of a JSON header as u64, the header, the tensors.
//!
//! The header tells the sizes of all tensors and precedes them: the vectors wait in an unnamed file in the same folder.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};
use selfsame_video::data::{COLUMNS, FrameVectors};
use serde_json::{Map, Value, json};

use super::Sink;
use crate::embeddings::Output;

pub struct Safetensors {
    output: Output,
    rows: BufWriter<File>,
    /// The number of vectors of each frame.
    counts: Vec<usize>,
    types: Vec<u8>,
}

impl Safetensors {
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let output = Output::create(path, overwrite)?;
        let rows =
            tempfile::tempfile_in(output.folder()).map_err(|error| Error::io("create", path, error))?;
        Ok(Self { output, rows: BufWriter::with_capacity(1 << 18, rows), counts: vec![], types: vec![] })
    }
}

impl Sink for Safetensors {
    fn push(&mut self, frame: &FrameVectors) -> Result<()> {
        self.counts.push(frame.vectors.len());
        self.types.push(frame.kind.number());
        for number in frame.vectors.iter().flat_map(|vector| vector.row()) {
            self.rows.write_all(&number.to_le_bytes()).map_err(|error| self.output.error(error))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<PathBuf> {
        let Self { mut output, rows, counts, types } = *self;
        let mut rows = rows.into_inner().map_err(|error| output.error(error.into_error()))?;
        rows.rewind().map_err(|error| output.error(error))?;
        output.put(&header(&counts))?;
        io::copy(&mut rows, &mut output).map_err(|error| output.error(error))?;
        output.put(&types)?;
        output.commit()
    }
}

/// The header for frames with so many vectors, with its length.
fn header(counts: &[usize]) -> Vec<u8> {
    let mut header = Map::new();
    let about = json!({
        "columns": COLUMNS.join(","),
        "motion": "from the block to its source in the reference, in pixels times motion_scale; x to the right, y downwards",
    });
    header.insert("__metadata__".into(), about);
    let mut end = 0;
    for (frame, &count) in counts.iter().enumerate() {
        let start = end;
        end += count * COLUMNS.len() * size_of::<i16>();
        header.insert(
            format!("frame_{frame}"),
            json!({ "dtype": "I16", "shape": [count, COLUMNS.len()], "data_offsets": [start, end] }),
        );
    }
    let types = json!({ "dtype": "U8", "shape": [counts.len()], "data_offsets": [end, end + counts.len()] });
    header.insert("frame_types".into(), types);

    let mut header = Value::Object(header).to_string().into_bytes();
    // The data begin at a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut header);
    bytes
}

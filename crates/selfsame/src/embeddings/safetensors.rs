//! safetensors: the length of a JSON header as u64, the header, the tensors.
//!
//! Source: the format's description in the README of huggingface/safetensors.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::output::Output;
use super::{Block, Schema, Sink};

/// `labels` (`[n]` i64, −1 where unknown; only of data with classes), `embeddings` (`[n, dimension]` f32) and `names` (a
/// JSON array of strings as `[bytes]` u8: a header is limited to 100 MB, names are not). Where the embeddings come from
/// is in `__metadata__`, and the names of all classes as a JSON array under `classes`.
///
/// The header with the number of instances precedes the data, and the labels must precede the embeddings to stay
/// aligned: the embeddings wait in an unnamed file in the same folder.
pub struct Safetensors {
    output: Output,
    values: BufWriter<File>,
    labels: Vec<i64>,
    names: Vec<String>,
    schema: Schema,
}

impl Safetensors {
    pub fn create(path: &Path, schema: Schema, overwrite: bool) -> Result<Self> {
        let output = Output::create(path, overwrite)?;
        let values =
            tempfile::tempfile_in(output.folder()).map_err(|error| Error::io("create", path, error))?;
        let values = BufWriter::with_capacity(1 << 18, values);
        Ok(Self { output, values, labels: vec![], names: vec![], schema })
    }
}

impl Sink for Safetensors {
    fn push(&mut self, block: &Block<'_>) -> Result<()> {
        for value in block.values {
            self.values.write_all(&value.to_le_bytes()).map_err(|error| self.output.error(error))?;
        }
        self.labels.extend(block.labels.iter().map(|label| label.map_or(-1, |label| label as i64)));
        self.names.extend_from_slice(block.names);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>> {
        let Self { mut output, values, labels, names, schema } = *self;
        let names = json!(names).to_string();
        let labels: Vec<u8> = match schema.classes.is_empty() {
            true => vec![],
            false => labels.into_iter().flat_map(i64::to_le_bytes).collect(),
        };
        let mut values = values.into_inner().map_err(|error| output.error(error.into_error()))?;
        let length = values.stream_position().map_err(|error| output.error(error))? as usize;
        values.rewind().map_err(|error| output.error(error))?;

        output.put(&header(&schema, labels.len(), length, names.len()))?;
        output.put(&labels)?;
        io::copy(&mut values, &mut output).map_err(|error| output.error(error))?;
        output.put(names.as_bytes())?;
        Ok(vec![output.commit()?])
    }
}

/// The header for tensors of so many bytes, with its length.
fn header(schema: &Schema, labels: usize, values: usize, names: usize) -> Vec<u8> {
    let mut metadata: Map<_, _> =
        schema.metadata.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    metadata.insert("classes".into(), json!(schema.classes_json()));
    let mut header = Map::new();
    header.insert("__metadata__".into(), Value::Object(metadata));
    let mut end = 0;
    let mut tensor = |name: &str, dtype: &str, shape: &[usize], bytes: usize| {
        let start = end;
        end += bytes;
        header.insert(name.into(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}));
    };
    if !schema.classes.is_empty() {
        tensor("labels", "I64", &[labels / 8], labels);
    }
    tensor("embeddings", "F32", &[values / 4 / schema.dimension, schema.dimension], values);
    tensor("names", "U8", &[names], names);

    let mut header = Value::Object(header).to_string().into_bytes();
    // The data begin at a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut header);
    bytes
}

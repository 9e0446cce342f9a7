//! Motion vectors as Apache Parquet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int16Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use selfsame_core::{Error, Result};
use selfsame_video::data::{COLUMNS, FrameType, FrameVectors};

use super::Sink;
use crate::embeddings::{Output, refused};

/// Rows that are kept until they are written together.
const BATCH: usize = 1 << 16;

/// A row for each vector.
pub struct Parquet {
    writer: ArrowWriter<Output>,
    path: PathBuf,
    schema: SchemaRef,
    frames: Vec<u32>,
    columns: [Vec<i16>; COLUMNS.len()],
    types: String,
}

impl Parquet {
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let numbers = COLUMNS.map(|name| Field::new(name, DataType::Int16, false));
        let frame = Field::new("frame", DataType::UInt32, false);
        let schema = Arc::new(Schema::new([frame].into_iter().chain(numbers).collect::<Vec<_>>()));
        let properties = WriterProperties::builder()
            .set_created_by(concat!("selfsame ", env!("CARGO_PKG_VERSION")).into())
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = ArrowWriter::try_new(Output::create(path, overwrite)?, schema.clone(), Some(properties));
        Ok(Self {
            writer: writer.map_err(|error| refused(path, error))?,
            path: path.to_owned(),
            schema,
            frames: Vec::new(),
            columns: Default::default(),
            types: String::new(),
        })
    }

    /// Writes the rows that wait.
    fn flush(&mut self) -> Result<()> {
        let frames: ArrayRef = Arc::new(UInt32Array::from(std::mem::take(&mut self.frames)));
        let numbers = self
            .columns
            .iter_mut()
            .map(|column| -> ArrayRef { Arc::new(Int16Array::from(std::mem::take(column))) });
        let columns = std::iter::once(frames).chain(numbers).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        let batch = batch.map_err(|error| Error::Internal(error.to_string()))?;
        self.writer.write(&batch).map_err(|error| refused(&self.path, error))
    }
}

impl Sink for Parquet {
    fn push(&mut self, frame: &FrameVectors) -> Result<()> {
        self.types.push(match frame.kind {
            FrameType::I => 'I',
            FrameType::P => 'P',
            FrameType::B => 'B',
        });
        for vector in &frame.vectors {
            self.frames.push(frame.frame as u32);
            self.columns.iter_mut().zip(vector.row()).for_each(|(column, number)| column.push(number));
        }
        if self.frames.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<PathBuf> {
        self.flush()?;
        let Self { mut writer, path, types, .. } = *self;
        writer.append_key_value_metadata(KeyValue::new("frame_types".into(), types));
        let output = writer.into_inner().map_err(|error| refused(&path, error))?;
        output.commit()
    }
}

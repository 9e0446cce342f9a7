//! Lists as Apache Parquet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, Float32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use selfsame_core::{Error, Result};

use super::{List, Sink};
use crate::embeddings::{Output, refused};

/// Columns `user`, `rank`, `item`, `score`.
pub struct Parquet {
    writer: ArrowWriter<Output>,
    path: PathBuf,
    schema: SchemaRef,
}

impl Parquet {
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("user", DataType::Utf8, false),
            Field::new("rank", DataType::UInt32, false),
            Field::new("item", DataType::Utf8, false),
            Field::new("score", DataType::Float32, false),
        ]));
        let properties = WriterProperties::builder()
            .set_created_by(concat!("selfsame ", env!("CARGO_PKG_VERSION")).into())
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = ArrowWriter::try_new(Output::create(path, overwrite)?, schema.clone(), Some(properties));
        let writer = writer.map_err(|error| refused(path, error))?;
        Ok(Self { writer, path: path.to_owned(), schema })
    }
}

impl Sink for Parquet {
    fn push(&mut self, lists: &[List<'_>]) -> Result<()> {
        let rows = || lists.iter().flat_map(|list| (1..).zip(list.items).map(move |row| (list.user, row)));
        let users: StringArray = rows().map(|(user, _)| Some(user)).collect();
        let ranks: UInt32Array = rows().map(|(_, (rank, _))| Some(rank)).collect();
        let items: StringArray = rows().map(|(_, (_, (item, _)))| Some(*item)).collect();
        let scores: Float32Array = rows().map(|(_, (_, (_, score)))| Some(*score)).collect();
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(users), Arc::new(ranks), Arc::new(items), Arc::new(scores)];
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        let batch = batch.map_err(|error| Error::Internal(error.to_string()))?;
        self.writer.write(&batch).map_err(|error| refused(&self.path, error))
    }

    fn finish(self: Box<Self>) -> Result<PathBuf> {
        let output = self.writer.into_inner().map_err(|error| refused(&self.path, error))?;
        output.commit()
    }
}

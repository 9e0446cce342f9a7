//! Apache Parquet, through its Arrow writer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, FixedSizeListArray, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use selfsame_core::{Error, Result};

use super::output::Output;
use super::{Block, Schema, Sink};

/// Encoded size of a row group: what the writer keeps in memory.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Columns `name`, `label`, `label_id` and `embedding`; where the embeddings come from is in the file's key-value
/// metadata, and the names of all classes as a JSON array under `classes`.
///
/// Nothing is compressed: the mantissas of embeddings are noise, and names and labels are small beside them.
pub struct Parquet {
    writer: ArrowWriter<Output>,
    path: PathBuf,
    table: arrow_schema::SchemaRef,
    element: FieldRef,
    schema: Schema,
}

impl Parquet {
    pub fn create(path: &Path, schema: Schema, overwrite: bool) -> Result<Self> {
        let dimension = i32::try_from(schema.dimension).map_err(|_| {
            Error::Internal(format!("{} dimensions are too many for Parquet", schema.dimension))
        })?;
        let element = Arc::new(Field::new("element", DataType::Float32, false));
        let table = Arc::new(arrow_schema::Schema::new(vec![
            Field::new("name", DataType::Utf8, false),
            Field::new("label", DataType::Utf8, true),
            Field::new("label_id", DataType::Int32, true),
            Field::new("embedding", DataType::FixedSizeList(element.clone(), dimension), false),
        ]));
        let output = Output::create(path, overwrite)?;
        let writer = ArrowWriter::try_new(output, table.clone(), Some(properties(&schema)));
        Ok(Self {
            writer: writer.map_err(|error| refused(path, error))?,
            path: path.to_owned(),
            table,
            element,
            schema,
        })
    }

    fn batch(&self, block: &Block<'_>) -> Result<RecordBatch, ArrowError> {
        let names = StringArray::from_iter_values(block.names);
        let labels: StringArray = block.labels.iter().map(|&label| self.schema.class(label)).collect();
        let numbers: Int32Array =
            block.labels.iter().map(|label| label.and_then(|label| i32::try_from(label).ok())).collect();
        let values = Arc::new(Float32Array::from(block.values.to_vec()));
        let embeddings =
            FixedSizeListArray::try_new(self.element.clone(), self.schema.dimension as i32, values, None)?;
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(names), Arc::new(labels), Arc::new(numbers), Arc::new(embeddings)];
        RecordBatch::try_new(self.table.clone(), columns)
    }
}

impl Sink for Parquet {
    fn push(&mut self, block: &Block<'_>) -> Result<()> {
        let batch = self.batch(block).map_err(|error| Error::Internal(error.to_string()))?;
        self.writer.write(&batch).map_err(|error| refused(&self.path, error))
    }

    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>> {
        let output = self.writer.into_inner().map_err(|error| refused(&self.path, error))?;
        Ok(vec![output.commit()?])
    }
}

fn properties(schema: &Schema) -> WriterProperties {
    let embedding = ColumnPath::from(vec!["embedding".into(), "list".into(), "element".into()]);
    let mut metadata: Vec<_> =
        schema.metadata.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    metadata.push(KeyValue::new("classes".into(), schema.classes_json()));
    WriterProperties::builder()
        .set_created_by(concat!("selfsame ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(metadata))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_column_dictionary_enabled(embedding.clone(), false)
        .set_column_statistics_enabled(embedding, EnabledStatistics::None)
        .build()
}

/// What the system said, if it was the system.
pub fn refused(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => Error::io("write", path, *source),
            Err(source) => Error::io("write", path, io::Error::other(source)),
        },
        error => Error::io("write", path, io::Error::other(error)),
    }
}

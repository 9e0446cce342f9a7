//! Embeddings with the names and labels of their instances, in the files that other tools read.
//!
//! | format | files | read by |
//! |---|---|---|
//! | `parquet` | one | pandas, polars, DuckDB, Spark |
//! | `npy` | `x.npy`, `x.names.csv`, `x.json` | NumPy |
//! | `csv` | `x.csv`, `x.json` | everything; the columns are those of lightly |
//! | `safetensors` | one | PyTorch, JAX, Candle |
//! | `projector` | a folder | TensorBoard's embedding projector, also the standalone one |
//!
//! Blocks are written as they come, so that memory does not grow with the number of instances. What a format needs at
//! its head or cannot write twice is kept back: labels and names (`safetensors`) and small pictures (`projector`).

mod csv;
mod format;
mod npy;
mod output;
mod parquet;
mod projector;
mod safetensors;
mod sprite;

pub use format::Format;
pub use output::refuse_existing;

pub(crate) use self::csv::push_field;
pub(crate) use self::output::Output;
pub(crate) use self::parquet::refused;

use std::path::{Path, PathBuf};

use image::RgbImage;
use selfsame_core::{Error, Result};
use serde_json::{Value, json};

/// What is the same for all embeddings of a file.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Numbers in one embedding.
    pub dimension: usize,
    /// Names of the classes in the order of their numbers; empty when the data have no labels.
    pub classes: Vec<String>,
    /// Where the embeddings come from, as pairs of key and value: run, method, backbone, layer, preprocessing …
    pub metadata: Vec<(String, String)>,
}

impl Schema {
    /// The name of a class.
    fn class(&self, label: Option<usize>) -> Option<&str> {
        self.classes.get(label?).map(String::as_str)
    }

    /// The classes' names as a JSON array, for formats whose metadata are text.
    fn classes_json(&self) -> String {
        json!(self.classes).to_string()
    }

    /// What a file of plain numbers cannot say about itself, as one JSON document.
    fn description(&self, instances: usize) -> Value {
        let metadata: serde_json::Map<_, _> =
            self.metadata.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        json!({
            "instances": instances,
            "dimension": self.dimension,
            "classes": self.classes,
            "metadata": metadata,
        })
    }
}

/// Some instances with their embeddings.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// What each instance is called, usually its path within the data folder.
    pub names: &'a [String],
    /// The class of each instance as an index into [`Schema::classes`]; `None` where it is unknown.
    pub labels: &'a [Option<usize>],
    /// `[names, dimension]`, row by row.
    pub values: &'a [f32],
    /// A picture of each instance, of any size; only looked at where [`EmbeddingWriter::wants_thumbnails`], and only shown
    /// when every block has them.
    pub thumbnails: Option<&'a [RgbImage]>,
}

/// What [`EmbeddingWriter::finish`] has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The files, the one with the embeddings first.
    pub files: Vec<PathBuf>,
    /// Number of embeddings.
    pub instances: usize,
}

/// Writes one format.
trait Sink {
    fn push(&mut self, block: &Block<'_>) -> Result<()>;
    /// Gives the files their final names and returns them, the one with the embeddings first.
    fn finish(self: Box<Self>) -> Result<Vec<PathBuf>>;
}

/// Writes embeddings block by block. Files appear under their names in [`EmbeddingWriter::finish`], whole or not at
/// all; a writer that is dropped before leaves no files.
pub struct EmbeddingWriter {
    sink: Box<dyn Sink>,
    format: Format,
    dimension: usize,
    classes: usize,
    instances: usize,
}

impl EmbeddingWriter {
    /// Begins to write `path`, creating the folders above it. An existing file is only replaced with `overwrite`.
    ///
    /// # Errors
    /// [`Error::Config`] when something of that name exists and may not be replaced; [`Error::Io`] when the system refuses.
    pub fn create(path: &Path, format: Format, schema: Schema, overwrite: bool) -> Result<Self> {
        if schema.dimension == 0 {
            return Err(Error::Internal("embeddings need at least one number each".into()));
        }
        let (dimension, classes) = (schema.dimension, schema.classes.len());
        let sink: Box<dyn Sink> = match format {
            Format::Parquet => Box::new(parquet::Parquet::create(path, schema, overwrite)?),
            Format::Npy => Box::new(npy::Npy::create(path, schema, overwrite)?),
            Format::Csv => Box::new(csv::Csv::create(path, schema, overwrite)?),
            Format::Safetensors => Box::new(safetensors::Safetensors::create(path, schema, overwrite)?),
            Format::Projector => Box::new(projector::Projector::create(path, schema, overwrite)?),
        };
        Ok(Self { sink, format, dimension, classes, instances: 0 })
    }

    /// Whether the format shows pictures of the instances, so that it is worth keeping them for [`Block::thumbnails`].
    pub fn wants_thumbnails(&self) -> bool {
        self.format == Format::Projector
    }

    /// Writes some more embeddings.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses, [`Error::Internal`] when the block does not fit the schema.
    pub fn push(&mut self, block: &Block<'_>) -> Result<()> {
        let instances = block.names.len();
        let thumbnails = block.thumbnails.map_or(instances, <[_]>::len);
        let fits = block.values.len() == instances * self.dimension
            && block.labels.len() == instances
            && thumbnails == instances
            && block.labels.iter().flatten().all(|&label| label < self.classes);
        if !fits {
            return Err(Error::Internal(format!(
                "a block of {instances} names, {} labels of {} classes, {} values for {} dimensions and {thumbnails} thumbnails",
                block.labels.len(),
                self.classes,
                block.values.len(),
                self.dimension,
            )));
        }
        if instances > 0 {
            self.sink.push(block)?;
            self.instances += instances;
        }
        Ok(())
    }

    /// Completes the files and gives them their names.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses.
    pub fn finish(self) -> Result<Written> {
        Ok(Written { instances: self.instances, files: self.sink.finish()? })
    }
}

#[cfg(test)]
mod tests;

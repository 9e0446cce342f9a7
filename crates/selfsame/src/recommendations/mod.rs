//! Lists of recommended items for many users, in files that other tools read: a row for each user and item.
//!
//! | column | |
//! |---|---|
//! | `user` | original id |
//! | `rank` | from 1, the best |
//! | `item` | original id |
//! | `score` | the product of both embeddings |

mod lines;
mod parquet;

use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};

/// A format of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated text with a header.
    Csv,
    /// One JSON object a line for each user: `{"user":"7","items":[{"item":"10","score":1.5},…]}`.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format that a path's ending says.
    ///
    /// # Errors
    /// Endings that say none.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match &*ending {
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" => Ok(Self::Jsonl),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Error::config(
                format!("`{}` does not say in which format to write recommendations", path.display()),
                "end the name in .csv, .jsonl or .parquet",
            )),
        }
    }
}

/// The list of one user: original ids of items with their scores, the best first.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// Original id.
    pub user: &'a str,
    /// Original ids and scores.
    pub items: &'a [(&'a str, f32)],
}

/// Writes one format.
trait Sink {
    fn push(&mut self, lists: &[List<'_>]) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<PathBuf>;
}

/// Writes lists as they come. The file appears under its name in [`ListWriter::finish`], whole or not at all.
pub struct ListWriter {
    sink: Box<dyn Sink>,
}

impl ListWriter {
    /// Begins to write `path`, creating the folders above it. An existing file is only replaced with `overwrite`.
    ///
    /// # Errors
    /// An ending that says no format, a file that exists and may not be replaced, and what the system refuses.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let sink: Box<dyn Sink> = match Format::of(path)? {
            Format::Csv => Box::new(lines::Csv::create(path, overwrite)?),
            Format::Jsonl => Box::new(lines::Jsonl::create(path, overwrite)?),
            Format::Parquet => Box::new(parquet::Parquet::create(path, overwrite)?),
        };
        Ok(Self { sink })
    }

    /// Writes some more lists.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn push(&mut self, lists: &[List<'_>]) -> Result<()> {
        self.sink.push(lists)
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn finish(self) -> Result<PathBuf> {
        self.sink.finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

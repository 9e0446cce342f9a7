//! Comma-separated text with the columns of lightly (`lightly.utils.io.save_embeddings`), quoted as in RFC 4180.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use selfsame_core::Result;

use super::output::Output;
use super::{Block, Schema, Sink};

/// `x.csv` with `filenames`, `embedding_0` …, `labels`, and `x.json` with the classes' names and everything else.
/// Labels are the classes' numbers, −1 where unknown, because lightly's reader demands integers.
pub struct Csv {
    table: Output,
    description: Output,
    schema: Schema,
    instances: usize,
}

impl Csv {
    pub fn create(path: &Path, schema: Schema, overwrite: bool) -> Result<Self> {
        let mut table = Output::create(path, overwrite)?;
        let description = Output::create(&path.with_extension("json"), overwrite)?;
        let columns: String = (0..schema.dimension).map(|column| format!("embedding_{column},")).collect();
        table.put(format!("filenames,{columns}labels\n").as_bytes())?;
        Ok(Self { table, description, schema, instances: 0 })
    }
}

impl Sink for Csv {
    fn push(&mut self, block: &Block<'_>) -> Result<()> {
        let rows = block.values.chunks_exact(self.schema.dimension);
        let mut line = String::new();
        for ((name, &label), row) in block.names.iter().zip(block.labels).zip(rows) {
            line.clear();
            push_field(&mut line, name);
            for value in row {
                // Writing into a string cannot fail.
                let _ = write!(line, ",{value}");
            }
            let _ = match label {
                Some(label) => writeln!(line, ",{label}"),
                None => writeln!(line, ",-1"),
            };
            self.table.put(line.as_bytes())?;
        }
        self.instances += block.names.len();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<PathBuf>> {
        self.description.put(format!("{:#}\n", self.schema.description(self.instances)).as_bytes())?;
        let description = self.description.commit()?;
        Ok(vec![self.table.commit()?, description])
    }
}

/// Appends a field, in quotes where it has characters with a meaning.
pub fn push_field(line: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(field);
    }
}

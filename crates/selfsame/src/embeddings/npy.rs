//! NumPy's array format, version 1.0.
//!
//! Source: numpy.lib.format, "Format Version 1.0": the magic bytes, a version, the header's length as u16, the header as
//! a Python dictionary padded with spaces and ended by a newline so that the data begin at a multiple of 64, the data.

use std::path::{Path, PathBuf};

use selfsame_core::Result;

use super::csv::push_field;
use super::output::Output;
use super::{Block, Schema, Sink};

/// Long enough for any shape, and a multiple of 64.
const HEADER: usize = 128;

/// `x.npy` with the values, `x.names.csv` with names and labels, `x.json` with everything else.
pub struct Npy {
    values: Output,
    names: Output,
    description: Output,
    schema: Schema,
    instances: usize,
}

impl Npy {
    pub fn create(path: &Path, schema: Schema, overwrite: bool) -> Result<Self> {
        let mut values = Output::create(path, overwrite)?;
        let mut names = Output::create(&path.with_extension("names.csv"), overwrite)?;
        let description = Output::create(&path.with_extension("json"), overwrite)?;
        values.put(&[0; HEADER])?;
        names.put(b"name,label,label_id\n")?;
        Ok(Self { values, names, description, schema, instances: 0 })
    }
}

impl Sink for Npy {
    fn push(&mut self, block: &Block<'_>) -> Result<()> {
        for value in block.values {
            self.values.put(&value.to_le_bytes())?;
        }
        let mut line = String::new();
        for (name, &label) in block.names.iter().zip(block.labels) {
            push_field(&mut line, name);
            line.push(',');
            push_field(&mut line, self.schema.class(label).unwrap_or_default());
            line.push(',');
            line.push_str(&label.map(|label| label.to_string()).unwrap_or_default());
            line.push('\n');
        }
        self.names.put(line.as_bytes())?;
        self.instances += block.names.len();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<PathBuf>> {
        self.values.replace_head(&header(self.instances, self.schema.dimension))?;
        self.description.put(format!("{:#}\n", self.schema.description(self.instances)).as_bytes())?;
        // The values come last: where they are, the files beside them are too.
        let names = self.names.commit()?;
        let description = self.description.commit()?;
        Ok(vec![self.values.commit()?, names, description])
    }
}

fn header(rows: usize, columns: usize) -> Vec<u8> {
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((HEADER as u16 - 10).to_le_bytes());
    header.extend(
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}").bytes(),
    );
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

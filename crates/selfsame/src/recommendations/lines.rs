//! Lists as text, line by line.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use selfsame_core::Result;
use serde_json::json;

use super::{List, Sink};
use crate::embeddings::{Output, push_field};

/// `user,rank,item,score`
pub struct Csv(Output);

impl Csv {
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        let mut output = Output::create(path, overwrite)?;
        output.put(b"user,rank,item,score\n")?;
        Ok(Self(output))
    }
}

impl Sink for Csv {
    fn push(&mut self, lists: &[List<'_>]) -> Result<()> {
        let mut lines = String::new();
        for list in lists {
            for (rank, (item, score)) in (1..).zip(list.items) {
                push_field(&mut lines, list.user);
                // Writing into a string cannot fail.
                let _ = write!(lines, ",{rank},");
                push_field(&mut lines, item);
                let _ = writeln!(lines, ",{score}");
            }
        }
        self.0.put(lines.as_bytes())
    }

    fn finish(self: Box<Self>) -> Result<PathBuf> {
        self.0.commit()
    }
}

/// An object for each user.
pub struct Jsonl(Output);

impl Jsonl {
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        Ok(Self(Output::create(path, overwrite)?))
    }
}

impl Sink for Jsonl {
    fn push(&mut self, lists: &[List<'_>]) -> Result<()> {
        let mut lines = String::new();
        for list in lists {
            let items = list.items.iter().map(|(item, score)| json!({ "item": item, "score": score }));
            let _ = writeln!(lines, "{}", json!({ "user": list.user, "items": items.collect::<Vec<_>>() }));
        }
        self.0.put(lines.as_bytes())
    }

    fn finish(self: Box<Self>) -> Result<PathBuf> {
        self.0.commit()
    }
}

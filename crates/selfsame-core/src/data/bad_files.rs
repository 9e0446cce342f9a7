//! Files that could not be used, remembered while the run goes on.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, atomic_file};

/// A file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadFile {
    /// The instance's name in its data set.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The bad files met so far, by the number of their instance.
#[derive(Debug, Default)]
pub struct BadFiles {
    found: BTreeMap<usize, BadFile>,
}

impl BadFiles {
    /// Remembers what is wrong with an instance; the first reason counts.
    pub fn add(&mut self, index: usize, name: String, reason: String) {
        self.found.entry(index).or_insert_with(|| {
            tracing::info!("skipping {name}: {reason}");
            BadFile { name, reason }
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// In the order of instances.
    pub fn iter(&self) -> impl Iterator<Item = &BadFile> {
        self.found.values()
    }
}

/// An error in the words of a table of files, which has no room for advice and names the file already.
pub fn reason(error: &Error) -> String {
    match error {
        Error::Io { source, .. } => source.to_string(),
        Error::Data { what, .. } => what.clone(),
        other => other.to_string(),
    }
}

/// Writes `bad_files.tsv`: a header line `file`, tab, `reason`, then one line for each file.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written; a previous one is then intact.
pub fn write_bad_files(path: &Path, files: &[BadFile]) -> Result<()> {
    // Tabs and line ends would break the table.
    let field = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    atomic_file::write(path, |writer| {
        writeln!(writer, "file\treason")?;
        files.iter().try_for_each(|file| writeln!(writer, "{}\t{}", field(&file.name), field(&file.reason)))
    })
}

/// Reads what [`write_bad_files`] wrote; no file has none.
///
/// # Errors
/// [`Error::Io`] when the file is there and cannot be read.
pub fn read_bad_files(path: &Path) -> Result<Vec<BadFile>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(|error| Error::io("read", path, error))?,
    };
    let file = |line: &str| {
        let (name, reason) = line.split_once('\t')?;
        Some(BadFile { name: name.to_owned(), reason: reason.to_owned() })
    };
    Ok(text.lines().skip(1).filter_map(file).collect())
}

/// Adds to what [`write_bad_files`] wrote what is new.
///
/// # Errors
/// As [`read_bad_files`] and [`write_bad_files`].
pub fn add_bad_files(path: &Path, met: Vec<BadFile>) -> Result<()> {
    let mut files = read_bad_files(path)?;
    for file in met {
        if files.iter().all(|known| known.name != file.name) {
            files.push(file);
        }
    }
    write_bad_files(path, &files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_line_for_each_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad_files.tsv");
        let file = BadFile { name: "a\tb.jpg".into(), reason: "two\nlines".into() };
        write_bad_files(&path, &[file]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "file\treason\na b.jpg\ttwo lines\n");
        let read = read_bad_files(&path).unwrap();
        assert_eq!(read, [BadFile { name: "a b.jpg".into(), reason: "two lines".into() }]);
        assert!(read_bad_files(&folder.path().join("none")).unwrap().is_empty());

        let again = BadFile { reason: "another".into(), ..read[0].clone() };
        let new = BadFile { name: "c.jpg".into(), ..again.clone() };
        add_bad_files(&path, vec![again, new.clone(), new.clone()]).unwrap();
        assert_eq!(read_bad_files(&path).unwrap(), [read[0].clone(), new]);
    }

    #[test]
    fn a_file_counts_once() {
        let mut bad = BadFiles::default();
        bad.add(3, "c".into(), "first".into());
        bad.add(3, "c".into(), "second".into());
        bad.add(1, "a".into(), "first".into());
        assert_eq!(bad.len(), 2);
        assert_eq!(bad.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    }
}

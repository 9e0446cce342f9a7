//! `train.log`: what was said while training, with time stamps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::clock;
use crate::{Error, Result};

/// Appends lines to a log file. Lines of several threads do not mix.
#[derive(Debug)]
pub struct RunLog {
    path: PathBuf,
    file: File,
}

impl RunLog {
    /// Opens the log to append to it; creates it if it is not there.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn append(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|error| Error::io("write", &path, error))?;
        Ok(Self { path, file })
    }

    /// Writes one message. Further lines of it are indented, so that every line with a time stamp begins a message.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn line(&self, message: &str) -> Result<()> {
        let text = format!("{} {}\n", clock::now(), message.trim_end().replace('\n', "\n    "));
        // One call, so that the system appends the message as a whole.
        (&self.file).write_all(text.as_bytes()).map_err(|error| Error::io("write", &self.path, error))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_appended_with_time_stamps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.log");
        RunLog::append(&path).unwrap().line("begun").unwrap();
        RunLog::append(&path).unwrap().line("resumed\nat step 3\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].ends_with("Z begun") && lines[1].ends_with("Z resumed"), "{text}");
        assert_eq!(lines[2], "    at step 3");
    }

    #[test]
    fn a_missing_folder_is_an_error_with_the_path() {
        let error = RunLog::append("nowhere/train.log").unwrap_err();
        assert!(error.to_string().contains("nowhere/train.log"), "{error}");
    }
}

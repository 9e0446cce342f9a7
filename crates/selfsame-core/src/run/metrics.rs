//! `metrics.jsonl`: one JSON object a line, one a logging step, one an epoch and one an episode.
//!
//! Lines are only appended, each in one piece, so the file can be followed while a run trains. A SIGKILL can leave half
//! a line at the end; reading drops it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Result, atomic_file};

/// What a record sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The steps since the last record.
    Step,
    /// An epoch.
    Epoch,
    /// An episode in an environment that has ended.
    Episode,
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What it sums up.
    pub kind: Kind,
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Optimiser steps since the start of the run.
    pub step: u64,
    /// `loss`, its named terms, `lr`, `images_per_second`, `data_wait` (share of time),
    /// `memory_mb`, monitors, `knn_top1`.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}

impl Record {
    /// A record without values.
    pub fn new(kind: Kind, epoch: usize, step: u64) -> Self {
        Self { kind, epoch, step, values: Map::new() }
    }

    /// Adds a value. NaN and infinity become `null`: JSON has no others.
    pub fn with(mut self, name: &str, value: impl Into<f64>) -> Self {
        self.values.insert(name.to_owned(), Value::from(value.into()));
        self
    }

    /// Adds several values.
    pub fn with_all(self, values: &[(&str, f64)]) -> Self {
        values.iter().fold(self, |record, (name, value)| record.with(name, *value))
    }

    /// A value that is there and finite.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.values.get(name)?.as_f64()
    }
}

/// Appends records to `metrics.jsonl`.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Opens the file to append to it; creates it if it is not there.
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

    /// Opens the file to go on from a checkpoint of this step and this many whole epochs: drops what was recorded later.
    ///
    /// # Errors
    ///
    /// `Error::Data` when a line other than the last is no record; `Error::Io` when the system refuses.
    pub fn resume(path: impl AsRef<Path>, step: u64, epochs: usize) -> Result<Self> {
        truncate_after(path.as_ref(), step, epochs)?;
        Self::append(path)
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        let line = serde_json::to_string(record).map_err(std::io::Error::from);
        line.and_then(|line| self.file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|error| Error::io("write", &self.path, error))
    }

    /// Makes the records survive a power cut. Called before a checkpoint is written, so that none is ahead of them.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| Error::io("write", &self.path, error))
    }
}

/// Reads all records; half a line at the end is dropped.
///
/// # Errors
///
/// `Error::Io` when the file cannot be read; `Error::Data` with the line's number when a line other than the last is no
/// record.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Record>> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    Ok(parse(path, &bytes)?.into_iter().map(|(_, record)| record).collect())
}

/// The records, each with its line.
fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<(&'a [u8], Record)>> {
    let mut records = Vec::new();
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_slice(line) {
            Ok(record) => records.push((line, record)),
            Err(_) if lines.peek().is_none() => {}
            Err(error) => {
                let what = format!("line {} is not a record: {error}", index + 1);
                return Err(Error::data(path, what, "remove the line"));
            }
        }
    }
    Ok(records)
}

/// Drops the records of steps after `step`, those of epochs after the first `epochs` (the last step of an epoch may be
/// saved before the epoch is summed up), and half a line at the end; other lines stay as they are. No file is no error.
///
/// # Errors
///
/// As [`read`], and `Error::Io` when the file cannot be replaced.
fn truncate_after(path: &Path, step: u64, epochs: usize) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let records = parse(path, &bytes)?;
    let is_earlier =
        |record: &Record| record.step <= step && (record.kind != Kind::Epoch || record.epoch <= epochs);
    atomic_file::write(path, |writer| {
        for (line, _) in records.iter().filter(|(_, record)| is_earlier(record)) {
            writer.write_all(line)?;
            writer.write_all(b"\n")?;
        }
        Ok(())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file_with(steps: u64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::append(&path).unwrap();
        for step in 1..=steps {
            metrics.write(&Record::new(Kind::Step, 1, step).with("loss", step as f32 / 2.0)).unwrap();
        }
        (folder, path)
    }

    fn steps(path: &Path) -> Vec<u64> {
        read(path).unwrap().iter().map(|record| record.step).collect()
    }

    #[test]
    fn a_record_is_one_flat_object_in_order() {
        let (_folder, path) = file_with(0);
        let record =
            Record::new(Kind::Epoch, 2, 40).with("loss", 0.5).with("knn_top1", 0.25).with("bad", f64::NAN);
        Metrics::append(&path).unwrap().write(&record).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"kind\":\"epoch\",\"epoch\":2,\"step\":40,\"loss\":0.5,\"knn_top1\":0.25,\"bad\":null}\n"
        );
        let read = read(&path).unwrap();
        assert_eq!(read, [record]);
        assert_eq!((read[0].value("loss"), read[0].value("bad")), (Some(0.5), None));
    }

    #[test]
    fn resuming_drops_later_records() {
        let (_folder, path) = file_with(6);
        let mut metrics = Metrics::resume(&path, 4, 0).unwrap();
        assert_eq!(steps(&path), [1, 2, 3, 4]);
        metrics.write(&Record::new(Kind::Step, 1, 5)).unwrap();
        metrics.sync().unwrap();
        assert_eq!(steps(&path), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn an_epoch_that_is_to_be_summed_up_again_is_not_told_twice() {
        let (_folder, path) = file_with(2);
        let mut metrics = Metrics::append(&path).unwrap();
        metrics.write(&Record::new(Kind::Epoch, 1, 2)).unwrap();
        drop(Metrics::resume(&path, 2, 1).unwrap());
        assert_eq!(read(&path).unwrap().len(), 3);
        drop(Metrics::resume(&path, 2, 0).unwrap());
        assert_eq!(steps(&path), [1, 2]);
    }

    #[test]
    fn episodes_are_dropped_with_the_steps_at_which_they_ended() {
        let (_folder, path) = file_with(0);
        let mut metrics = Metrics::append(&path).unwrap();
        for step in [2, 5] {
            metrics.write(&Record::new(Kind::Episode, 1, step).with_all(&[("return", 0.5)])).unwrap();
        }
        drop(Metrics::resume(&path, 4, 0).unwrap());
        assert_eq!(steps(&path), [2]);
    }

    #[test]
    fn a_half_written_last_line_is_dropped() {
        let (_folder, path) = file_with(3);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..20 {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            // The line without its line break is still whole.
            let expected: &[u64] = if cut == 1 { &[1, 2, 3] } else { &[1, 2] };
            assert_eq!(steps(&path), expected);
            let mut metrics = Metrics::resume(&path, 2, 0).unwrap();
            metrics.write(&Record::new(Kind::Step, 1, 3)).unwrap();
            assert_eq!(steps(&path), [1, 2, 3]);
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_with_its_number() {
        let (_folder, path) = file_with(1);
        let text = std::fs::read_to_string(&path).unwrap() + "oops\n{}\n";
        std::fs::write(&path, text).unwrap();
        let error = Metrics::resume(&path, 1, 0).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn resuming_without_a_file_begins_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        Metrics::resume(&path, 3, 0).unwrap();
        assert!(steps(&path).is_empty());
    }
}

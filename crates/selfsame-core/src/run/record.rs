//! `run.json`: what a run is and how it went.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Host, clock};
use crate::{Error, Result, atomic_file};

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Training; in `run.json` also when it was killed without a chance to say so.
    Running,
    /// Trained to the last epoch.
    Finished,
    /// Stopped by a signal, with a checkpoint.
    Stopped,
    /// Ended by an error.
    Failed,
    /// `run.json` says that it is running, but nobody trains ([`RunFolder::status`](super::RunFolder::status)); never written there.
    Killed,
}

impl Status {
    /// As in `run.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Killed => "killed",
        }
    }
}

/// The data that a run learns from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The folder or file, with its absolute path.
    pub path: String,
    /// How many instances it held.
    pub instances: u64,
    /// Changes when names or sizes of the instances do, so that a resumed run notices.
    pub fingerprint: String,
}

/// The contents of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// How the run stands.
    pub status: Status,
    /// Why it stopped or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The method's name, such as `simclr`.
    pub method: String,
    /// The seed of all randomness.
    pub seed: u64,
    /// Versions by name: `selfsame`, `burn` …
    pub versions: BTreeMap<String, String>,
    /// The machine.
    pub host: Host,
    /// When training began, RFC 3339 in UTC.
    pub started: String,
    /// When it ended, by itself or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// The data.
    pub data: DataRecord,
    /// Results by name: `knn_before`, `knn_after`, `steps`, `peak_memory_mb` …
    #[serde(default)]
    pub results: Map<String, Value>,
}

impl RunRecord {
    /// A run of `method` that begins now on this machine with this process's command line.
    pub fn begin(method: &str, seed: u64, data: DataRecord) -> Self {
        Self {
            status: Status::Running,
            reason: None,
            method: method.to_owned(),
            seed,
            versions: BTreeMap::from([("selfsame".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            host: Host::this(),
            started: clock::now(),
            ended: None,
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            data,
            results: Map::new(),
        }
    }

    /// The run goes on after an end.
    pub fn resume(&mut self) {
        self.status = Status::Running;
        self.reason = None;
        self.ended = None;
        self.host = Host::this();
    }

    /// The run ends now.
    pub fn end(&mut self, status: Status, reason: Option<String>) {
        self.status = status;
        self.reason = reason;
        self.ended = Some(clock::now());
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        serde_json::from_slice(&text).map_err(|error| {
            Error::data(path, format!("not the record of a run: {error}"), "restore the file or train anew")
        })
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        atomic_file::write(path, |writer| {
            serde_json::to_writer_pretty(&mut *writer, self)?;
            writer.write_all(b"\n")
        })
    }
}

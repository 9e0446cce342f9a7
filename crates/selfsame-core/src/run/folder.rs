//! The folder of a run: its files, and who may write to them.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{RunRecord, Status, host, tensorboard};
use crate::{Error, Result, atomic_file, checkpoint};

const LOCK: &str = ".lock";

/// Who asks whether a run is being trained holds its lock for a moment; so long a training that begins then waits.
const MOMENT: Duration = Duration::from_millis(200);

/// Who changes the record holds this one: a training ends while its run is evaluated, and evaluations run side by side.
const RECORD_LOCK: &str = ".record.lock";

/// A run's folder. While one that came from [`create`](Self::create) or [`resume`](Self::resume) lives, no other
/// process can train into it; the lock vanishes with the process, however that ends.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl RunFolder {
    /// Creates the folder of a new run, with its parents, and locks it.
    ///
    /// With `overwrite` the files of the run that is there are removed first: what training wrote and the pictures of its
    /// evaluations, nothing else.
    /// `run.json` stays until [`write_record`](Self::write_record) replaces it.
    ///
    /// # Errors
    ///
    /// `Error::Config` when the folder is not empty (with `overwrite`: when it is not a run's) or another process
    /// trains into it; `Error::Io` when it cannot be created.
    pub fn create(path: impl AsRef<Path>, overwrite: bool) -> Result<Self> {
        let path = path.as_ref().to_owned();
        if path.exists() && !path.is_dir() {
            return Err(Error::config(
                format!("{} is a file, not a folder", path.display()),
                "choose another folder with --out",
            ));
        }
        fs::create_dir_all(&path).map_err(|error| Error::io("create", &path, error))?;
        check_free(&path, overwrite)?;
        let lock = lock(&path)?;
        // Again, because another process may have trained here before this one had the lock.
        check_free(&path, overwrite)?;
        let folder = Self { path, _lock: lock };
        // Without `overwrite` there is nothing but leftovers.
        folder.remove_run().map_err(|error| Error::io("clear", &folder.path, error))?;
        Ok(folder)
    }

    /// Opens a run to train on: locks it and clears away what a killed process left half-written.
    ///
    /// # Errors
    ///
    /// `Error::Data` when it is not there or not a run; `Error::Config` when another process trains into it.
    pub fn resume(path: impl AsRef<Path>) -> Result<Self> {
        let folder = Self::open(path)?;
        let lock = lock(&folder.path)?;
        atomic_file::remove_leftovers(&folder.path)
            .and_then(|()| checkpoint::clear_all_leftovers(&folder.checkpoints()))
            .map_err(|error| Error::io("clear", &folder.path, error))?;
        Ok(Self { path: folder.path, _lock: lock })
    }

    /// Opens a run to read from, also while it is training.
    ///
    /// # Errors
    ///
    /// `Error::Data` when it is not there or not a run.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let help = "give the folder that `selfsame pretrain` wrote (--out)";
        if !path.exists() {
            return Err(Error::data(path, "there is no such run", help));
        }
        let folder = Self { path, _lock: None };
        if !folder.record_path().is_file() {
            return Err(Error::data(folder.path, "not a run: it has no run.json", help));
        }
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The resolved settings.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The measurements, see [`super::metrics`].
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The log, see [`super::log`].
    pub fn log(&self) -> PathBuf {
        self.path.join("train.log")
    }

    /// Files that could not be decoded, with reasons.
    pub fn bad_files(&self) -> PathBuf {
        self.path.join("bad_files.tsv")
    }

    /// Original ids of users and of items, a line each.
    pub fn ids(&self) -> [PathBuf; 2] {
        ["users.txt", "items.txt"].map(|name| self.path.join(name))
    }

    /// The checkpoints, see [`crate::checkpoint`].
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Pictures that evaluations draw.
    pub fn pictures(&self) -> PathBuf {
        self.path.join("pictures")
    }

    fn record_path(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// Reads `run.json`.
    ///
    /// # Errors
    ///
    /// `Error::Io` or `Error::Data` when it cannot be read.
    pub fn record(&self) -> Result<RunRecord> {
        RunRecord::read(&self.record_path())
    }

    /// How the run with this record stands: as the record says, but a run that nobody trains any more is not running.
    pub fn status(&self, record: &RunRecord) -> Status {
        let is_trained = || match File::open(self.path.join(LOCK)) {
            Ok(file) => !matches!(file.try_lock_shared(), Ok(())),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if record.status == Status::Running && !is_trained() { Status::Killed } else { record.status }
    }

    /// Writes `run.json`, atomically.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn write_record(&self, record: &RunRecord) -> Result<()> {
        record.write(&self.record_path())
    }

    /// Changes what `run.json` says now, whoever else wrote to it since it was read; returns what it says then.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record) and [`write_record`](Self::write_record).
    pub fn change_record(&self, change: impl FnOnce(&mut RunRecord)) -> Result<RunRecord> {
        let path = self.path.join(RECORD_LOCK);
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path);
        let file = file.map_err(|error| Error::io("write", &path, error))?;
        // Where the file system knows no locks there is none to wait for.
        if let Err(error) = file.lock() {
            tracing::warn!("{}: cannot lock the record: {error}", self.path.display());
        }
        let mut record = self.record()?;
        change(&mut record);
        self.write_record(&record)?;
        Ok(record)
    }

    /// Writes the resolved settings, atomically.
    ///
    /// # Errors
    ///
    /// `Error::Io` when the system refuses.
    pub fn write_config(&self, settings: &toml::Table) -> Result<()> {
        atomic_file::write(&self.config(), |writer| {
            writer.write_all(toml::to_string(settings).map_err(io::Error::other)?.as_bytes())
        })
    }

    fn remove_run(&self) -> io::Result<()> {
        let files = [self.config(), self.metrics(), self.log(), self.bad_files()];
        for file in files.into_iter().chain(self.ids()) {
            remove_if_there(&file)?;
        }
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(tensorboard::PREFIX) {
                fs::remove_file(entry.path())?;
            }
        }
        remove_pictures(&self.pictures())?;
        atomic_file::remove_leftovers(&self.path)?;
        checkpoint::remove_all(&self.checkpoints())
    }
}

/// They would show another run than the one they lie in.
fn remove_pictures(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let mut others = false;
    for entry in entries {
        let path = entry?.path();
        match path.extension().is_some_and(|extension| extension == "png") {
            true => fs::remove_file(path)?,
            false => others = true,
        }
    }
    if others { Ok(()) } else { fs::remove_dir(folder) }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Whether a new run may be written here.
fn check_free(path: &Path, overwrite: bool) -> Result<()> {
    let mut entries = fs::read_dir(path).map_err(|error| Error::io("list", path, error))?;
    // A process that was killed before it had written `run.json` leaves these.
    let is_leftover = |name: &OsStr| name == LOCK || atomic_file::is_leftover(name);
    let is_empty = entries.all(|entry| entry.is_ok_and(|entry| is_leftover(&entry.file_name())));
    let is_run = path.join("run.json").is_file();
    let shown = path.display();
    match (is_empty, is_run, overwrite) {
        (true, ..) | (_, true, true) => Ok(()),
        (_, true, false) => Err(Error::config(
            format!("{shown} already holds a run"),
            format!(
                "go on with it by `selfsame resume {shown}`, choose another folder with --out, or replace it with \
                 --overwrite"
            ),
        )),
        (_, false, _) => Err(Error::config(
            format!("{shown} is not empty and holds no run, so nothing in it will be touched"),
            "choose another folder with --out (`selfsame resume PATH` and --overwrite need a run.json in it)",
        )),
    }
}

/// Locks the folder, or says who has it. `None` where the file system knows no locks.
fn lock(folder: &Path) -> Result<Option<File>> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path);
    let mut file = file.map_err(|error| Error::io("write", &path, error))?;
    let mut locked = file.try_lock();
    if matches!(locked, Err(TryLockError::WouldBlock)) {
        std::thread::sleep(MOMENT);
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            return Err(Error::config(
                format!("{} is being trained by another process ({})", folder.display(), owner.trim()),
                "wait for it, stop it, or choose another folder with --out",
            ));
        }
        Err(TryLockError::Error(error)) => {
            tracing::warn!("{}: cannot lock the run: {error}", folder.display());
            return Ok(None);
        }
    }
    let owner = format!("process {} on {}\n", std::process::id(), host::name());
    file.set_len(0)
        .and_then(|()| file.write_all(owner.as_bytes()))
        .map_err(|error| Error::io("write", &path, error))?;
    Ok(Some(file))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

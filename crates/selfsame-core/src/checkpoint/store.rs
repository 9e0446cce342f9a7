//! Named checkpoints in a folder, replaced so that one of them is complete at every moment.
//!
//! ```text
//! last  .last.new               write and sync the new one
//! .last.previous  .last.new     rename          ─ died here: .last.previous is loaded
//! .last.previous  last          rename, sync
//! last                          remove
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::Checkpoint;
use super::format::{self, ATTACHED, META, STATE, SyncWrite};
use crate::{Error, Result, atomic_file};

/// How often reading starts again when a training process replaces the checkpoint meanwhile.
const ATTEMPTS: usize = 3;

/// The name of the checkpoint that is kept after `epoch` epochs: `epoch-0010`.
pub fn epoch_name(epoch: usize) -> String {
    format!("epoch-{epoch:04}")
}

/// Saves a checkpoint under `name` in `folder` (a run's `checkpoints/`), in place of one that is there.
///
/// # Errors
///
/// `Error::Io` when the system refuses, such as on a full disk; the previous one is then intact.
pub fn save(folder: &Path, name: &str, checkpoint: &Checkpoint) -> Result<()> {
    save_with(folder, name, checkpoint, &mut |_| Ok(()))
}

/// As [`save`], with a file more: `attach` is given the path of [`super::ATTACHED`] in the checkpoint's folder, and may write and sync it.
///
/// # Errors
///
/// As [`save`], and those of `attach`.
pub fn save_with(
    folder: &Path,
    name: &str,
    checkpoint: &Checkpoint,
    attach: &mut dyn FnMut(&Path) -> Result<()>,
) -> Result<()> {
    save_by(folder, name, checkpoint, |path| File::create(path), attach)
}

pub(super) fn save_by<W: SyncWrite>(
    folder: &Path,
    name: &str,
    checkpoint: &Checkpoint,
    open: impl Fn(&Path) -> io::Result<W>,
    attach: &mut dyn FnMut(&Path) -> Result<()>,
) -> Result<()> {
    check_name(name)?;
    let failed = |error| Error::io("write", folder.join(name), error);
    fs::create_dir_all(folder).map_err(failed)?;
    let new = new_path(folder, name);
    clear_leftovers(folder, name).map_err(failed)?;
    fs::create_dir(&new).map_err(failed)?;
    let written = attach(&new.join(ATTACHED))
        .and_then(|()| format::write(&new, checkpoint, open))
        .and_then(|()| atomic_file::sync_folder(&new).map_err(failed))
        .and_then(|()| swap(folder, name).map_err(failed));
    if written.is_err() {
        // Half a checkpoint would only keep a full disk full; the error to report is the one above.
        let _ = remove_folder(&new);
    }
    written
}

fn swap(folder: &Path, name: &str) -> io::Result<()> {
    let (current, previous) = (folder.join(name), previous_path(folder, name));
    if current.exists() {
        fs::rename(&current, &previous)?;
    }
    if let Err(error) = fs::rename(new_path(folder, name), &current) {
        if previous.exists() {
            fs::rename(&previous, &current)?;
        }
        return Err(error);
    }
    atomic_file::sync_folder(folder)?;
    if let Err(error) = remove_folder(&previous) {
        // The new checkpoint is in place; the next save tries again.
        tracing::warn!("cannot remove {}: {error}", previous.display());
    }
    Ok(())
}

/// Brings the folder back in order after a process died in the middle of [`save`].
fn clear_leftovers(folder: &Path, name: &str) -> io::Result<()> {
    let (current, previous) = (folder.join(name), previous_path(folder, name));
    if previous.exists() && !current.exists() {
        fs::rename(&previous, &current)?;
    }
    remove_folder(&previous)?;
    remove_folder(&new_path(folder, name))
}

/// As [`clear_leftovers`], of all the checkpoints that training writes into `folder`.
pub(crate) fn clear_all_leftovers(folder: &Path) -> io::Result<()> {
    for (_, name) in subfolders(folder)? {
        let visible = visible_name(&name);
        if visible != name && is_trainings(visible) {
            clear_leftovers(folder, visible)?;
        }
    }
    Ok(())
}

/// Removes a folder that is ours as a whole. No folder is no error.
fn remove_folder(path: &Path) -> io::Result<()> {
    ignore(fs::remove_dir_all(path), io::ErrorKind::NotFound)
}

fn new_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.new"))
}

fn previous_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.previous"))
}

/// Loads the checkpoint `name` from `folder`, also while a training process replaces it.
///
/// # Errors
///
/// `Error::Config` for a name that is none, `Error::Data` when the checkpoint is missing, truncated, damaged, foreign or
/// of another version.
pub fn load(folder: &Path, name: &str) -> Result<Checkpoint> {
    check_name(name)?;
    let mut result = Ok(None);
    for _ in 0..ATTEMPTS {
        result = match format::read(&folder.join(name)) {
            Ok(None) => format::read(&previous_path(folder, name)),
            found => found,
        };
        if let Ok(Some(checkpoint)) = result {
            return Ok(checkpoint);
        }
    }
    result?;
    let help = match list(folder)?.join(", ") {
        names if names.is_empty() => "the run has no checkpoints yet; train it from the start".to_owned(),
        names => format!("there are: {names}"),
    };
    Err(Error::data(folder.join(name), "there is no such checkpoint", help))
}

/// The names of the checkpoints in `folder`, sorted. No folder has none.
///
/// # Errors
///
/// `Error::Io` when the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<String>> {
    let mut names = list_names(folder).map_err(|error| Error::io("list", folder, error))?;
    names.sort();
    names.dedup();
    Ok(names)
}

fn list_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for (path, name) in subfolders(folder)? {
        // A `.new` is not loaded under its name, a `.previous` is.
        let visible = visible_name(&name);
        if is_name(visible) && !name.ends_with(".new") && path.join(META).is_file() {
            names.push(visible.to_owned());
        }
    }
    Ok(names)
}

/// The name under which what is in a subfolder is, was or should have become visible.
fn visible_name(name: &str) -> &str {
    let hidden = name.strip_prefix('.');
    let part = |suffix| hidden.and_then(|name| name.strip_suffix(suffix));
    part(".previous").or_else(|| part(".new")).unwrap_or(name)
}

/// Removes the checkpoints that training wrote into `folder`, and nothing else.
pub(crate) fn remove_all(folder: &Path) -> io::Result<()> {
    for (path, name) in subfolders(folder)? {
        let name = visible_name(&name);
        if is_trainings(name) {
            remove_checkpoint(&path)?;
        }
    }
    Ok(())
}

/// Whether training writes checkpoints of this name.
fn is_trainings(name: &str) -> bool {
    name == "last" || name == "best" || epoch_of(name).is_some()
}

/// The epoch in a name that [`epoch_name`] made.
fn epoch_of(name: &str) -> Option<usize> {
    name.strip_prefix("epoch-")?.parse().ok()
}

/// Paths and names of the folders in `folder`; links are not followed.
fn subfolders(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let (true, Ok(name)) = (entry.file_type()?.is_dir(), entry.file_name().into_string()) {
            folders.push((entry.path(), name));
        }
    }
    Ok(folders)
}

/// Removes a checkpoint's files, and its folder if nothing else is in it. No checkpoint is no error.
fn remove_checkpoint(path: &Path) -> io::Result<()> {
    // The description first: without it the folder counts as no checkpoint at all.
    for file in [META, STATE, ATTACHED] {
        ignore(fs::remove_file(path.join(file)), io::ErrorKind::NotFound)?;
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        result => ignore(result, io::ErrorKind::NotFound),
    }
}

fn ignore(result: io::Result<()>, kind: io::ErrorKind) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        result => result,
    }
}

/// A name is one word, so that it can neither leave the folder nor hide in it.
fn is_name(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(is_word)
}

fn check_name(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(Error::config(
        format!("`{name}` is not the name of a checkpoint"),
        "use last, best or one of the run's epochs, such as epoch-0010",
    ))
}

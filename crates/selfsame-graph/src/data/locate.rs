//! Which files hold interactions, and which part each of them is.

use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};

use super::files::OpenOptions;

/// Endings of files with interactions.
const ENDINGS: [&str; 7] = ["txt", "csv", "tsv", "inter", "parquet", "dat", "data"];

const HELP: &str = "give a file, or a folder with one file or with `train.txt` and `test.txt`";

/// The files of a data set.
pub(super) struct Parts {
    pub train: PathBuf,
    pub validation: Option<PathBuf>,
    pub test: Option<PathBuf>,
}

/// Whether a path looks like interactions rather than pictures: a file with a usual ending, or a folder of such files in which are neither
/// folders nor files of other kinds, but for notes (`README.md`).
pub fn holds_interactions(path: &Path) -> bool {
    if !path.is_dir() {
        return has_ending(path, &ENDINGS);
    }
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    let visible = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| !name.starts_with('.'))
    };
    let entries: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(visible).collect();
    let known = |path: &PathBuf| path.is_file() && has_ending(path, &ENDINGS);
    let note = |path: &PathBuf| path.is_file() && has_ending(path, &["md", "json", "toml", "map"]);
    entries.iter().any(known) && entries.iter().all(|path| known(path) || note(path))
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    ending.is_some_and(|ending| endings.contains(&&*ending))
}

/// The files of training, validation and test.
///
/// # Errors
/// A folder that cannot be listed, and one in which it is not clear which file is for training.
pub(super) fn locate(path: &Path, options: &OpenOptions) -> Result<Parts> {
    let (validation, test) = (options.validation_file.clone(), options.test_file.clone());
    if !path.is_dir() {
        return Ok(Parts { train: path.to_owned(), validation, test });
    }
    let files = files_in(path)?;
    let train = part(path, &files, &["train", "training"])?;
    let valid = part(path, &files, &["valid", "validation", "val"])?;
    let asked = part(path, &files, &["test"])?;
    let train = match (train, &files[..]) {
        (Some(train), _) => train,
        (None, [only]) if valid.is_none() && asked.is_none() => only.clone(),
        _ => return Err(unclear(path, &files, "for training")),
    };
    Ok(Parts { train, validation: validation.or(valid), test: test.or(asked) })
}

/// The file to measure on: the one given, the folder's test, or its only one.
///
/// # Errors
/// A folder that cannot be listed, and one in which it is not clear which file to measure on.
pub(super) fn locate_test(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let files = files_in(path)?;
    match (part(path, &files, &["test"])?, &files[..]) {
        (Some(test), _) => Ok(test),
        (None, [only]) => Ok(only.clone()),
        _ => Err(unclear(path, &files, "to measure on")),
    }
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let refused = |error| Error::io("list", folder, error);
    let entries = std::fs::read_dir(folder).map_err(refused)?;
    let paths = entries.map(|entry| Ok(entry.map_err(refused)?.path())).collect::<Result<Vec<_>>>()?;
    let mut files: Vec<_> =
        paths.into_iter().filter(|path| has_ending(path, &ENDINGS) && path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// The file of one part: `train.txt`, `x.train.inter`.
fn part(folder: &Path, files: &[PathBuf], names: &[&str]) -> Result<Option<PathBuf>> {
    let mut of_part = files.iter().filter(|file| {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_lowercase();
        names.iter().any(|name| stem == *name || stem.ends_with(&format!(".{name}")))
    });
    match (of_part.next(), of_part.next()) {
        (Some(first), Some(second)) => {
            let what =
                format!("both {} and {} could be the file of one part", first.display(), second.display());
            Err(Error::data(folder, what, "leave one of them in the folder, or give the file itself"))
        }
        (first, _) => Ok(first.cloned()),
    }
}

fn unclear(folder: &Path, files: &[PathBuf], purpose: &str) -> Error {
    let listed: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).take(8).collect();
    let what = match listed.is_empty() {
        true => "there are no files of interactions in this folder".to_owned(),
        false => format!("it is not clear which file is {purpose}: {}", listed.join(", ")),
    };
    Error::data(folder, what, HELP)
}

//! A file that appears under its name when it is complete.

use std::fs;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use selfsame_core::atomic_file::{folder_of, make_folder_of};
use selfsame_core::{Error, Result};
use tempfile::NamedTempFile;

/// A file being written under a temporary name in the folder where it will be. Dropping it removes it.
pub struct Output {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Output {
    /// Begins a file, and creates the folders above it.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        refuse_existing(path, overwrite)?;
        make_folder_of(path)?;
        let file =
            temporary().tempfile_in(folder_of(path)).map_err(|error| Error::io("create", path, error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 18, file) })
    }

    /// Appends bytes.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| self.error(error))
    }

    /// Replaces bytes at the file's beginning.
    pub fn replace_head(&mut self, bytes: &[u8]) -> Result<()> {
        let replace = |file: &mut BufWriter<NamedTempFile>| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(bytes)
        };
        replace(&mut self.file).map_err(|error| self.error(error))
    }

    /// The folder that the file is in.
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// The error of this file for what the system said.
    pub fn error(&self, source: io::Error) -> Error {
        Error::io("write", &self.path, source)
    }

    /// Gives the file its name, after everything is on the disk.
    pub fn commit(self) -> Result<PathBuf> {
        let Self { path, file } = self;
        let done = file
            .into_inner()
            .map_err(|error| error.into_error())
            .and_then(|file| file.as_file().sync_all().map(|()| file))
            .and_then(|file| file.persist(&path).map_err(|error| error.error));
        match done {
            Ok(_) => Ok(path),
            Err(error) => Err(Error::io("write", &path, error)),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Fails when there is something of that name that may not be replaced.
///
/// # Errors
/// `Error::Config` for a folder, and for a file unless `overwrite` was asked for.
pub fn refuse_existing(path: &Path, overwrite: bool) -> Result<()> {
    if path.is_dir() {
        let help = "choose the name of a file; only embeddings with --format projector are a folder";
        return Err(Error::config(format!("{} is a folder", path.display()), help));
    }
    if !overwrite && path.symlink_metadata().is_ok() {
        let help = "choose another name, or replace it with --overwrite";
        return Err(Error::config(format!("{} exists", path.display()), help));
    }
    Ok(())
}

/// Temporary files that, once renamed, have the permissions of any new file.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".selfsame-").suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
}

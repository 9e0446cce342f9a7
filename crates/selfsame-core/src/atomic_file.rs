//! Files that are either complete or untouched.
//!
//! Content goes to a temporary file in the same folder, is synced to the disk and renamed into place. A full disk,
//! a crash or a SIGKILL at any moment leaves the previous file as it was.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::{Error, Result};

/// How the names of temporary files end; [`remove_leftovers`] looks for it.
const TEMPORARY: &str = ".selfsame-tmp";

/// Writes `path` as a whole: `content` writes to a temporary file beside it, which takes its place when it is safely
/// on the disk.
///
/// # Errors
///
/// `Error::Io` with `path` when `content` or the system fails; the previous file is then intact and the temporary
/// file is gone.
pub fn write(path: &Path, content: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> Result<()> {
    replace(path, content).map_err(|source| Error::io("write", path, source))
}

fn replace(path: &Path, content: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    let folder = folder_of(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(TEMPORARY);
    // Temporary files are private by default, but results are for everyone whom the umask lets read.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder)?;

    let mut writer = BufWriter::with_capacity(1 << 16, temporary.as_file());
    content(&mut writer)?;
    writer.flush()?;
    drop(writer);

    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Makes the folders above a file that is about to be written.
///
/// # Errors
///
/// `Error::Io` when one cannot be made.
pub fn make_folder_of(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))
}

/// Makes renames and new names in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Only Unix lets a folder be opened; elsewhere the file system orders renames itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes the temporary files that a killed process left in `folder`. Only for who holds the folder's lock: a
/// temporary file of a living process would go too.
pub(crate) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if is_leftover(&entry.file_name()) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file of this name is a temporary one.
pub(crate) fn is_leftover(name: &OsStr) -> bool {
    name.to_string_lossy().ends_with(TEMPORARY)
}

/// The folder that a file lies in; that of the process for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, |writer| writer.write_all(b"one")).unwrap();
        write(&path, |writer| writer.write_all(b"two")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_full_disk_leaves_the_previous_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "one").unwrap();
        let error = write(&path, |writer| {
            writer.write_all(&[0; 100_000])?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["a.txt"]);
        let message = error.to_string();
        assert!(message.contains("a.txt") && message.contains("disk space"), "{message}");
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("no/a.txt"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("a.txt"));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, "").unwrap();
        let path = folder.path().join("ours");
        write(&path, |_| Ok(())).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }

    #[test]
    fn leftovers_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!(".x{TEMPORARY}")), "half").unwrap();
        fs::write(folder.path().join("mine.tmp"), "whole").unwrap();
        remove_leftovers(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["mine.tmp"]);
    }
}

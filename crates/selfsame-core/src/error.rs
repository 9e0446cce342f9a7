//! Errors as part of the interface: what happened, where, and what to do about it.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in selfsame that a user, a file or the system can make fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Every variant knows the exit code of the program that reports it, see
/// [`Error::exit_code`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting or an argument cannot be used (exit code 2).
    #[error("{what}\n  help: {help}")]
    Config {
        /// What is wrong, with the setting's name and value.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// Inputs, runs or checkpoints are missing or broken (exit code 3).
    #[error("{}: {what}\n  help: {help}", path.display())]
    Data {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// A device is not there, or its memory ran out (exit code 4).
    #[error("{what}\n  help: {help}")]
    Device {
        /// What happened on which device.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// Training diverged or the representation collapsed (exit code 5).
    #[error("{what}\n  help: {help}")]
    Diverged {
        /// What was seen, at which step.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// The system refused to read or write a file (exit code 3 when reading, 1 when writing).
    #[error("cannot {action} {}: {source}{}", path.display(), remedy(source))]
    Io {
        /// What was tried: `read`, `write`, `create` …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        source: io::Error,
    },
    /// Something that neither the user nor the files can cause (exit code 1).
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// A setting or an argument that cannot be used.
    pub fn config(what: impl Display, help: impl Display) -> Self {
        Self::Config { what: what.to_string(), help: help.to_string() }
    }

    /// A missing or broken input, run or checkpoint.
    pub fn data(path: impl AsRef<Path>, what: impl Display, help: impl Display) -> Self {
        Self::Data { path: path.as_ref().to_owned(), what: what.to_string(), help: help.to_string() }
    }

    /// A device that is not there or is out of memory.
    pub fn device(what: impl Display, help: impl Display) -> Self {
        Self::Device { what: what.to_string(), help: help.to_string() }
    }

    /// A training that diverged or collapsed.
    pub fn diverged(what: impl Display, help: impl Display) -> Self {
        Self::Diverged { what: what.to_string(), help: help.to_string() }
    }

    /// A file operation that the system refused. `action` is the verb: `read`, `write`, `create` …
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    /// The program's exit code for this error, as documented in the book's chapter on exit codes.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config { .. } => 2,
            Self::Data { .. } => 3,
            Self::Io { action, .. } if matches!(*action, "read" | "open" | "list") => 3,
            Self::Device { .. } => 4,
            Self::Diverged { .. } => 5,
            Self::Io { .. } | Self::Internal(_) => 1,
        }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "\n  help: check the path",
        io::ErrorKind::PermissionDenied => "\n  help: check the permissions of the file and its folder",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "\n  help: free some disk space or raise the limit; `selfsame resume` goes on with a training"
        }
        io::ErrorKind::ReadOnlyFilesystem => "\n  help: choose a folder that can be written to",
        io::ErrorKind::NotADirectory => "\n  help: a part of this path is a file; choose another path",
        _ => "",
    }
}

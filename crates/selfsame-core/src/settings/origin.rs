//! Where a setting came from.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// selfsame chose it in place of `auto`.
    Auto,
    /// A config file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// The settings that a run has kept.
    Run {
        /// Its `config.toml`.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Environment(String),
    /// A command-line flag, such as `--epochs`.
    Flag(String),
    /// `--set`.
    Set,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Auto => f.write_str("auto"),
            Self::File { path, line } | Self::Run { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => f.write_str(flag),
            Self::Set => f.write_str("--set"),
        }
    }
}

impl Origin {
    /// The error for a setting from here: `what` is wrong with it, `help` says what to do. What a run has kept was right
    /// once, so that the file is damaged or of another version (exit code 3); all else was typed (exit code 2).
    pub(super) fn error(&self, what: impl fmt::Display, help: impl fmt::Display) -> Error {
        match self {
            Self::Run { .. } => Error::data(self.to_string(), what, help),
            _ => Error::config(format!("{what} ({self})"), help),
        }
    }
}

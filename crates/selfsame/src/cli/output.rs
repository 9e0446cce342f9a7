//! Where words go: results to stdout, all else to stderr.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use selfsame_core::{Error, Result};

thread_local! {
    /// Whether results of this thread are not printed.
    static UNPRINTED: Cell<bool> = const { Cell::new(false) };
}

/// Does work whose results are not printed: they are steps of something larger.
pub fn unprinted<T>(work: impl FnOnce() -> T) -> T {
    let before = UNPRINTED.replace(true);
    let done = work();
    UNPRINTED.set(before);
    done
}

/// Prints a result on stdout, ended by a line break.
///
/// # Errors
/// [`Error::Io`] when it cannot be written. That its reader has had enough, as in `| head`, is no error.
pub fn print(result: impl Display) -> Result<()> {
    if UNPRINTED.get() {
        return Ok(());
    }
    let text = result.to_string();
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Error::io("write", "the standard output", error)),
    }
}

/// Makes sure that a file may be written.
///
/// # Errors
/// [`Error::Config`] when it is there already and `overwrite` was not asked for.
pub fn refuse_existing(file: &Path, overwrite: bool) -> Result<()> {
    if overwrite || !file.exists() {
        return Ok(());
    }
    Err(Error::config(
        format!("{} exists", file.display()),
        "choose another name with -o, or replace it with --overwrite",
    ))
}

/// Tells people something on stderr. That nobody reads it is no reason to end a training.
pub fn tell(words: impl Display) {
    let _ = writeln!(io::stderr(), "{words}");
}

//! Where words go: results to stdout, all else to stderr.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use selfsame::embeddings;
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

/// Makes sure that a file may be written, before time is spent on what goes into it.
///
/// # Errors
/// [`Error::Config`] when it is there already and `overwrite` was not asked for, when it is a folder, and when what lies above it is none.
pub fn refuse_existing(file: &Path, overwrite: bool) -> Result<()> {
    embeddings::refuse_existing(file, overwrite)?;
    match file.ancestors().skip(1).find(|above| above.exists()) {
        Some(above) if !above.is_dir() => {
            let what = format!("{} is a file, and nothing can lie in it", above.display());
            Err(Error::config(what, "choose another name"))
        }
        _ => Ok(()),
    }
}

/// Makes sure that a picture may be written, as [`refuse_existing`] does, in the format that `ending` names: `png` or `gif`.
///
/// # Errors
/// As there, and for a name that does not end so.
pub fn refuse_picture(file: &Path, ending: &str, overwrite: bool) -> Result<()> {
    if !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending)) {
        return Err(Error::config(
            format!("{}: this picture is written as {}", file.display(), ending.to_uppercase()),
            format!("give the file a name that ends in .{ending}"),
        ));
    }
    refuse_existing(file, overwrite)
}

/// Tells people something on stderr. That nobody reads it is no reason to end a training.
pub fn tell(words: impl Display) {
    let _ = writeln!(io::stderr(), "{words}");
}

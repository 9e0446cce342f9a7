//! Where words go: results to stdout, all else to stderr.

use std::fmt::Display;
use std::io::{self, Write};

use selfsame_core::{Error, Result};

/// Prints a result on stdout, ended by a line break.
///
/// # Errors
/// [`Error::Io`] when it cannot be written. That its reader has had enough, as in `| head`, is no error.
pub fn print(result: impl Display) -> Result<()> {
    let text = result.to_string();
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Error::io("write", "the standard output", error)),
    }
}

/// Tells people something on stderr. That nobody reads it is no reason to end a training.
pub fn tell(words: impl Display) {
    let _ = writeln!(io::stderr(), "{words}");
}

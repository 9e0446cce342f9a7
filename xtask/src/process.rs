//! Running other programs.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::{Failure, root};

/// A command that runs in the repository's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command with this terminal's input and output.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let line = describe(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(cause) => Err(format!("`{line}` could not be started: {cause}")),
    }
}

/// Runs a command and returns its standard output; its standard error stays on this terminal.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    let line = describe(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| format!("`{line}` could not be started: {cause}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` ended with {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program can be started and answers `--version`.
pub fn exists(program: &str) -> bool {
    succeeds(command(program).arg("--version"))
}

/// Whether a command can be started and ends well; what it prints is not shown.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

//! `selfsame completions`

use std::process::ExitCode;

use clap::CommandFactory;
use selfsame_core::Result;

use crate::cli::args::Cli;
use crate::cli::output::print;

/// Prints the completion script of a shell.
pub fn run(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "selfsame", &mut script);
    print(String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

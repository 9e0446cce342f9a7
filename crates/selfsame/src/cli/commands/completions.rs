//! `selfsame completions`

use std::io;
use std::process::ExitCode;

use clap::CommandFactory;
use selfsame_core::Result;

use crate::cli::args::Cli;

/// Prints the completion script of a shell.
pub fn run(shell: clap_complete::Shell) -> Result<ExitCode> {
    clap_complete::generate(shell, &mut Cli::command(), "selfsame", &mut io::stdout());
    Ok(ExitCode::SUCCESS)
}

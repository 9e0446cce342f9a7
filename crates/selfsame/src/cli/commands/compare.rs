//! `selfsame compare`

use std::io;
use std::process::ExitCode;

use selfsame_core::Result;

use crate::cli::args::Compare;
use crate::cli::compare::Comparison;
use crate::cli::output::print;
use crate::cli::terminal::Terminal;

/// Prints runs side by side.
pub fn run(args: &Compare) -> Result<ExitCode> {
    let comparison = Comparison::read(&args.runs)?;
    match args.json {
        true => print(comparison.json())?,
        false => print(comparison.table(Terminal::of(&io::stdout())))?,
    }
    Ok(ExitCode::SUCCESS)
}

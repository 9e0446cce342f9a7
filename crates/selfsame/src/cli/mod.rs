//! The command line: what is typed ([`args`]), what each command does ([`commands`]), what is printed (the rest).

mod args;
mod chart;
mod commands;
mod compare;
mod doctor;
mod list;
mod modalities;
mod output;
mod progress;
mod shell;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use selfsame_core::keep_freed_memory;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};

/// Shows warnings of the libraries on stderr; `SELFSAME_LOG=debug` shows all that they say.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("SELFSAME_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let plain = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
    // It fails when there is a subscriber already, which then does this work.
    let _ = plain.with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// Runs the program; errors go to stderr, and their kind into the exit code.
pub fn main() -> ExitCode {
    keep_freed_memory();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and a closed pipe is nobody's concern.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    log_to_stderr();
    let result = match cli.command {
        Command::Pretrain(args) => commands::pretrain::pretrain(&args),
        Command::Resume(args) => commands::pretrain::resume(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Embed(args) => commands::embed::run(&args),
        Command::Recommend(args) => commands::recommend::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Data(args) => commands::data::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::List(args) => commands::list::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Completions { shell } => commands::completions::run(shell),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output::tell(format!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

//! The command line: what is typed ([`args`]), what each command does ([`commands`]), what is printed (the rest).

mod args;
mod commands;
mod compare;
mod doctor;
mod list;
mod progress;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};

/// Runs the program; errors go to stderr, and their kind into the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and a closed pipe is nobody's concern.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    // What the libraries tell, for those who ask with SELFSAME_LOG=debug.
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_env("SELFSAME_LOG")).with_writer(std::io::stderr).init();
    let result = match cli.command {
        Command::Pretrain(args) => commands::pretrain::pretrain(&args),
        Command::Resume(args) => commands::pretrain::resume(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Embed(args) => commands::embed::run(&args),
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
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

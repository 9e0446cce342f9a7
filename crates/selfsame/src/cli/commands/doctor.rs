//! `selfsame doctor`

use std::io;
use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_image::data::default_cache_folder;

use crate::cli::args;
use crate::cli::doctor::Doctor;
use crate::cli::output::print;
use crate::cli::terminal::Terminal;

/// Prints what this program and this machine can do.
pub fn run(args: &args::Doctor) -> Result<ExitCode> {
    let doctor = Doctor::examine(default_cache_folder());
    match args.json {
        true => print(doctor.json())?,
        false => print(doctor.table(Terminal::of(&io::stdout())))?,
    }
    Ok(ExitCode::SUCCESS)
}

//! The project's own tasks: `cargo xtask test`, `setup`, `bench`, `docs`, `pictures`, `sample`.
//!
//! Only the standard library, so that a task starts a second after it is typed.

mod bench;
mod docs;
mod licences;
mod links;
mod memory;
mod pictures;
mod process;
mod python;
mod sample;
mod setup;
mod svg;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

/// What a task says when it fails.
type Failure = String;

const USAGE: &str = "\
usage: cargo xtask TASK

  test [STEP...]    run every check, or only the named ones (see below)
  setup [--tools]   install what building and testing needs; --tools adds cargo-deny and mdbook
  bench [OPTIONS]   measure kernels, views and training; --help lists the options
  docs [--open]     build the book and the API documentation
  pictures          draw the book's pictures of formulas
  sample [PACKAGE]  rebuild data/sample from Debian's openclipart-png (a .deb file or an unpacked folder)

steps of test: setup format links licences clippy test environments memory rustdoc deny book
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let result = match task {
        "test" => test::run(rest),
        "setup" => setup::run(rest),
        "bench" => bench::run(rest),
        "docs" => docs::run(rest),
        "pictures" => pictures::run(rest),
        "sample" => sample::run(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => {
            eprintln!("error: there is no task `{other}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: the folder above this crate.
fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or(xtask.clone(), PathBuf::from)
}

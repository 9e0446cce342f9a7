//! The program `selfsame`. Everything it does is in the library crates; here is only what is typed and printed.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}

//! `cargo xtask docs`: the book and the API documentation.

use crate::Failure;
use crate::process::{cargo, command, exists, run as run_command};
use crate::test::WHOLE;

/// The task: builds both; `--open` shows the book in a browser.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let open = match arguments {
        [] => false,
        [flag] if flag == "--open" => true,
        other => return Err(format!("docs takes only --open, not `{}`", other.join(" "))),
    };
    if !exists("mdbook") {
        return Err("mdbook is not installed; `cargo xtask setup --tools` installs it".into());
    }
    run_command(cargo().arg("doc").args(WHOLE).arg("--no-deps"))?;
    book()?;
    println!("the book: docs/book/index.html");
    if open { run_command(command("mdbook").args(["build", "--open", "docs"])) } else { Ok(()) }
}

/// Builds the book into `docs/book`.
pub fn book() -> Result<(), Failure> {
    run_command(command("mdbook").args(["build", "docs"]))
}

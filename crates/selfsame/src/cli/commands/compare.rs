//! `selfsame compare`

use std::io;
use std::path::Path;
use std::process::ExitCode;

use selfsame_core::{Error, Result};
use serde_json::json;

use crate::cli::args::Compare;
use crate::cli::compare::{Comparison, Curves};
use crate::cli::output::{print, refuse_existing};
use crate::cli::terminal::Terminal;

/// Prints runs side by side.
pub fn run(args: &Compare) -> Result<ExitCode> {
    if let Some(file) = &args.curves {
        check(file, args.overwrite)?;
    }
    let comparison = Comparison::read(&args.runs)?;
    let curves = match &args.curves {
        Some(file) => {
            let curves = Curves::of(&comparison)?;
            curves.picture().save_png(file)?;
            Some((file, curves))
        }
        None => None,
    };
    if args.json {
        let mut result = comparison.json();
        if let Some((file, curves)) = &curves {
            result["curves"] = json!({ "file": file, "of": curves });
        }
        print(result)?;
        return Ok(ExitCode::SUCCESS);
    }
    let terminal = Terminal::of(&io::stdout());
    print(comparison.table(terminal))?;
    if let Some((file, curves)) = &curves {
        print(format!("\n{}\ncurves: {}", curves.table(terminal), file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(file: &Path, overwrite: bool) -> Result<()> {
    if !file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(Error::config(
            format!("--curves {}: curves are written as PNG", file.display()),
            "give the file a name that ends in .png",
        ));
    }
    refuse_existing(file, overwrite)
}

//! `selfsame compare`

use std::io;
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;

use selfsame_core::atomic_file::make_folder_of;
use selfsame_core::{Error, Result};
use serde_json::json;

use crate::cli::args::Compare;
use crate::cli::compare::{Comparison, Curves};
use crate::cli::output::{print, refuse_picture, tell};
use crate::cli::terminal::Terminal;

/// Prints runs side by side.
pub fn run(args: &Compare) -> Result<ExitCode> {
    let pictures: Vec<_> = [&args.curves, &args.long_tail, &args.chart].into_iter().flatten().collect();
    for (index, file) in pictures.iter().enumerate() {
        refuse_picture(file, "png", args.overwrite)?;
        let is_here = |other: &&PathBuf| path::absolute(other).ok() == path::absolute(file).ok();
        if pictures[..index].iter().any(is_here) {
            let what =
                format!("{} is asked for as two pictures, and one would replace the other", file.display());
            return Err(Error::config(what, "give each picture a name of its own"));
        }
    }
    let comparison = Comparison::read(&runs_of(&args.runs)?)?;
    let mut drawn = Vec::new();
    if let Some(file) = &args.curves {
        drawn.push(("curves", file, Curves::over_steps(&comparison)?));
    }
    if let Some(file) = &args.long_tail {
        drawn.push(("long_tail", file, Curves::over_popularity(&comparison)?));
    }
    if let (Some(file), Some(setting)) = (&args.chart, &args.against) {
        drawn.push(("chart", file, Curves::over_setting(&comparison, setting, args.measure.as_deref())?));
    }
    for (_, file, curves) in &drawn {
        make_folder_of(file)?;
        curves.picture().save_png(file)?;
    }
    if args.json {
        let mut result = comparison.json();
        for (name, file, curves) in &drawn {
            result[*name] = json!({ "file": file, "of": curves.json() });
        }
        print(result)?;
        return Ok(ExitCode::SUCCESS);
    }
    let terminal = Terminal::of(&io::stdout());
    print(comparison.table(terminal))?;
    for (name, file, curves) in &drawn {
        print(format!("\n{}\n{}: {}", curves.table(terminal), name.replace('_', " "), file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The runs that are meant: a folder of runs, such as a sweep's, stands for those in it, and files that lie between runs for nothing.
///
/// # Errors
/// Nothing but files.
fn runs_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for path in paths {
        if path.is_file() {
            tell(format!("warning: {} is a file, not a run", path.display()));
            continue;
        }
        let inside = if path.join("run.json").is_file() { vec![] } else { runs_in(path) };
        // What is neither is told by who opens it.
        if inside.is_empty() { runs.push(path.clone()) } else { runs.extend(inside) }
    }
    if runs.is_empty() {
        return Err(Error::config(
            "there is no run among these",
            "name folders that `selfsame pretrain` wrote",
        ));
    }
    Ok(runs)
}

fn runs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut runs: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.join("run.json").is_file()).collect();
    runs.sort();
    runs
}

//! `cargo xtask test`: every check that a change has to pass.

use std::time::{Duration, Instant};

use crate::process::{cargo, command, exists, run as run_command};
use crate::{Failure, docs, licences, links, memory, python, setup};

/// The program with all that links libraries of the system. The dependencies' own features are those of every other build of
/// the workspace, so that none is compiled twice.
pub const WHOLE: [&str; 3] = ["--workspace", "--features", "selfsame/video"];

/// The program as it is built by default, and the tests of what it says about what it lacks. Every other package is as in the
/// [`WHOLE`], so that this builds the program alone.
const PLAIN: [&str; 6] = ["--workspace", "--exclude", "selfsame-video", "--test", "program", "videos::"];

/// How a step ended without failing.
pub enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It could not run here, for this reason.
    Skipped(String),
}

type Step = (&'static str, fn() -> Result<Outcome, Failure>);

/// The checks, the quick ones first.
const STEPS: &[Step] = &[
    ("setup", || setup::needed().map(passed)),
    ("format", || run_command(cargo().args(["fmt", "--all", "--", "--check"])).map(passed)),
    ("links", || links::check().map(passed)),
    ("licences", || licences::check().map(passed)),
    ("clippy", || {
        let arguments = ["--all-targets", "--", "-D", "warnings"];
        run_command(cargo().arg("clippy").args(WHOLE).args(arguments)).map(passed)
    }),
    ("test", || {
        // The whole one last: it is what is left in the folder of the build.
        run_command(cargo().arg("test").args(PLAIN))?;
        run_command(cargo().arg("test").args(WHOLE)).map(passed)
    }),
    ("environments", python::test),
    ("memory", memory::check),
    ("rustdoc", || {
        let mut doc = cargo();
        doc.arg("doc").args(WHOLE).arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings");
        run_command(&mut doc).map(passed)
    }),
    ("deny", deny),
    ("book", || {
        if !exists("mdbook") {
            return Ok(Outcome::Skipped("mdbook is not installed (cargo xtask setup --tools)".into()));
        }
        docs::book().map(passed)
    }),
];

fn passed(_: ()) -> Outcome {
    Outcome::Passed
}

fn deny() -> Result<Outcome, Failure> {
    if !exists("cargo-deny") {
        return Ok(Outcome::Skipped("cargo-deny is not installed (cargo xtask setup --tools)".into()));
    }
    // Offline: advisories need a download, and a change is not to blame for what was found out since.
    let arguments = ["--offline", "check", "bans", "licenses", "sources"];
    run_command(command("cargo-deny").args(arguments)).map(passed)
}

/// Runs all steps, or the named ones, to the end; fails when one of them did.
pub fn run(names: &[String]) -> Result<(), Failure> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|(step, _)| step != name)) {
        let known: Vec<_> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no step `{unknown}`; the steps are {}", known.join(", ")));
    }
    let mut summary = Vec::new();
    for (name, step) in STEPS {
        if !names.is_empty() && names.iter().all(|wanted| wanted != name) {
            continue;
        }
        eprintln!("\n== {name}");
        let start = Instant::now();
        let result = step();
        if let Err(failure) = &result {
            eprintln!("error: {failure}");
        }
        summary.push((name, result, start.elapsed()));
    }

    eprintln!("\n== summary");
    let mut failed = Vec::new();
    for (name, result, time) in &summary {
        let word = match result {
            Ok(Outcome::Passed) => "passed".to_string(),
            Ok(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
            Err(_) => {
                failed.push(**name);
                "FAILED".to_string()
            }
        };
        eprintln!("{name:<12}{:>8}  {word}", clock(*time));
    }
    let total: Duration = summary.iter().map(|(_, _, time)| *time).sum();
    eprintln!("{:<12}{:>8}", "in all", clock(total));
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Minutes and seconds.
fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

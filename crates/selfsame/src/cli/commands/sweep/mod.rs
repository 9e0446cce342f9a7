//! `selfsame sweep`: several trainings one after another, in one process, into one folder.
//!
//! Nothing is remembered but the runs themselves: what a run's folder says decides whether it is begun, gone on with or skipped.

mod evaluation;
mod plan;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use selfsame_core::pretrain::to_keep;
use selfsame_core::run::{RunFolder, Status};
use selfsame_core::stop::{Stop, StopSignal};
use selfsame_core::train::Outcome;
use selfsame_core::{Error, Result};
use serde_json::{Value, json};

use crate::cli::args::Sweep;
use crate::cli::commands::pretrain::typed;
use crate::cli::compare::Comparison;
use crate::cli::modalities::settings_of;
use crate::cli::output::{print, tell};
use crate::cli::progress::observer;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;
use evaluation::Evaluation;
use plan::{Planned, plan};

/// How a run of the sweep stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    /// It was killed before it had its settings.
    Stillborn,
    Unfinished,
    Finished,
}

impl State {
    fn what_to_do(self) -> &'static str {
        match self {
            Self::New | Self::Stillborn => "begins",
            Self::Unfinished => "goes on",
            Self::Finished => "is finished",
        }
    }
}

/// What went wrong with a run.
struct Failure {
    run: String,
    error: Error,
}

/// Trains what is not finished yet, measures it, and compares all.
pub fn run(args: &Sweep) -> Result<ExitCode> {
    let runs = plan(args)?;
    let evaluations = Evaluation::all(args, &runs)?;
    let states: Vec<State> = runs.iter().map(state).collect::<Result<_>>()?;
    // What cannot work is told before hours have been spent on what can.
    for (run, _) in runs.iter().zip(&states).filter(|(_, state)| **state != State::Finished) {
        run.prepare().map_err(|error| of_run(error, &run.folder))?;
    }
    if args.dry_run {
        return show_plan(args, &runs, &states);
    }
    let stop = StopSignal::install()?;
    let mut failures = Vec::new();
    let mut stopped = None;
    for (number, run) in runs.iter().enumerate() {
        let attempt = || train(args, run, &format!("{}/{}", number + 1, runs.len()), &evaluations, &stop);
        match attempt() {
            Ok(None) => {}
            Ok(Some(signal)) => {
                stopped = Some(signal);
                break;
            }
            Err(error) => {
                tell(format!("error: {}: {error}", run.folder.display()));
                failures.push(Failure { run: run.folder.display().to_string(), error });
            }
        }
    }
    finish(args, &runs, &failures, stopped)
}

/// How a run stands.
///
/// # Errors
/// A run that is damaged, or has other settings than this sweep gives it.
fn state(run: &Planned) -> Result<State> {
    if !run.folder.join("run.json").is_file() {
        return Ok(State::New);
    }
    let folder = RunFolder::open(&run.folder)?;
    if !folder.config().exists() {
        return Ok(State::Stillborn);
    }
    let kept = settings_of(&folder)?.layers.resolve();
    let [there, here] = [kept.table(), &to_keep(&run.settings, run.modality)].map(dotted);
    for (key, here) in &here {
        let Some(there) = there.get(key) else { continue };
        // What is `auto` outside of the method's section was filled in when the run began; the number of workers changes nothing.
        let is_filled_in = here.as_str() == Some("auto") && !key.starts_with("method.");
        if here != there && !is_filled_in && key != "data.workers" {
            return Err(Error::config(
                format!(
                    "{} holds a run with other settings: {key} = {there} there, {here} here",
                    run.folder.display()
                ),
                "give the settings of before, another folder with --out, or remove that run",
            ));
        }
    }
    Ok(match folder.record()?.status {
        Status::Finished => State::Finished,
        Status::Running | Status::Stopped | Status::Failed | Status::Killed => State::Unfinished,
    })
}

fn dotted(table: &toml::Table) -> BTreeMap<String, toml::Value> {
    let sections = table.iter().filter_map(|(section, value)| Some((section, value.as_table()?)));
    sections
        .flat_map(|(section, keys)| {
            keys.iter().map(move |(key, value)| (format!("{section}.{key}"), value.clone()))
        })
        .collect()
}

/// The error with the run that it is about, where there are several that it could be about.
fn of_run(error: Error, folder: &Path) -> Error {
    match error {
        Error::Config { what, help } => Error::config(format!("{}: {what}", folder.display()), help),
        other => other,
    }
}

/// Trains and measures a run as far as that is not done; the signal, if one came.
fn train(
    args: &Sweep,
    run: &Planned,
    number: &str,
    evaluations: &[Evaluation],
    stop: &StopSignal,
) -> Result<Option<Stop>> {
    if let Some(signal) = stop.requested() {
        return Ok(Some(signal));
    }
    let quiet = args.output.quiet;
    let state = state(run)?;
    if !quiet {
        tell(format!("run {number}  {} {}", run.folder.display(), state.what_to_do()));
    }
    let begin = |overwrite| run.prepare()?.begin(&run.folder, overwrite, observer(quiet), stop);
    let outcome = match state {
        State::Finished => Outcome::Finished,
        State::New => begin(false)?.outcome,
        State::Stillborn => begin(true)?.outcome,
        State::Unfinished => {
            let folder = RunFolder::resume(&run.folder)?;
            let kept = settings_of(&folder)?;
            kept.check_complete(&folder)?;
            let mut settings = kept.layers;
            if let Some(workers) = &args.training.flags.workers {
                let given = ("data.workers", workers.as_str(), "--workers");
                settings = typed(settings, (kept.modality, kept.method.name), given)?;
            }
            (kept.modality.prepare)(settings.resolve())?
                .go_on(&folder, "last", observer(quiet), stop)?
                .outcome
        }
    };
    if let Outcome::Stopped(signal) = outcome {
        return Ok(Some(signal));
    }
    for evaluation in evaluations {
        if let Some(signal) = stop.requested() {
            return Ok(Some(signal));
        }
        evaluation.measure(&run.folder).inspect_err(|_| {
            if !quiet {
                tell(format!("{} could not be measured", evaluation.protocol()));
            }
        })?;
    }
    Ok(None)
}

fn show_plan(args: &Sweep, runs: &[Planned], states: &[State]) -> Result<ExitCode> {
    let rows =
        runs.iter().zip(states).map(|(run, state)| (run.folder.display().to_string(), state.what_to_do()));
    if args.output.json {
        let runs: Vec<Value> = rows.map(|(run, state)| json!({"run": run, "state": state})).collect();
        print(json!({"runs": runs}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new([("run", Align::Left), ("", Align::Left)]);
    rows.for_each(|(run, state)| table.row([run, state.to_owned()]));
    print(table.render(Terminal::of(&io::stdout())))?;
    Ok(ExitCode::SUCCESS)
}

/// The table of all runs that there are, and the exit code: of the signal, or the highest of those of the failures.
fn finish(args: &Sweep, runs: &[Planned], failures: &[Failure], stopped: Option<Stop>) -> Result<ExitCode> {
    let folders = runs.iter().map(|run| run.folder.clone());
    let there: Vec<_> = folders.filter(|folder| folder.join("run.json").is_file()).collect();
    let comparison = Comparison::read(&there)?;
    if args.output.json {
        let mut result = comparison.json();
        result["status"] = match (stopped, failures) {
            (Some(_), _) => "stopped",
            (None, []) => "finished",
            (None, _) => "failed",
        }
        .into();
        let failed = failures.iter().map(|it| json!({"run": it.run, "error": it.error.to_string()}));
        result["failed"] = failed.collect();
        print(result)?;
    } else if !there.is_empty() {
        print(comparison.table(Terminal::of(&io::stdout())))?;
    }
    if !failures.is_empty() {
        tell(format!(
            "{} of {} runs failed, see above; the same command tries them again",
            failures.len(),
            runs.len()
        ));
    }
    let code = match stopped {
        Some(signal) => {
            tell(format!("stopped by {signal}; the same command goes on"));
            signal.exit_code()
        }
        None => failures.iter().map(|failure| failure.error.exit_code()).max().unwrap_or(0),
    };
    Ok(ExitCode::from(code))
}

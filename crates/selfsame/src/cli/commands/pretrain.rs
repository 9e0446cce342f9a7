//! `selfsame pretrain` and `selfsame resume`

use std::io;
use std::path::Path;
use std::process::ExitCode;

use selfsame_core::pretrain::{Modality, Prepared, Preset, Report, finished};
use selfsame_core::run::RunFolder;
use selfsame_core::settings::{Layers, Origin};
use selfsame_core::stop::StopSignal;
use selfsame_core::train::Outcome;
use selfsame_core::{Error, Result};
use serde_json::{Value, json};

use crate::cli::args::{self, Output};
use crate::cli::modalities::{self, settings_of};
use crate::cli::output::{print, tell};
use crate::cli::progress::observer;
use crate::cli::shell;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Begins a training.
pub fn pretrain(args: &args::Pretrain) -> Result<ExitCode> {
    let (modality, layers) = settings(&args.method, &args.training)?;
    let prepared = (modality.prepare)(layers.resolve())?;
    if !args.output.quiet {
        tell(plan(&prepared).trim_end());
    }
    if args.dry_run {
        match args.output.json {
            true => print(json!(prepared.settings.table()))?,
            false => print(toml_text(prepared.settings.table())?)?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let stop = StopSignal::install()?;
    let report = prepared.begin(&args.out, args.overwrite, observer(args.output.quiet), &stop)?;
    finish(modality, &args.out, &report, args.output)
}

/// Goes on with a training.
pub fn resume(args: &args::Resume) -> Result<ExitCode> {
    let folder = RunFolder::resume(&args.run)?;
    let kept = settings_of(&folder)?;
    let modality = kept.modality;
    if let Some(report) = finished(&folder)? {
        tell(format!("{} is finished already; there is nothing to do", args.run.display()));
        return finish(modality, &args.run, &report, args.output);
    }
    kept.check_complete(&folder)?;
    let mut settings = kept.layers;
    if let Some(workers) = &args.workers {
        settings = typed(settings, (modality, kept.method.name), ("data.workers", workers, "--workers"))?;
    }
    if let Some(data) = &args.data {
        settings = data_at(settings, (modality, kept.method.name), data)?;
    }
    let has_path = settings.has(DATA);
    let settings = settings.resolve();
    let data = settings.text(DATA);
    if has_path && !Path::new(data).exists() {
        return Err(Error::data(
            data,
            "the data of this run is not there",
            "say where it lies now with --data",
        ));
    }
    let prepared = (modality.prepare)(settings)?;
    let stop = StopSignal::install()?;
    let report = prepared.go_on(&folder, &args.checkpoint, observer(args.output.quiet), &stop)?;
    finish(modality, &args.run, &report, args.output)
}

/// What a method learns from, and the settings of a new run from all their sources.
pub fn settings(method: &str, args: &args::Training) -> Result<(&'static Modality, Layers)> {
    let (modality, about) = modalities::method(method)?;
    let preset = match args.preset {
        args::Preset::Small => Preset::Small,
        args::Preset::Paper => Preset::Paper,
    };
    let mut layers = Layers::new(modality.defaults(&about, preset)?);
    if let Some(file) = &args.config {
        // Before its settings: of those of another method the first that this one lacks would be told, which says little.
        if let Some(other) = method_in(file).filter(|other| other != method) {
            return Err(of_another_method(method, &other, &file.display().to_string()));
        }
        layers = layers.file(file)?;
    }
    layers = layers.environment(std::env::vars_os())?;
    if let Some(data) = &args.data {
        layers = data_at(layers, (modality, method), data)?;
    }
    for given in args.flags.given() {
        layers = typed(layers, (modality, method), given)?;
    }
    if args.stop_on_collapse {
        layers = layers.flag("run.stop_on_collapse", true, "--stop-on-collapse")?;
    }
    for assignment in &args.set {
        layers = layers.set(assignment)?;
    }
    let resolved = layers.clone().resolve();
    let named = resolved.text("method.name");
    if named != method {
        return Err(of_another_method(method, named, "method.name"));
    }
    Ok((modality, layers))
}

/// The method that a file with settings is of; none where it names none or cannot be read, which is told when it is used.
fn method_in(file: &Path) -> Option<String> {
    let table: toml::Table = toml::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    Some(table.get("method")?.get("name")?.as_str()?.to_owned())
}

/// The command line names one method and its settings another.
fn of_another_method(method: &str, other: &str, from: &str) -> Error {
    Error::config(
        format!("this is to be trained by {method}, but {from} says {other}"),
        format!("train by {other}, or leave method.name and the settings that only {other} has out"),
    )
}

/// The setting that says where the data lies, of what learns from files.
const DATA: &str = "data.path";

/// Lays where the data lies over the settings of a method. A path is what it is, whatever else the text could mean.
fn data_at(layers: Layers, of: (&Modality, &str), data: &str) -> Result<Layers> {
    match layers.has(DATA) {
        true => layers.flag(DATA, data, "--data"),
        false => Err(means_nothing(&layers, of, "--data")),
    }
}

/// Lays a flag over the settings of a method.
///
/// # Errors
/// A flag of which the method knows nothing, and a value that cannot be used.
pub fn typed(
    layers: Layers,
    of: (&Modality, &str),
    (key, value, flag): (&str, &str, &str),
) -> Result<Layers> {
    match layers.has(key) {
        true => layers.typed(key, value, flag),
        false => Err(means_nothing(&layers, of, flag)),
    }
}

fn means_nothing(layers: &Layers, (modality, method): (&Modality, &str), flag: &str) -> Error {
    let from = if layers.has(DATA) { "--data PATH" } else { "--env NAME" };
    Error::config(
        format!("{flag} means nothing to {method}, which learns from {}", modality.data),
        format!("leave it out; `selfsame pretrain {method} {from} --out DIR --dry-run` prints all settings"),
    )
}

/// What is about to be done, for people.
fn plan(prepared: &Prepared) -> String {
    let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
    for (what, value) in prepared.plan() {
        table.row([what.to_owned(), value]);
    }
    let explained = prepared.settings.explain().into_iter();
    for setting in explained.filter(|setting| setting.origin != Origin::Default) {
        table.row(["set".to_owned(), format!("{} = {} ({})", setting.key, setting.value, setting.origin)]);
    }
    for note in &prepared.notes {
        table.row(["note".to_owned(), note.clone()]);
    }
    table.render(Terminal::of(&io::stderr()))
}

fn toml_text(table: &toml::Table) -> Result<String> {
    toml::to_string(table).map_err(|error| Error::Internal(format!("settings as TOML: {error}")))
}

/// The short summary at the end, and the exit code.
fn finish(modality: &Modality, run: &Path, report: &Report, output: Output) -> Result<ExitCode> {
    let (status, code) = match report.outcome {
        Outcome::Finished => ("finished", 0),
        Outcome::Stopped(stop) => ("stopped", stop.exit_code()),
    };
    let progress = &report.progress;
    if output.json {
        let [before, after] = modality.yardstick.results();
        let fields = [
            ("run", json!(run)),
            ("status", json!(status)),
            ("epochs", json!(progress.epoch)),
            ("steps", json!(progress.step)),
            (before.as_str(), json!(progress.measured_before)),
            (after.as_str(), json!(progress.measured_last)),
            ("bad_files", json!(report.bad_files)),
            ("peak_memory_mb", json!(report.peak_memory_mb)),
        ];
        print(Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()))?;
        return Ok(ExitCode::from(code));
    }
    print(summary(modality, run, report))?;
    Ok(ExitCode::from(code))
}

fn summary(modality: &Modality, run: &Path, report: &Report) -> String {
    let (progress, typed) = (&report.progress, shell::quoted(run));
    let run = run.display();
    let mut lines = Vec::new();
    match report.outcome {
        Outcome::Finished => {
            lines.push(format!("finished {} epochs ({} steps)", progress.epoch, progress.step))
        }
        Outcome::Stopped(stop) => {
            lines.push(format!("stopped by {stop} after {} steps; a checkpoint is saved", progress.step))
        }
    }
    if let (Some(before), Some(after)) = (progress.measured_before, progress.measured_last) {
        let (title, [before, after]) =
            (modality.yardstick.title, [before, after].map(|value| modality.yardstick.shown(value, 1)));
        lines.push(format!("{title:<9} {before} before, {after} after"));
    }
    if let Some(memory) = report.peak_memory_mb {
        lines.push(format!("memory    {memory:.0} MB at most"));
    }
    if report.bad_files > 0 {
        lines.push(format!("bad files {} could not be used, see {run}/bad_files.tsv", report.bad_files));
    }
    lines.push(format!("run       {run}/ (config.toml, metrics.jsonl, checkpoints/last)"));
    lines.push(match report.outcome {
        Outcome::Finished => {
            let next: Vec<String> =
                modality.next.iter().map(|command| command.replace("RUN", &typed)).collect();
            format!("next      {}", next.join("\n          "))
        }
        Outcome::Stopped(_) => format!("next      selfsame resume {typed}"),
    });
    lines.join("\n")
}

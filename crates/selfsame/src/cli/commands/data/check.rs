//! `selfsame data check` of pictures

use std::io;
use std::path::Path;
use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_image::data::{CheckOptions, Report, check};
use serde::Serialize;
use serde_json::json;

use super::open;
use crate::cli::args::Output;
use crate::cli::output::print;
use crate::cli::progress::Counter;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Looks at every picture.
pub fn run(path: &Path, tiny: usize, output: Output) -> Result<ExitCode> {
    let dataset = open(path)?;
    let counter = Counter::new("checked", dataset.len(), output.quiet);
    let options = CheckOptions { tiny_side: tiny, ..CheckOptions::default() };
    let report = check(&dataset, &options, &|done| counter.at(done));
    counter.finish();
    match output.json {
        true => print(json!(report))?,
        false => print(checked(path, &report))?,
    }
    // Files that cannot be used are what was asked for, not a failure of the check.
    Ok(ExitCode::SUCCESS)
}

/// The report of a check, for people.
fn checked(path: &Path, report: &Report) -> String {
    let mut text = format!(
        "{}: {} files, {} usable, {:.1} MB\n",
        path.display(),
        report.files,
        report.usable,
        report.bytes as f64 / 1e6
    );
    let formats = report.formats.iter().map(|(format, &count)| (word(format), count));
    let sizes = report.sizes.iter();
    let sizes = sizes.map(|bin| (format!("of {} to {} pixels", bin.from, 2 * bin.from - 1), bin.count));
    let problems = report.problem_counts().into_iter().map(|(problem, count)| (word(problem), count));
    text += &lines_of_counts(&[
        ("formats", counted(formats)),
        ("shorter sides", counted(sizes)),
        ("problems", counted(problems)),
    ]);
    text += &table_of_classes("pictures", report.classes.iter().map(|class| (&class.name, class.count)));
    let findings = report.findings.iter();
    text += &table_of_findings(
        findings.map(|finding| [finding.name.clone(), word(finding.problem), finding.detail.clone()]),
    );
    for (note, names) in &report.notes {
        let example = names.first().map_or("", String::as_str);
        text += &format!("note: {} files are {}, such as {example}\n", names.len(), word(note));
    }
    for warning in &report.warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}

/// A line for each of these, where there is any: `formats: 3 png, 2 jpeg`
pub fn lines_of_counts(counts: &[(&str, String)]) -> String {
    let some = counts.iter().filter(|(_, counts)| !counts.is_empty());
    some.map(|(what, counts)| format!("{what}: {counts}\n")).collect()
}

/// The classes, if there are any, and how many `instances` each has.
pub fn table_of_classes<'a>(instances: &str, classes: impl Iterator<Item = (&'a String, usize)>) -> String {
    let mut classes = classes.peekable();
    if classes.peek().is_none() {
        return String::new();
    }
    let mut table = Table::new([("class", Align::Left), (instances, Align::Right)]);
    for (name, count) in classes {
        table.row([name.clone(), count.to_string()]);
    }
    table.render(Terminal::of(&io::stdout()))
}

/// What is wrong with which file: names, problems, details.
pub fn table_of_findings(findings: impl Iterator<Item = [String; 3]>) -> String {
    let mut findings = findings.peekable();
    if findings.peek().is_none() {
        return "nothing is wrong with any of them\n".into();
    }
    let mut table = Table::new([("file", Align::Left), ("problem", Align::Left), ("detail", Align::Left)]);
    for finding in findings {
        table.row(finding);
    }
    table.render(Terminal::of(&io::stdout()))
}

/// `3 png, 2 jpeg`
pub fn counted(counts: impl Iterator<Item = (String, usize)>) -> String {
    counts.map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// The name that a thing has in JSON.
pub fn word(thing: impl Serialize) -> String {
    json!(thing).as_str().unwrap_or_default().to_owned()
}

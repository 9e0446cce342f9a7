//! `selfsame data check` of videos

use std::path::Path;
use std::process::ExitCode;

use selfsame_core::Result;
use selfsame_video::data::{VideoReport, check_videos};
use serde_json::json;

use super::open;
use crate::cli::args::Output;
use crate::cli::commands::data::check::{
    counted, lines_of_counts, table_of_classes, table_of_findings, word,
};
use crate::cli::output::print;
use crate::cli::progress::Counter;

/// Decodes every frame of every video.
pub fn run(path: &Path, output: Output) -> Result<ExitCode> {
    let folder = open(path, output.quiet)?;
    let counter = Counter::new("checked", folder.len(), output.quiet);
    let report = check_videos(&folder, &|done| counter.at(done));
    counter.finish();
    match output.json {
        true => print(json!(report))?,
        false => print(checked(path, &report))?,
    }
    // Files that cannot be used are what was asked for, not a failure of the check.
    Ok(ExitCode::SUCCESS)
}

/// The report of a check, for people.
fn checked(path: &Path, report: &VideoReport) -> String {
    let mut text = format!(
        "{}: {} videos, {} usable, {} frames, {:.1} minutes\n",
        path.display(),
        report.files,
        report.usable,
        report.frames,
        report.seconds / 60.0
    );
    let owned = |counts: &std::collections::BTreeMap<String, usize>| counted(counts.clone().into_iter());
    let problems = report.problem_counts().into_iter().map(|(problem, count)| (word(problem), count));
    text += &lines_of_counts(&[
        ("codecs", owned(&report.codecs)),
        ("sizes", owned(&report.sizes)),
        ("problems", counted(problems)),
    ]);
    text += &table_of_classes("videos", report.classes.iter().map(|class| (&class.name, class.count)));
    let findings = report.findings.iter();
    text += &table_of_findings(
        findings.map(|finding| [finding.name.clone(), word(finding.problem), finding.detail.clone()]),
    );
    for (note, names) in &report.notes {
        let example = names.first().map_or("", String::as_str);
        text += &format!("note: {} videos: {}, such as {example}\n", names.len(), word(note));
    }
    if report.other_files > 0 {
        text += &format!("note: {} other files are no videos\n", report.other_files);
    }
    for warning in &report.warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}

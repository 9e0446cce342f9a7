//! `selfsame data check|preview|index|pack`

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use selfsame_core::{Error, Random, Result};
use selfsame_image::data::{
    CheckOptions, Dataset, OpenOptions, PackOptions, Report, check, decode, probe, write_pack,
};
use selfsame_image::view::preview::contact_sheet;
use selfsame_image::view::{Pipeline, Recipe, Scratch};
use serde::Serialize;
use serde_json::json;

use crate::cli::args::{self, Output};
use crate::cli::output::{print, refuse_existing};
use crate::cli::progress::Counter;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Looks at data.
pub fn run(args: &args::Data) -> Result<ExitCode> {
    match args {
        args::Data::Check { path, tiny, output } => run_check(path, *tiny, *output),
        args::Data::Preview { .. } => run_preview(args),
        args::Data::Index { path, output } => run_index(path, *output),
        args::Data::Pack { path, output_file, max_side, raw, overwrite, output } => {
            let options = PackOptions { raw: *raw, max_side: *max_side, overwrite: *overwrite };
            run_pack(path, output_file, &options, *output)
        }
    }
}

fn open(path: &Path) -> Result<Dataset> {
    Dataset::open(path, &OpenOptions::default())
}

fn run_check(path: &Path, tiny: usize, output: Output) -> Result<ExitCode> {
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
    let list = |counts: Vec<(String, usize)>| {
        let counts = counts.into_iter().map(|(what, count)| format!("{count} {what}"));
        counts.collect::<Vec<_>>().join(", ")
    };
    let formats = report.formats.iter().map(|(format, &count)| (word(format), count));
    let sizes = report.sizes.iter();
    let sizes = sizes.map(|bin| (format!("of {} to {} pixels", bin.from, 2 * bin.from - 1), bin.count));
    let problems = report.problem_counts().into_iter().map(|(problem, count)| (word(problem), count));
    for (what, counts) in [
        ("formats", list(formats.collect())),
        ("shorter sides", list(sizes.collect())),
        ("problems", list(problems.collect())),
    ] {
        if !counts.is_empty() {
            text += &format!("{what}: {counts}\n");
        }
    }
    if !report.classes.is_empty() {
        let mut table = Table::new([("class", Align::Left), ("pictures", Align::Right)]);
        for class in &report.classes {
            table.row([class.name.clone(), class.count.to_string()]);
        }
        text += &table.render(Terminal::of(&io::stdout()));
    }
    if report.findings.is_empty() {
        text += "nothing is wrong with any of them\n";
    } else {
        let mut table =
            Table::new([("file", Align::Left), ("problem", Align::Left), ("detail", Align::Left)]);
        for finding in &report.findings {
            table.row([finding.name.clone(), word(finding.problem), finding.detail.clone()]);
        }
        text += &table.render(Terminal::of(&io::stdout()));
    }
    for (note, names) in &report.notes {
        let example = names.first().map_or("", String::as_str);
        text += &format!("note: {} files are {}, such as {example}\n", names.len(), word(note));
    }
    for warning in &report.warnings {
        text += &format!("warning: {warning}\n");
    }
    text
}

/// The name that a thing has in JSON.
fn word(thing: impl Serialize) -> String {
    json!(thing).as_str().unwrap_or_default().to_owned()
}

fn run_preview(args: &args::Data) -> Result<ExitCode> {
    let args::Data::Preview {
        path,
        output_file,
        recipe,
        image_size,
        instances,
        views,
        seed,
        overwrite,
        output,
    } = args
    else {
        return Err(Error::Internal("not a preview".into()));
    };
    refuse_existing(output_file, *overwrite)?;
    let dataset = open(path)?;
    let pipeline = Pipeline::new(Recipe::by_name(recipe)?, *image_size, *views)?;
    let random = Random::new(*seed);
    let (mut scratch, mut buffer, mut rows) = (Scratch::default(), Vec::new(), Vec::new());
    for index in random.named("preview").permutation(dataset.len()) {
        if rows.len() == *instances {
            break;
        }
        let decoded = dataset.read(index, &mut buffer).ok().and_then(|bytes| {
            let header = probe(bytes).ok()?;
            Some((header, decode(bytes, 1).ok()?))
        });
        let Some((header, picture)) = decoded else { continue };
        let address = random.named("views").at(0).at(index as u64);
        let rendered = (0..*views).map(|view| {
            let geometry = pipeline.sample_geometry(&address, view, header.width, header.height);
            let mut pixels = vec![0.0; pipeline.view_len()];
            pipeline.render(&address, view, &picture, &geometry, &mut scratch, &mut pixels);
            pipeline.to_picture(&pixels)
        });
        let rendered = rendered.collect();
        rows.push((picture, rendered));
    }
    if rows.is_empty() {
        return Err(Error::data(path, "no picture can be read", "`selfsame data check` says why"));
    }
    contact_sheet(&rows, *image_size).save_png(output_file)?;
    let count = rows.len();
    match output.json {
        true => print(json!({ "file": output_file, "instances": count, "views": views }))?,
        false => print(format!("{count} instances beside {views} views each: {}", output_file.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run_index(path: &Path, output: Output) -> Result<ExitCode> {
    let begun = Instant::now();
    let dataset = open(path)?;
    let seconds = begun.elapsed().as_secs_f64();
    if output.json {
        let result = json!({ "instances": dataset.len(), "classes": dataset.classes(), "seconds": seconds });
        print(result)?;
    } else {
        let (pictures, classes) = (dataset.len(), dataset.classes().len());
        print(format!("{pictures} pictures in {classes} classes, indexed in {seconds:.2} s"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run_pack(path: &Path, pack: &Path, options: &PackOptions, output: Output) -> Result<ExitCode> {
    let dataset = open(path)?;
    let counter = Counter::new("packed", dataset.len(), output.quiet);
    let summary = write_pack(&dataset, pack, options, &|done| counter.at(done))?;
    counter.finish();
    if output.json {
        let skipped: Vec<&str> = summary.skipped.iter().map(|file| file.name.as_str()).collect();
        print(
            json!({ "file": pack, "written": summary.written, "bytes": summary.bytes, "skipped": skipped }),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    print(format!("{} pictures, {:.1} MB: {}", summary.written, summary.bytes as f64 / 1e6, pack.display()))?;
    for file in &summary.skipped {
        print(format!("left out {}: {}", file.name, file.reason))?;
    }
    Ok(ExitCode::SUCCESS)
}

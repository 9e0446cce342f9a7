//! `selfsame data check` of interactions

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use selfsame_core::atomic_file::make_folder_of;
use selfsame_core::{Error, Result};
use selfsame_graph::data::{
    COLD, InteractionCheck, OpenOptions, Overlap, Quantiles, Statistics, check_interactions,
};
use serde_json::{Value, json};

use crate::cli::args;
use crate::cli::chart;
use crate::cli::commands::interactions::read_options;
use crate::cli::output::{print, refuse_picture};
use crate::cli::table::{Align, Table};
use crate::cli::terminal::Terminal;

/// Describes interactions.
pub fn check(args: &args::Data) -> Result<ExitCode> {
    let args::Data::Check { path, test, core, output_file, overwrite, reading, output, .. } = args else {
        return Err(Error::Internal("not a check".into()));
    };
    let picture = output_file.as_deref().map(png);
    if let Some(picture) = &picture {
        refuse_picture(picture, "png", *overwrite)?;
    }
    let options = OpenOptions {
        read: read_options(reading),
        test_file: test.clone(),
        core: *core,
        ..OpenOptions::default()
    };
    let check = check_interactions(path, &options)?;
    if let Some(picture) = &picture {
        make_folder_of(picture)?;
        popularity(&check.statistics).save_png(picture)?;
    }
    if output.json {
        let mut result = json!(check);
        if let (Some(picture), Value::Object(fields)) = (&picture, &mut result) {
            fields.insert("picture".into(), json!(picture));
        }
        print(result)?;
    } else {
        let drawn = picture.map(|picture| format!("popularity curve: {}\n", picture.display()));
        print(for_people(path, &check) + &drawn.unwrap_or_default())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The file itself, or one in the folder that is given.
fn png(given: &Path) -> PathBuf {
    let folder = given.is_dir() || given.to_string_lossy().ends_with(std::path::is_separator);
    if folder { given.join("popularity.png") } else { given.to_owned() }
}

/// How much of all interactions the most popular items have.
fn popularity(statistics: &Statistics) -> selfsame_image::picture::Picture {
    let points: Vec<_> =
        statistics.popularity.iter().map(|point| (point.items, point.interactions)).collect();
    chart::curve("share of interactions", "share of items - most popular first", &points)
}

fn for_people(path: &Path, check: &InteractionCheck) -> String {
    let InteractionCheck { statistics, report, .. } = check;
    let mut text = format!(
        "{}: {} users, {} items, {} interactions, density {:.4} %\n",
        path.display(),
        statistics.users,
        statistics.items,
        statistics.interactions,
        100.0 * statistics.density
    );
    for (file, format) in &report.files {
        text += &format!("file: {} ({format})\n", file.display());
    }
    text += &degrees(statistics);
    for (part, overlap) in [("test", &report.test), ("validation", &report.validation)] {
        text += &held_out(part, overlap);
    }
    let cold = [("users", check.cold_users), ("items", check.cold_items)];
    for (what, count) in cold.into_iter().filter(|(_, count)| *count > 0) {
        text += &format!("cold: {count} {what} with fewer than {COLD} interactions\n");
    }
    if report.below_rating > 0 {
        text += &format!("left out: {} interactions with a low rating\n", report.below_rating);
    }
    if report.outside_core > 0 {
        text += &format!(
            "outside the core: {} interactions, {} users, {} items\n",
            report.outside_core, report.users_outside_core, report.items_outside_core
        );
    }
    let shares =
        statistics.popularity.iter().filter(|point| [0.01, 0.1, 0.2, 0.5].contains(&rounded(point.items)));
    let shares: Vec<_> = shares
        .map(|point| format!("{:.0} % have {:.0} %", 100.0 * point.items, 100.0 * point.interactions))
        .collect();
    if !shares.is_empty() {
        text += &format!("of the items, the most popular {} of the interactions\n", shares.join(", "));
    }
    let are_cold = cold.iter().any(|(_, count)| *count > 0);
    match check.warnings.is_empty() {
        true if are_cold => {}
        true => text += "nothing is odd about them\n",
        false => check.warnings.iter().for_each(|warning| text += &format!("warning: {warning}\n")),
    }
    text
}

fn rounded(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
}

/// Quantiles of interactions a user and an item, a line each.
fn degrees(statistics: &Statistics) -> String {
    let names = ["min", "25 %", "median", "75 %", "90 %", "99 %", "max", "mean"];
    let columns = names.map(|name| (name, Align::Right));
    let mut table = Table::new([("interactions", Align::Left)].into_iter().chain(columns));
    for (name, of) in [("a user", &statistics.user_degrees), ("an item", &statistics.item_degrees)] {
        let Quantiles { min, lower_quartile, median, upper_quartile, p90, p99, max, mean } = of;
        let numbers = [min, lower_quartile, median, upper_quartile, p90, p99, max].map(u32::to_string);
        table.row([name.to_owned()].into_iter().chain(numbers).chain([format!("{mean:.1}")]));
    }
    table.render(Terminal::of(&io::stdout()))
}

fn held_out(part: &str, overlap: &Overlap) -> String {
    if overlap.interactions == 0 {
        return String::new();
    }
    format!(
        "{part}: {} interactions, {} also in training, {} with one of {} unknown users or {} unknown items\n",
        overlap.interactions,
        overlap.in_training,
        overlap.with_unknown,
        overlap.unknown_users,
        overlap.unknown_items
    )
}

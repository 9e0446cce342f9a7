//! The last recorded ratios, one file of tables for each kind of machine, and what has become slower since.

use std::fs;
use std::path::{Path, PathBuf};

use super::compare::Ratio;
use super::machine::Machine;
use crate::{Failure, root};

const HEAD: &str =
    "| case | selfsame | peer | ratio | range | turns | measured |\n|---|--:|--:|--:|--:|--:|---|\n";

/// A ratio, and when and beside what it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub ratio: Ratio,
    /// Day, and versions of the peers.
    pub measured: String,
}

/// Where the ratios of a kind of machine are recorded.
pub fn file(machine: &Machine) -> PathBuf {
    root().join("xtask/ratios").join(machine.name()).with_extension("md")
}

/// The ratios in a file.
pub fn read(path: &Path) -> Result<Vec<Recorded>, Failure> {
    let text = fs::read_to_string(path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    parse(&text).map_err(|failure| format!("{}: {failure}", path.display()))
}

/// Puts new ratios into a file, in place of those of the same rows.
pub fn write(path: &Path, machine: &Machine, new: Vec<Recorded>) -> Result<(), Failure> {
    let old = if path.exists() { read(path)? } else { Vec::new() };
    let text = print(&machine.title(), &merge(old, new));
    let temporary = path.with_extension("md.tmp");
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&temporary, text))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|cause| format!("{}: {cause}", path.display()))
}

/// The rows whose every turn was worse than the recorded median by more than `tolerance`, a share of it.
pub fn fallen(recorded: &[Recorded], now: &[Ratio], tolerance: f64) -> Vec<String> {
    let same = |new: &Ratio| recorded.iter().find(|old| is_same(&old.ratio, new));
    let pairs = now.iter().filter_map(|new| Some((same(new)?, new)));
    pairs
        .filter(|(old, new)| new.most < old.ratio.median * (1.0 - tolerance))
        .map(|(Recorded { ratio, measured }, new)| {
            let Ratio { title, row, median, least, most, .. } = new;
            format!(
                "{title}: {row}: {median:.2} ({least:.2} to {most:.2}), was {:.2} on {measured}",
                ratio.median
            )
        })
        .collect()
}

fn is_same(a: &Ratio, b: &Ratio) -> bool {
    (&a.title, &a.row) == (&b.title, &b.row)
}

fn merge(mut recorded: Vec<Recorded>, new: Vec<Recorded>) -> Vec<Recorded> {
    for new in new {
        match recorded.iter_mut().find(|old| is_same(&old.ratio, &new.ratio)) {
            Some(old) => *old = new,
            None => recorded.push(new),
        }
    }
    recorded
}

fn print(machine: &str, recorded: &[Recorded]) -> String {
    let mut text = format!(
        "# {machine}\n\nThe ratios that `cargo xtask bench --record --peers PYTHON` last measured on such a machine. Above 1 selfsame is \
         better.\n"
    );
    let mut titles: Vec<&str> = Vec::new();
    for Recorded { ratio, .. } in recorded {
        if !titles.contains(&ratio.title.as_str()) {
            titles.push(&ratio.title);
        }
    }
    for title in titles {
        let rows = || recorded.iter().filter(|row| row.ratio.title == title);
        let unit = rows().next().map_or("", |row| &row.ratio.unit);
        text += &format!("\n## {title}\n\n{unit}\n\n{HEAD}");
        for Recorded { ratio, measured } in rows() {
            let Ratio { row, own, peer, median, least, most, turns, .. } = ratio;
            text += &format!(
                "| {row} | {own:.1} | {peer:.1} | {median:.3} | {least:.3} to {most:.3} | {turns} | {measured} |\n"
            );
        }
    }
    text
}

fn parse(text: &str) -> Result<Vec<Recorded>, Failure> {
    let (mut title, mut unit, mut recorded) = ("", "", Vec::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            (title, unit) = (heading, "");
        } else if line.starts_with("| ") && !HEAD.starts_with(line) {
            recorded.push(row(title, unit, line).ok_or_else(|| format!("not a row of ratios: {line}"))?);
        } else if unit.is_empty() && !line.starts_with('|') {
            unit = line;
        }
    }
    Ok(recorded)
}

fn row(title: &str, unit: &str, line: &str) -> Option<Recorded> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [row, own, peer, median, range, turns, measured] = cells.as_slice() else { return None };
    let (least, most) = range.split_once(" to ")?;
    let number = |text: &str| text.parse().ok();
    let ratio = Ratio {
        title: title.into(),
        unit: unit.into(),
        row: (*row).into(),
        own: number(own)?,
        peer: number(peer)?,
        median: number(median)?,
        least: number(least)?,
        most: number(most)?,
        turns: turns.parse().ok()?,
    };
    Some(Recorded { ratio, measured: (*measured).into() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn recorded(title: &str, row: &str, [median, least, most]: [f64; 3]) -> Recorded {
        let ratio = Ratio {
            title: title.into(),
            unit: format!("unit of {title}"),
            row: row.into(),
            own: 61.5,
            peer: 30.0,
            median,
            least,
            most,
            turns: 5,
        };
        Recorded { ratio, measured: "2026-11-24, torch 2.15.0".into() }
    }

    fn some() -> Vec<Recorded> {
        vec![
            recorded("steps", "resnet18, batch 32", [2.0, 1.75, 2.5]),
            recorded("views", "32 pixels", [39.5, 37.0, 51.0]),
            recorded("steps", "resnet50, batch 8", [1.5, 1.25, 1.5]),
        ]
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = print("AMD EPYC, AVX2, 2 cores", &some());
        assert!(text.contains("\n## steps\n\nunit of steps\n\n| case |"));
        let mut read = parse(&text).unwrap();
        assert_eq!(print("AMD EPYC, AVX2, 2 cores", &read), text);
        read.swap(1, 2);
        assert_eq!(read, some());
        assert!(parse("## steps\n\n| resnet18 | fast |\n").unwrap_err().contains("resnet18"));
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn new_ratios_take_the_place_of_old_ones() {
        let new =
            vec![recorded("steps", "resnet50, batch 8", [1.75; 3]), recorded("steps", "resnet34", [2.0; 3])];
        let merged = merge(some(), new);
        assert_eq!(merged[..2], some()[..2]);
        assert_eq!(merged[2].ratio.median, 1.75);
        assert_eq!((merged[3].ratio.row.as_str(), merged.len()), ("resnet34", 4));
    }

    #[test]
    fn a_row_has_fallen_when_its_whole_range_has() {
        let now = |row: &str, range| recorded("steps", row, range).ratio;
        let fallen = |row: &str, range, tolerance| fallen(&some(), &[now(row, range)], tolerance).len();
        assert_eq!(fallen("resnet18, batch 32", [1.5, 1.4, 1.59], 0.2), 1);
        assert_eq!(fallen("resnet18, batch 32", [1.5, 1.4, 1.61], 0.2), 0);
        assert_eq!(fallen("resnet18, batch 32", [1.5, 1.4, 1.59], 0.25), 0);
        assert_eq!(fallen("resnet34", [0.1; 3], 0.2), 0);
        let message = &super::fallen(&some(), &[now("resnet50, batch 8", [0.9, 0.85, 1.0])], 0.2)[0];
        assert_eq!(
            message,
            "steps: resnet50, batch 8: 0.90 (0.85 to 1.00), was 1.50 on 2026-11-24, torch 2.15.0"
        );
    }
}

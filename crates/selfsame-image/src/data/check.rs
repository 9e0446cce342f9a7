//! Looking at every file of a data set before a training does.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::decode::{Color, DecodeError, Format, Header, decode_into, is_animated, probe};
use super::source::Dataset;
use crate::picture::Picture;
use selfsame_core::data::reason;

/// What counts as a problem.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// Pictures with a side below this are reported as tiny.
    pub tiny_side: usize,
    /// What makes two files duplicates.
    pub duplicates: Duplicates,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { tiny_side: 16, duplicates: Duplicates::Bytes }
    }
}

/// What makes two files duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// The same bytes.
    Bytes,
    /// The same decoded pixels, whatever the format and the metadata.
    Pixels,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Problem {
    /// The system refuses to read it.
    Unreadable,
    /// It has no bytes.
    Empty,
    /// Its content is not a picture.
    NotAnImage,
    /// It ends too soon.
    Truncated,
    /// It contradicts itself.
    Corrupt,
    /// It has too many pixels.
    TooLarge,
    /// It is of a kind that is not read.
    Unsupported,
    /// A side is below the limit. It is used nevertheless.
    Tiny,
    /// An earlier file has the same content. It is used nevertheless.
    Duplicate,
}

/// What is unusual about a file that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Note {
    /// Only its first frame is used.
    Animated,
    /// Converted from cyan, magenta, yellow and black.
    Cmyk,
    /// Transparent pixels are put on white.
    Alpha,
    /// More than 8 bits a channel, reduced to 8.
    Deep,
    /// Grey.
    Grey,
    /// Colours from a palette.
    Palette,
}

/// A problem and the file that has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The instance's name in its data set.
    pub name: String,
    /// The kind of problem.
    pub problem: Problem,
    /// The problem in words.
    pub detail: String,
}

/// The number of pictures in a class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// The class's name.
    pub name: String,
    /// Its files, good and bad.
    pub count: usize,
}

/// Pictures whose shorter side is in a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeBin {
    /// The least shorter side in pixels, a power of two.
    pub from: usize,
    /// Below twice that: the number of pictures.
    pub count: usize,
}

/// What was found in a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Files looked at.
    pub files: usize,
    /// Files that can be used for training.
    pub usable: usize,
    /// The size of all files that could be read.
    pub bytes: u64,
    /// Files by format.
    pub formats: BTreeMap<Format, usize>,
    /// Files by class, in the order of classes.
    pub classes: Vec<ClassCount>,
    /// Files without a class, where there are classes.
    pub unlabelled: usize,
    /// Usable pictures by their shorter side, ascending; empty bins are left out.
    pub sizes: Vec<SizeBin>,
    /// Problems in the order of instances.
    pub findings: Vec<Finding>,
    /// Names of files with something unusual.
    pub notes: BTreeMap<Note, Vec<String>>,
    /// What was odd when the data set was opened.
    pub warnings: Vec<String>,
}

impl Report {
    /// How many files have each problem.
    pub fn problem_counts(&self) -> BTreeMap<Problem, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.problem).or_default() += 1;
        }
        counts
    }
}

/// What is known of a file after looking at it.
struct Checked {
    bytes: u64,
    content: Option<u128>,
    outcome: Result<(Header, bool), (Problem, String)>,
}

/// Reads and decodes every file of `dataset`, in parallel. `progress` is told how many are done.
pub fn check(dataset: &Dataset, options: &CheckOptions, progress: &(dyn Fn(usize) + Sync)) -> Report {
    let done = AtomicUsize::new(0);
    let checked: Vec<Checked> = (0..dataset.len())
        .into_par_iter()
        .map_init(
            || (Vec::new(), Picture::filled(1, 1, [0; 3])),
            |(bytes, picture), index| {
                let checked = look_at(dataset, index, options, bytes, picture);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                checked
            },
        )
        .collect();
    summarize(dataset, options, checked)
}

fn look_at(
    dataset: &Dataset,
    index: usize,
    options: &CheckOptions,
    buffer: &mut Vec<u8>,
    picture: &mut Picture,
) -> Checked {
    let bytes = match dataset.read(index, buffer) {
        Ok(bytes) => bytes,
        Err(error) => {
            let outcome = Err((Problem::Unreadable, reason(&error)));
            return Checked { bytes: 0, content: None, outcome };
        }
    };
    let decoded = probe(bytes).and_then(|header| {
        decode_into(bytes, &header, 1, picture)?;
        Ok((header, is_animated(bytes, header.format)))
    });
    let content = decoded.is_ok().then(|| match options.duplicates {
        Duplicates::Bytes => xxh3_128(bytes),
        Duplicates::Pixels => {
            let mut hash = Xxh3::new();
            hash.update(&picture.width.to_le_bytes());
            hash.update(&picture.pixels);
            hash.digest128()
        }
    });
    let outcome = decoded.map_err(|error| (problem(&error), error.to_string()));
    Checked { bytes: bytes.len() as u64, content, outcome }
}

fn problem(error: &DecodeError) -> Problem {
    match error {
        DecodeError::Empty => Problem::Empty,
        DecodeError::NotAnImage => Problem::NotAnImage,
        DecodeError::Truncated => Problem::Truncated,
        DecodeError::Corrupt(_) => Problem::Corrupt,
        DecodeError::TooLarge { .. } => Problem::TooLarge,
        DecodeError::Unsupported(_) => Problem::Unsupported,
    }
}

fn summarize(dataset: &Dataset, options: &CheckOptions, checked: Vec<Checked>) -> Report {
    let mut report =
        Report { files: checked.len(), warnings: dataset.warnings().to_vec(), ..Report::default() };
    let mut class_counts = vec![0; dataset.classes().len()];
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    let mut first_with: HashMap<u128, usize> = HashMap::new();
    for (index, checked) in checked.into_iter().enumerate() {
        let name = dataset.name(index);
        let mut found = |problem, detail| {
            report.findings.push(Finding { name: name.clone(), problem, detail });
        };
        report.bytes += checked.bytes;
        match dataset.label(index).and_then(|label| class_counts.get_mut(label)) {
            Some(count) => *count += 1,
            None => report.unlabelled += 1,
        }
        if let Some(first) = checked.content.map(|content| *first_with.entry(content).or_insert(index))
            && first != index
        {
            found(Problem::Duplicate, format!("the same content as {}", dataset.name(first)));
        }
        match checked.outcome {
            Err((problem, detail)) => found(problem, detail),
            Ok((header, animated)) => {
                let (width, height) = (header.width, header.height);
                let side = width.min(height);
                if side < options.tiny_side {
                    found(Problem::Tiny, format!("{width}×{height} pixels"));
                }
                report.usable += 1;
                *sizes.entry(1 << side.ilog2()).or_default() += 1;
                *report.formats.entry(header.format).or_default() += 1;
                for note in notes(&header, animated) {
                    report.notes.entry(note).or_default().push(name.clone());
                }
            }
        }
    }
    if dataset.classes().is_empty() {
        report.unlabelled = 0;
    }
    report.classes = dataset
        .classes()
        .iter()
        .zip(class_counts)
        .map(|(name, count)| ClassCount { name: name.clone(), count })
        .collect();
    report.sizes = sizes.into_iter().map(|(from, count)| SizeBin { from, count }).collect();
    report
}

fn notes(header: &Header, animated: bool) -> Vec<Note> {
    let color = match header.color {
        Color::Rgb => None,
        Color::Grey => Some(Note::Grey),
        Color::Palette => Some(Note::Palette),
        Color::Cmyk => Some(Note::Cmyk),
        Color::Deep => Some(Note::Deep),
    };
    let flags = [(animated, Note::Animated), (header.alpha, Note::Alpha)];
    color.into_iter().chain(flags.into_iter().filter_map(|(is, note)| is.then_some(note))).collect()
}

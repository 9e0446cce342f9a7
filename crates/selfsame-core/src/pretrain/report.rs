//! What a training achieved, and where a run keeps it.

use serde_json::json;

use crate::run::{Memory, RunFolder, RunRecord, Status, megabytes};
use crate::train::{Outcome, Progress, Recorder, Yardstick};
use crate::{Error, Result, checkpoint};

/// What a training achieved.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether it went to its end.
    pub outcome: Outcome,
    /// Where it stood at the end.
    pub progress: Progress,
    /// How many files could not be used.
    pub bad_files: usize,
    /// The most memory that the last process used, in megabytes; where the system tells.
    pub peak_memory_mb: Option<f64>,
}

/// What a run that is finished achieved; none for one that may go on.
///
/// # Errors
/// A record or checkpoint that is missing or broken.
pub fn finished(folder: &RunFolder) -> Result<Option<Report>> {
    let record = folder.record()?;
    if record.status != Status::Finished {
        return Ok(None);
    }
    let progress = checkpoint::load(&folder.checkpoints(), "last")?.progress()?;
    Ok(Some(Report::of(folder, &record, Outcome::Finished, progress)?))
}

impl Report {
    pub(super) fn of(
        folder: &RunFolder,
        record: &RunRecord,
        outcome: Outcome,
        progress: Progress,
    ) -> Result<Self> {
        let peak_memory_mb = record.results.get("peak_memory_mb").and_then(serde_json::Value::as_f64);
        Ok(Self { outcome, progress, bad_files: count_bad_files(folder)?, peak_memory_mb })
    }
}

/// The lines of `bad_files.tsv` below its head; none where there is no such file.
fn count_bad_files(folder: &RunFolder) -> Result<usize> {
    match std::fs::read_to_string(folder.bad_files()) {
        Ok(text) => Ok(text.lines().skip(1).count()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::io("read", folder.bad_files(), error)),
    }
}

/// Writes into the record what a training that ends now has achieved.
pub(super) fn note_results(
    record: &mut RunRecord,
    yardstick: Yardstick,
    progress: &Progress,
    recorder: &Recorder,
) {
    let first_step = recorder.first_step().map(|time| (time.as_secs_f64() * 100.0).round() / 100.0);
    let [before, after] = yardstick.results();
    // As long as nothing was measured the mean loss decides, the lower the better.
    let best = progress.best.map(|best| match progress.measured_last {
        Some(_) => json!(best),
        None => json!({ "epoch": best.epoch, "loss": -best.value }),
    });
    let results = [
        (before.as_str(), json!(progress.measured_before)),
        (after.as_str(), json!(progress.measured_last)),
        ("best", json!(best)),
        ("epochs", json!(progress.epoch)),
        ("steps", json!(progress.step)),
        ("first_step_seconds", json!(first_step)),
        ("peak_memory_mb", json!(Memory::now().map(|memory| megabytes(memory.peak)))),
    ];
    record.results.extend(results.map(|(name, value)| (name.to_owned(), value)));
}

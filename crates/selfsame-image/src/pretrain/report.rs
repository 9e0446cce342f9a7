//! What a training achieved, and where a run keeps it.

use selfsame_core::run::{Memory, RunFolder, RunRecord, Status, megabytes};
use selfsame_core::train::{Outcome, Progress, Recorder};
use selfsame_core::{Result, checkpoint};
use serde_json::json;

use crate::data::{BadFile, read_bad_files};

/// What a training achieved.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether all epochs are done.
    pub outcome: Outcome,
    /// Where it stood at the end.
    pub progress: Progress,
    /// Files that could not be used.
    pub bad_files: Vec<BadFile>,
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
    let bad_files = read_bad_files(&folder.bad_files())?;
    let peak_memory_mb = peak_memory(&record);
    Ok(Some(Report { outcome: Outcome::Finished, progress, bad_files, peak_memory_mb }))
}

pub(super) fn peak_memory(record: &RunRecord) -> Option<f64> {
    record.results.get("peak_memory_mb")?.as_f64()
}

/// Writes into the record what a training that ends now has achieved.
pub(super) fn note_results(record: &mut RunRecord, progress: &Progress, recorder: &Recorder) {
    let first_step = recorder.first_step().map(|time| (time.as_secs_f64() * 100.0).round() / 100.0);
    let results = [
        ("knn_before", json!(progress.measured_before)),
        ("knn_after", json!(progress.measured_last)),
        ("best", json!(progress.best)),
        ("epochs", json!(progress.epoch)),
        ("steps", json!(progress.step)),
        ("first_step_seconds", json!(first_step)),
        ("peak_memory_mb", json!(Memory::now().map(|memory| megabytes(memory.peak)))),
    ];
    record.results.extend(results.map(|(name, value)| (name.to_owned(), value)));
}

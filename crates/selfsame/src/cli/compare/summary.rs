//! One run in a few numbers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use selfsame_core::run::{Kind, Record, RunFolder, Status, metrics};
use selfsame_core::train::Yardstick;
use selfsame_core::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// Settings that a repetition may change: random numbers, how fast the same views are made, which Python runs an environment and how long it may take, and
/// how often something is written down.
const INCIDENTAL: [&str; 8] = [
    "seed",
    "workers",
    "python",
    "timeout",
    "replay_folder",
    "log_every",
    "checkpoint_every",
    "checkpoint_steps",
];

/// What `selfsame eval` measures.
pub struct Evaluation {
    /// Where it lies in a run's results.
    pub key: &'static str,
    /// Its name in JSON.
    pub name: &'static str,
    /// That of its column.
    pub column: &'static str,
    /// Whether it is a share, which people read as a percentage.
    pub share: bool,
}

const fn share(key: &'static str, name: &'static str, column: &'static str) -> Evaluation {
    Evaluation { key, name, column, share: true }
}

const fn number(key: &'static str, name: &'static str, column: &'static str) -> Evaluation {
    Evaluation { key, name, column, share: false }
}

/// All that is measured, in the order of its columns.
pub const EVALUATIONS: [Evaluation; 16] = [
    share("knn_top1", "knn", "kNN"),
    share("linear_top1", "linear", "linear"),
    share("finetune_top1", "finetune", "fine-tuned"),
    share("knn-dense_top1", "knn_dense", "kNN dense"),
    share("segmentation_miou", "miou", "mIoU"),
    share("correspondence_accuracy", "correspondence", "correspondence"),
    share("retrieval_map", "retrieval", "mAP"),
    share("ranking_recall@20", "recall@20", "recall@20"),
    share("ranking_ndcg@20", "ndcg@20", "NDCG@20"),
    number("return_after", "return_after", "return in training"),
    number("episodes_mean_return", "mean_return", "return"),
    share("episodes_human_normalised", "human_normalised", "human-normalised"),
    number("probe_features_r2", "features_r2", "R² of features"),
    number("probe_phi_r2", "phi_r2", "R² of φ"),
    share("probe_discriminator_accuracy", "discriminator_accuracy", "told apart"),
    share("probe_discriminator_area", "discriminator_area", "ranked apart"),
];

/// A protocol whose result is of an earlier state of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outdated {
    /// The protocol's name.
    pub protocol: String,
    /// The steps after which it was measured.
    pub steps: u64,
}

/// What a run's folder says so far: runs that still train are readable too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run's folder.
    pub run: PathBuf,
    /// How the run stands.
    pub status: Status,
    /// The method's name.
    pub method: String,
    /// The name of the data's folder or file.
    pub dataset: String,
    /// Finished epochs.
    pub epochs: usize,
    /// The seed.
    pub seed: u64,
    /// Mean over the records of steps.
    pub images_per_second: Option<f64>,
    /// Mean loss of the last epoch.
    pub loss: Option<f64>,
    /// kNN accuracy of the untrained network, 0 to 1.
    pub knn_before: Option<f64>,
    /// kNN accuracy as last measured, 0 to 1.
    pub knn_after: Option<f64>,
    /// Recall@20 of the untrained embeddings, 0 to 1.
    #[serde(rename = "recall@20_before", skip_serializing_if = "Option::is_none")]
    pub recall_before: Option<f64>,
    /// Recall@20 as last measured while training, 0 to 1.
    #[serde(rename = "recall@20_after", skip_serializing_if = "Option::is_none")]
    pub recall_after: Option<f64>,
    /// What was evaluated, by its name; shares from 0 to 1.
    #[serde(flatten)]
    pub evaluations: BTreeMap<&'static str, f64>,
    /// What was evaluated before the run trained on: results of a network that it no longer has, which are not among the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outdated: Vec<Outdated>,
    /// What was measured while training, by the steps until then.
    #[serde(skip)]
    pub curve: Vec<(f64, f64)>,
    /// What groups of items contribute to the recall, by their number: from rare items, 1, to popular ones.
    #[serde(skip)]
    pub by_popularity: Vec<(f64, f64)>,
    /// The settings without those that a repetition may change.
    #[serde(skip)]
    pub settings: Option<toml::Table>,
}

impl Summary {
    /// Reads a run's `run.json`, `metrics.jsonl` and `config.toml`; the latter two may be missing.
    ///
    /// # Errors
    /// [`Error::Data`] when the folder is not there, is not a run or is broken; [`Error::Io`] when it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let record = folder.record()?;
        let records = if folder.metrics().exists() { metrics::read(folder.metrics())? } else { vec![] };
        let result = |name: &str| record.results.get(name).and_then(Value::as_f64);
        // The network may have been measured before the first epoch: that is epoch 0.
        let (untrained, epochs): (Vec<_>, Vec<_>) =
            records.iter().filter(|record| record.kind == Kind::Epoch).partition(|record| record.epoch == 0);
        let data = Path::new(&record.data.path);
        let outdated = outdated(&record.results, records.iter().map(|record| record.step).max().unwrap_or(0));
        let is_outdated = |key: &str| outdated.iter().any(|it| key.starts_with(&format!("{}_", it.protocol)));
        let evaluations = EVALUATIONS.into_iter().filter(|it| !is_outdated(it.key));
        Ok(Self {
            run: path.to_owned(),
            status: folder.status(&record),
            dataset: data
                .file_name()
                .map_or_else(|| record.data.path.clone(), |name| name.to_string_lossy().into_owned()),
            epochs: epochs.last().map_or(0, |record| record.epoch),
            seed: record.seed,
            images_per_second: speed(&records),
            loss: last(&epochs, "loss"),
            knn_before: result("knn_before").or(last(&untrained, "knn_top1")),
            knn_after: result("knn_after").or(last(&epochs, "knn_top1")),
            recall_before: result("recall@20_before").or(last(&untrained, "recall@20")),
            recall_after: result("recall@20_after").or(last(&epochs, "recall@20")),
            evaluations: evaluations.filter_map(|it| Some((it.name, result(it.key)?))).collect(),
            outdated,
            curve: curve(&records),
            by_popularity: by_popularity(&record.results),
            settings: read_settings(&folder.config())?,
            method: record.method,
        })
    }

    /// All that was evaluated, then what was last measured while training, by their names in JSON.
    pub fn results(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let evaluated =
            EVALUATIONS.into_iter().filter_map(|it| Some((it.name, *self.evaluations.get(it.name)?)));
        let trained = [("knn_after", self.knn_after), ("recall@20_after", self.recall_after)];
        evaluated.chain(trained.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }

    /// The folder, and how the run stands if it is not finished.
    pub fn shown_name(&self) -> String {
        let status = match self.status {
            Status::Finished => "",
            Status::Running => " (running)",
            Status::Stopped => " (stopped)",
            Status::Failed => " (failed)",
            Status::Killed => " (killed)",
        };
        format!("{}{status}", self.run.display())
    }
}

/// The results of the `last` checkpoint that are older than the last of so many steps.
fn outdated(results: &Map<String, Value>, steps: u64) -> Vec<Outdated> {
    let of = |(protocol, result): (&String, &Value)| {
        let measured = result.get("steps")?.as_u64()?;
        let is_last = result.get("checkpoint").and_then(Value::as_str) == Some("last");
        (is_last && measured < steps).then(|| Outdated { protocol: protocol.clone(), steps: measured })
    };
    results.iter().filter_map(of).collect()
}

/// The measurements of every epoch; each kind of data has one yardstick.
fn curve(records: &[Record]) -> Vec<(f64, f64)> {
    let fields = [Yardstick::KNN, Yardstick::RECALL, Yardstick::RETURN].map(|yardstick| yardstick.field);
    let epochs = records.iter().filter(|record| record.kind == Kind::Epoch);
    let measured = |record: &Record| fields.iter().find_map(|field| record.value(field));
    epochs.filter_map(|record| Some((record.step as f64, measured(record)?))).collect()
}

/// Recall@20 of every group of items, or the first recall that was measured.
fn by_popularity(results: &Map<String, Value>) -> Vec<(f64, f64)> {
    let groups = results.get("ranking").and_then(|ranking| ranking.get("groups")?.as_array());
    let of = |group: &Value| {
        let number = group.get("group")?.as_f64()?;
        let mut recalls = group.as_object()?.iter().filter(|(name, _)| name.starts_with("recall@"));
        let recall = group.get("recall@20").or_else(|| recalls.next().map(|(_, recall)| recall))?;
        Some((number, recall.as_f64()?))
    };
    groups.into_iter().flatten().filter_map(of).collect()
}

fn speed(records: &[Record]) -> Option<f64> {
    let steps = records.iter().filter(|record| record.kind == Kind::Step);
    let speeds: Vec<f64> = steps.filter_map(|record| record.value("images_per_second")).collect();
    (!speeds.is_empty()).then(|| speeds.iter().sum::<f64>() / speeds.len() as f64)
}

/// The last value that was measured.
fn last(records: &[&Record], name: &str) -> Option<f64> {
    records.iter().rev().find_map(|record| record.value(name))
}

fn read_settings(path: &Path) -> Result<Option<toml::Table>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let mut settings: toml::Table = toml::from_str(&text).map_err(|error| {
        Error::data(
            path,
            format!("not a configuration: {}", error.message()),
            "restore the file or train anew",
        )
    })?;
    for section in settings.iter_mut().filter_map(|(_, value)| value.as_table_mut()) {
        section.retain(|key, _| !INCIDENTAL.contains(&key));
    }
    Ok(Some(settings))
}

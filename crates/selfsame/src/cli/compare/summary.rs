//! One run in a few numbers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use selfsame_core::{Error, Result};
use serde::Serialize;
use serde_json::Value;

/// Settings that change where and how fast a run computes or which random numbers it draws, but not what it is.
const INCIDENTAL: [&str; 4] = ["seed", "out", "workers", "overwrite"];

/// What a run's folder says, as far as it says it: training runs are readable too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run's folder.
    pub run: PathBuf,
    /// `running`, `finished`, `stopped` or `failed`.
    pub status: String,
    /// The method's name.
    pub method: String,
    /// The name of the data's folder or file.
    pub dataset: String,
    /// Finished epochs.
    pub epochs: usize,
    /// The seed.
    pub seed: u64,
    /// Mean over the epochs.
    pub images_per_second: Option<f64>,
    /// Loss of the last epoch.
    pub loss: Option<f64>,
    /// kNN accuracy of the untrained network, 0 to 1.
    pub knn_before: Option<f64>,
    /// kNN accuracy as last measured, 0 to 1.
    pub knn_after: Option<f64>,
    /// Accuracy of the linear probe, 0 to 1.
    pub linear: Option<f64>,
    /// The settings without those that a repetition may change.
    #[serde(skip)]
    pub settings: Option<toml::Table>,
}

impl Summary {
    /// Reads a run's `run.json`, `metrics.jsonl` and `config.toml`; the latter two may be missing.
    ///
    /// # Errors
    /// [`Error::Data`] when the folder is not there, is not a run or is broken; [`Error::Io`] when it cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let help = "give folders that `selfsame pretrain` wrote (--out)";
        if !folder.exists() {
            return Err(Error::data(folder, "there is no such run", help));
        }
        let record_path = folder.join("run.json");
        let Some(record) = read_if_there(&record_path)? else {
            return Err(Error::data(folder, "not a run: it has no run.json", help));
        };
        let record: Value = serde_json::from_str(&record)
            .map_err(|error| Error::data(&record_path, format!("not the record of a run: {error}"), help))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let data = text(&record["data"]["path"]);
        let epochs = epochs(&read_if_there(&folder.join("metrics.jsonl"))?.unwrap_or_default());
        let results = &record["results"];
        let speed: Vec<_> = epochs.iter().filter_map(|epoch| epoch["images_per_second"].as_f64()).collect();
        let mean_speed = (!speed.is_empty()).then(|| speed.iter().sum::<f64>() / speed.len() as f64);
        Ok(Self {
            run: folder.to_owned(),
            status: text(&record["status"]),
            method: text(&record["method"]),
            dataset: Path::new(&data)
                .file_name()
                .map_or(data.clone(), |name| name.to_string_lossy().into_owned()),
            epochs: epochs.iter().filter_map(|epoch| epoch["epoch"].as_u64()).collect::<BTreeSet<_>>().len(),
            seed: record["seed"].as_u64().unwrap_or_default(),
            images_per_second: results["images_per_second"].as_f64().or(mean_speed),
            loss: last(&epochs, "loss"),
            knn_before: results["knn_before"].as_f64(),
            knn_after: results["knn_after"].as_f64().or(last(&epochs, "knn_top1")),
            linear: results["linear_top1"].as_f64(),
            settings: read_settings(&folder.join("config.toml"))?,
        })
    }

    /// The folder, and how the run stands if it is not finished.
    pub fn shown_name(&self) -> String {
        let name = self.run.display();
        match self.status.as_str() {
            "finished" | "" => name.to_string(),
            status => format!("{name} ({status})"),
        }
    }
}

fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// The records of epochs. A line that is not JSON is half written, by a run that trains or was killed.
fn epochs(metrics: &str) -> Vec<Value> {
    let records = metrics.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.filter(|record| record["kind"] == "epoch").collect()
}

fn last(epochs: &[Value], name: &str) -> Option<f64> {
    epochs.iter().rev().find_map(|epoch| epoch[name].as_f64())
}

fn read_settings(path: &Path) -> Result<Option<toml::Table>> {
    let Some(text) = read_if_there(path)? else { return Ok(None) };
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

//! Whole trainings on a few made-up interactions.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use selfsame_core::checkpoint;
use selfsame_core::pretrain::{Preset, Report, Weights, read_settings};
use selfsame_core::run::{Record, metrics};
use selfsame_core::settings::Layers;
use selfsame_core::stop::{Stop, StopSignal};
use selfsame_core::tensor::TensorData;
use selfsame_core::train::{Live, Observer, Silent};

use super::*;
use crate::data::{PowerLaw, power_law};
use crate::eval::{RankingOptions, evaluate_embeddings};
use crate::trained::TrainedGraph;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let law = PowerLaw { users: 80, items: 200, interactions: 1600, tastes: 4, ..PowerLaw::default() };
        let mut lines = String::new();
        for (user, item) in power_law(&law, 1).unwrap().pairs() {
            writeln!(lines, "user-{user}\titem-{item}").unwrap();
        }
        std::fs::write(folder.path().join("made-up.tsv"), lines).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn settings(&self, method: &str, set: &[&str]) -> Resolved {
        let about = method::by_name(method).unwrap().about;
        let mut layers = Layers::new(MODALITY.defaults(&about, Preset::Small).unwrap());
        layers = layers.flag("data.path", self.path("made-up.tsv").to_str().unwrap(), "--data").unwrap();
        let small = ["backbone.dimension=8", "run.batch_size=300", "schedule.epochs=3", "run.log_every=1"];
        for assignment in small.iter().chain(&["data.validation_share=0.1"]).chain(set) {
            layers = layers.set(assignment).unwrap();
        }
        layers.resolve()
    }

    fn begin(&self, name: &str, method: &str, set: &[&str]) -> Result<Report> {
        let prepared = prepare(self.settings(method, set))?;
        prepared.begin(self.path(name), false, Box::new(Silent), &StopSignal::manual())
    }

    fn tensors(&self, name: &str, checkpoint: &str) -> BTreeMap<String, TensorData> {
        let folder = RunFolder::open(self.path(name)).unwrap();
        checkpoint::load(&folder.checkpoints(), checkpoint).unwrap().tensors
    }

    fn records(&self, name: &str) -> Vec<Record> {
        metrics::read(RunFolder::open(self.path(name)).unwrap().metrics()).unwrap()
    }
}

/// Asks to stop after a number of steps.
struct StopAt(usize, StopSignal);

impl Observer for StopAt {
    fn step(&mut self, live: &Live) {
        if live.steps_done() == self.0 {
            self.1.request(Stop::Terminate);
        }
    }

    fn epoch(&mut self, _live: &Live) {}

    fn warn(&mut self, _message: &str) {}
}

#[test]
fn a_training_leaves_embeddings_of_everyone() {
    let place = Place::new();
    // With the weight of the defaults, SGL is at chance after so few steps: its views pull harder than its pairs.
    for (name, more) in [("mf", None), ("lightgcn", None), ("sgl", Some("method.ssl_weight=0.01"))] {
        let set = ["schedule.epochs=30", "optimizer.lr=0.01", "run.measure_every=5"];
        let report = place.begin(name, name, &set.into_iter().chain(more).collect::<Vec<_>>()).unwrap();
        let [before, after] = [report.progress.measured_before, report.progress.measured_last];
        assert!(after > before.map(|before| before + 0.02), "{name}: {before:?} to {after:?}");
        let last = place.records(name).pop().unwrap();
        // Numbers that are read from JSON may differ in the last bit.
        let is_after = |read: Option<f64>| (read.unwrap() - after.unwrap()).abs() < 1e-12;
        assert!(is_after(last.value("recall@20")) && last.value("images_per_second").is_some());

        let untrained = TrainedGraph::open(place.path(name), &Weights::Untrained).unwrap();
        let trained = TrainedGraph::open(place.path(name), &Weights::Checkpoint("last".into())).unwrap();
        assert_eq!((trained.stored.steps, untrained.stored.steps), (report.progress.step, 0));
        let [users, items] = [&trained.data.users, &trained.data.items].map(|ids| 8 * ids.len());
        assert_eq!((trained.users.len(), trained.items.len(), trained.dimension), (users, items, 8));
        let recall = |graph: &TrainedGraph| {
            let options = RankingOptions { ks: vec![20], groups: 1 };
            let data = &graph.data;
            let [users, items] = [&graph.users, &graph.items];
            evaluate_embeddings(users, items, 8, &data.train, &data.validation, &options).unwrap().measures[0]
                .recall
        };
        assert_eq!((Some(recall(&untrained)), Some(recall(&trained))), (before, after));
        assert!(!trained.data.test.is_empty());

        let [users, items] = trained.stored.folder.ids();
        assert_eq!(crate::data::Ids::read(&users).unwrap(), trained.data.users);
        assert_eq!(crate::data::Ids::read(&items).unwrap(), trained.data.items);
        assert!(trained.metadata().contains(&("method".into(), name.into())));
        assert!(is_after(trained.stored.record.results["recall@20_after"].as_f64()));
    }
}

#[test]
fn a_stopped_training_goes_on_to_the_same_embeddings() {
    let place = Place::new();
    place.begin("whole", "sgl", &[]).unwrap();
    let expected = place.tensors("whole", "last");
    let told = |name: &str| -> Vec<_> {
        let told =
            |record: Record| (record.kind, record.step, record.value("ssl"), record.value("recall@20"));
        place.records(name).into_iter().map(told).collect()
    };
    for step in [1, 5, 7] {
        let (name, stop) = (format!("stopped-{step}"), StopSignal::manual());
        let prepared = prepare(place.settings("sgl", &[])).unwrap();
        let observer = Box::new(StopAt(step, stop.clone()));
        let report = prepared.begin(place.path(&name), false, observer, &stop).unwrap();
        assert_eq!(report.outcome, Outcome::Stopped(Stop::Terminate));
        let folder = RunFolder::resume(place.path(&name)).unwrap();
        let settings = read_settings(&folder, &[&MODALITY]).unwrap().layers.resolve();
        let report = prepare(settings)
            .unwrap()
            .go_on(&folder, "last", Box::new(Silent), &StopSignal::manual())
            .unwrap();
        assert_eq!(report.outcome, Outcome::Finished);
        assert_eq!(place.tensors(&name, "last"), expected, "stopped after step {step}");
        assert_eq!(told(&name), told("whole"));
    }
}

#[test]
fn a_training_ends_when_the_validation_does_not_rise() {
    let place = Place::new();
    // Nothing rises where nothing is learned.
    let set = ["optimizer.lr=0", "schedule.epochs=50", "run.patience=3"];
    let report = place.begin("idle", "mf", &set).unwrap();
    assert_eq!((report.outcome, report.progress.epoch), (Outcome::Finished, 4));
    assert_eq!(report.progress.best.map(|best| best.epoch), Some(1));
    let folder = RunFolder::open(place.path("idle")).unwrap();
    let log = std::fs::read_to_string(folder.log()).unwrap();
    assert!(log.contains("Recall@20 has not risen for 3 measurements"), "{log}");
}

#[test]
fn noise_is_in_training_only_and_the_same_for_a_seed() {
    let place = Place::new();
    let open = |set: &[&str]| {
        let settings = place.settings("mf", set);
        let from: DataSettings = settings.section("data").unwrap();
        from.open(settings.integer("run", "seed").unwrap() as u64).unwrap()
    };
    let clean = open(&[]);
    let noisy = open(&["data.noise=0.2"]);
    let added = (clean.train.len() as f64 * 0.2).round() as usize;
    assert_eq!(noisy.train.len(), clean.train.len() + added);
    assert_eq!((&noisy.test, &noisy.validation), (&clean.test, &clean.validation));
    let new: Vec<_> =
        noisy.train.pairs().filter(|&(user, item)| !clean.train.contains(user as usize, item)).collect();
    assert_eq!(new.len(), added);
    assert!(new.iter().all(|&(user, item)| !clean.test.contains(user as usize, item)
        && !clean.validation.contains(user as usize, item)));
    assert_eq!(noisy.train, open(&["data.noise=0.2"]).train);
    assert_ne!(noisy.train, open(&["data.noise=0.2", "run.seed=1"]).train);
    assert_ne!(fingerprint(&noisy), fingerprint(&clean));
}

#[test]
fn the_split_does_not_follow_the_seed_of_the_training() {
    let place = Place::new();
    let fingerprint = |set: &[&str]| {
        let from: DataSettings = place.settings("mf", set).section("data").unwrap();
        fingerprint(&from.open(7).unwrap())
    };
    assert_eq!(fingerprint(&[]), fingerprint(&["run.seed=3"]));
    assert_ne!(fingerprint(&[]), fingerprint(&["data.split_seed=3"]));
}

#[test]
fn what_cannot_be_trained_is_refused_before_anything_is_written() {
    let place = Place::new();
    std::fs::write(place.path("empty.txt"), "").unwrap();
    std::fs::write(place.path("full.txt"), "0 0 1\n1 0 1\n").unwrap();
    let [empty, full] =
        ["empty.txt", "full.txt"].map(|name| format!("data.path={}", place.path(name).display()));
    for (set, code, message) in [
        ("data.path=''", 2, "no data to learn from"),
        ("data.path=/nowhere/at/all", 3, "/nowhere/at/all"),
        (&empty, 3, "the file has no interactions"),
        ("data.test_share=1.0", 2, "a share of 1 "),
        ("data.validation_share=-0.1", 2, "a share of -0.1"),
        ("data.split=latest", 2, "a split by time needs times"),
        ("data.split=random", 2, "data.split"),
        ("data.format=spreadsheet", 2, "data.format"),
        ("data.user_column=who", 3, "no header has the column `who`"),
        ("data.core=99", 3, "at least 99"),
        ("data.noise=-1", 2, "a noise of -1"),
        ("data.noise=100", 2, "needs"),
        ("run.batch_size=1", 2, "run.batch_size is 1"),
        ("run.device=abacus", 2, "no such kind of device"),
        ("backbone.dimension=0", 2, "backbone.dimension is 0"),
        ("optimizer.accumulate=99", 2, "optimizer.accumulate is 99"),
        ("method.name=mff", 2, "mf"),
    ] {
        let error =
            prepare(place.settings("mf", &[set])).err().unwrap_or_else(|| panic!("{set} was accepted"));
        assert_eq!(error.exit_code(), code, "{set}: {error}");
        assert!(error.to_string().contains(message), "{set}: {error}");
    }
    let error =
        prepare(place.settings("mf", &[&full, "data.split=none", "data.validation_share=0"])).err().unwrap();
    assert!(error.exit_code() == 3 && error.to_string().contains("every user has every item"), "{error}");
    for set in [["run.patience=2", "data.validation_share=0"], ["run.patience=2", "data.measure=test"]] {
        let error = prepare(place.settings("mf", &set)).err().unwrap();
        assert!(error.exit_code() == 2 && error.to_string().contains("data.validation_share=0.1"), "{error}");
    }
    let error = prepare(place.settings("mf", &["data.measure=test", "data.split=none"])).err().unwrap();
    assert!(error.exit_code() == 2 && error.to_string().contains("there is no test"), "{error}");
}

#[test]
fn a_run_whose_data_has_changed_is_not_opened() {
    let place = Place::new();
    place.begin("a", "mf", &["schedule.epochs=1"]).unwrap();
    let last = Weights::Checkpoint("last".into());
    std::fs::rename(place.path("made-up.tsv"), place.path("moved.tsv")).unwrap();
    let error = TrainedGraph::open(place.path("a"), &last).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("not there"), "{error}");
    TrainedGraph::open_with(place.path("a"), &last, Some(&place.path("moved.tsv"))).unwrap();
    let mut text = std::fs::read_to_string(place.path("moved.tsv")).unwrap();
    text.push_str("user-0\titem-new\n");
    std::fs::write(place.path("moved.tsv"), text).unwrap();
    let error = TrainedGraph::open_with(place.path("a"), &last, Some(&place.path("moved.tsv"))).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("not the interactions"), "{error}");
}

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use selfsame_core::run::{DataRecord, Kind, Metrics, Record, RunFolder, RunRecord, Status};

use super::*;

/// The folder of a run as training leaves it, with a kNN accuracy for every epoch.
fn run(parent: &Path, name: &str, seed: u64, lr: f64, knn: &[f64]) -> PathBuf {
    let path = parent.join(name);
    let folder = RunFolder::create(&path, false).unwrap();
    let from = DataRecord { path: "some/where/photos".into(), instances: 10, fingerprint: String::new() };
    let mut record = RunRecord::begin("simclr", seed, from);
    record.results.insert("knn_before".into(), json!(0.25));
    record.results.insert("segmentation_miou".into(), json!(0.2 + 0.01 * seed as f64));
    record.end(Status::Finished, None);
    folder.write_record(&record).unwrap();
    let run = format!("[run]\nseed = {seed}\nlog_every = {seed}\n");
    let data = format!("[data]\nworkers = {seed}\npython = \"python{seed}\"\n");
    let config = format!("{run}{data}[optimizer]\nlr = {lr}\n");
    folder.write_config(&toml::from_str(&config).unwrap()).unwrap();

    let mut metrics = Metrics::append(folder.metrics()).unwrap();
    for (epoch, &knn) in (1u32..).zip(knn) {
        let record = |kind| Record::new(kind, epoch as usize, u64::from(epoch));
        let step = record(Kind::Step).with("loss", 99.0).with("images_per_second", 100.0 * f64::from(epoch));
        metrics.write(&step).unwrap();
        metrics
            .write(&record(Kind::Epoch).with("loss", 5.0 - f64::from(epoch)).with("knn_top1", knn))
            .unwrap();
    }
    path
}

#[test]
fn a_run_in_a_few_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = run(folder.path(), "a", 7, 0.3, &[0.3, 0.4, 0.5]);
    let summary = Summary::read(&path).unwrap();
    assert_eq!((summary.method.as_str(), summary.dataset.as_str()), ("simclr", "photos"));
    assert_eq!((summary.epochs, summary.seed), (3, 7));
    assert_eq!((summary.loss, summary.images_per_second), (Some(2.0), Some(200.0)));
    assert_eq!((summary.knn_before, summary.knn_after), (Some(0.25), Some(0.5)));
    assert_eq!(summary.evaluations.keys().collect::<Vec<_>>(), [&"miou"]);
}

#[test]
fn runs_that_differ_only_by_seed_are_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [
        run(folder.path(), "a", 0, 0.3, &[0.5]),
        run(folder.path(), "b", 1, 0.3, &[0.6]),
        run(folder.path(), "c", 2, 0.3, &[0.7]),
        run(folder.path(), "other-lr", 3, 0.1, &[0.9]),
        run(folder.path(), "same-seed", 2, 0.3, &[0.1]),
        run(folder.path(), "longer", 4, 0.3, &[0.5, 0.9]),
    ];
    let comparison = Comparison::read(&runs).unwrap();
    let [group] = &comparison.groups[..] else { panic!("{:?}", comparison.groups) };
    assert_eq!((&group.seeds[..], &group.runs[..]), (&[0, 1, 2][..], &runs[..3]));
    let knn = group.knn_after.unwrap();
    assert!((knn.mean - 0.6).abs() < 1e-12 && (knn.deviation - 0.1).abs() < 1e-12);
    assert_eq!(group.evaluations.keys().collect::<Vec<_>>(), [&"miou"]);

    let table = comparison.table(Terminal::PLAIN);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 8);
    assert!(!lines[0].contains("linear"), "nothing to show: {table}");
    for cell in ["mean of 3 seeds", "4.000 ± 0.000", "25.0 ± 0.0 %", "60.0 ± 10.0 %", "21.0 ± 1.0 %"] {
        assert!(lines[7].contains(cell), "{cell} in\n{table}");
    }
    let json = comparison.json();
    assert_eq!(json["runs"].as_array().unwrap().len(), 6);
    assert_eq!(
        (&json["runs"][0]["status"], &json["groups"][0]["seeds"]),
        (&json!("finished"), &json!([0, 1, 2]))
    );
}

#[test]
fn a_run_that_only_began_is_shown_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::create(folder.path(), false).unwrap();
    run.write_record(&RunRecord::begin("byol", 1, DataRecord::default())).unwrap();
    let comparison = Comparison::read(&[folder.path().to_owned()]).unwrap();
    assert!(comparison.table(Terminal::PLAIN).contains("(running)"));
    assert_eq!((comparison.runs[0].epochs, comparison.runs[0].loss), (0, None));

    // The lock of a killed process vanishes with it, its record stays.
    drop(run);
    let comparison = Comparison::read(&[folder.path().to_owned()]).unwrap();
    assert!(comparison.table(Terminal::PLAIN).contains("(killed)"));
    assert_eq!(comparison.json()["runs"][0]["status"], json!("killed"));
}

#[test]
fn what_is_not_a_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [(folder.path().join("nowhere"), "no such run"), (folder.path().to_owned(), "no run.json")];
    for (path, what) in cases {
        let error = Summary::read(&path).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn evaluations_have_columns_and_runs_of_a_sweep_a_common_name() {
    let folder = tempfile::tempdir().unwrap();
    let runs =
        [0, 1].map(|seed| run(folder.path(), &format!("w-mse-seed-{seed}-w_iter-4"), seed, 0.3, &[0.5]));
    for (run, top1) in runs.iter().zip([0.4, 0.6]) {
        let folder = RunFolder::open(run).unwrap();
        let mut record = folder.record().unwrap();
        record.results.insert("knn_top1".into(), json!(top1));
        folder.write_record(&record).unwrap();
    }
    let comparison = Comparison::read(&runs).unwrap();
    let table = comparison.table(Terminal::PLAIN);
    assert!(table.lines().next().unwrap().ends_with("kNN after            kNN          mIoU"), "{table}");
    for cell in ["w-mse-w_iter-4: mean of 2 seeds", "50.0 ± 14.1 %  20.5 ± 0.7 %"] {
        assert!(table.contains(cell), "{cell} in\n{table}");
    }
    let json = comparison.json();
    assert_eq!((&json["runs"][1]["knn"], &json["runs"][1]["miou"]), (&json!(0.6), &json!(0.21)));
    assert!(json["groups"][0]["knn"]["deviation"].is_number());
}

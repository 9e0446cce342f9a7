//! `selfsame pretrain`: what a training leaves behind, and what it never touches.

use std::fs;

use safetensors::SafeTensors;
use serde_json::json;

use crate::workshop::Workshop;

#[test]
fn a_training_leaves_a_complete_run() {
    let here = Workshop::new();
    let more = ["--set", "run.checkpoint_every=1", "--json"];
    let result = here.pretrain("runs/a", &more).succeeds().result();
    assert_eq!((&result["run"], &result["status"]), (&"runs/a".into(), &"finished".into()));
    assert_eq!(
        (&result["epochs"], &result["steps"], &result["bad_files"]),
        (&2.into(), &6.into(), &0.into())
    );
    for name in ["knn_before", "knn_after"] {
        assert!((0.0..=1.0).contains(&result[name].as_f64().unwrap()), "{name} in {result}");
    }

    let names = here.names("runs/a");
    let (events, files): (Vec<_>, Vec<_>) =
        names.iter().map(String::as_str).partition(|name| name.starts_with("events.out.tfevents."));
    let expected = [
        ".lock",
        ".record.lock",
        "bad_files.tsv",
        "checkpoints",
        "config.toml",
        "metrics.jsonl",
        "run.json",
        "train.log",
    ];
    assert_eq!(files, expected);
    assert!(events.len() == 1 && fs::metadata(here.path("runs/a").join(events[0])).unwrap().len() > 500);
    assert_eq!(here.names("runs/a/checkpoints"), ["best", "epoch-0001", "epoch-0002", "last"]);
    assert_eq!(here.text("runs/a/bad_files.tsv"), "file\treason\n");
    for words in [
        "begun: ",
        "pretrain simclr",
        "epoch 1/2: mean loss",
        "epoch 2/2",
        "finished after step 6",
        "first step after",
    ] {
        assert!(here.text("runs/a/train.log").contains(words), "{words}");
    }
}

#[test]
fn the_record_and_the_settings_tell_how_the_run_came_about() {
    let here = Workshop::trained();
    let record = here.json("run/run.json");
    assert_eq!(
        (&record["status"], &record["method"], &record["seed"]),
        (&"finished".into(), &"simclr".into(), &0.into())
    );
    let photos = fs::canonicalize(here.path("photos")).unwrap();
    assert_eq!((&record["data"]["path"], &record["data"]["instances"]), (&json!(photos), &24.into()));
    assert_eq!(record["command"][1], "pretrain");
    assert_eq!((&record["results"]["epochs"], &record["results"]["steps"]), (&2.into(), &6.into()));
    assert!(
        record["results"]["knn_after"].is_number() && record["results"]["first_step_seconds"].is_number()
    );
    assert_eq!(record["results"]["peak_memory_mb"].is_number(), cfg!(target_os = "linux"));
    assert!(record["started"].as_str().unwrap() <= record["ended"].as_str().unwrap());
    assert!(record["versions"]["selfsame"].is_string() && record["host"]["cpu"].is_string());

    let config: toml::Table = here.text("run/config.toml").parse().unwrap();
    let sections: Vec<&String> = config.keys().collect();
    assert_eq!(sections, ["data", "view", "backbone", "method", "optimizer", "schedule", "run"]);
    let setting = |section: &str, key: &str| config[section][key].to_string();
    assert_eq!(
        (setting("backbone", "width").as_str(), setting("view", "image_size").as_str()),
        ("0.0625", "8")
    );
    // What was left to the program is settled.
    assert_eq!(setting("backbone", "stem"), "\"cifar\"");
}

#[test]
fn every_record_has_the_documented_fields() {
    let here = Workshop::trained();
    let text = here.text("run/metrics.jsonl");
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = records.iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["step", "step", "step", "epoch", "step", "step", "step", "epoch"]);
    for record in &records {
        let fields: &[&str] = match record["kind"].as_str() {
            Some("step") => &[
                "loss",
                "lr",
                "images_per_second",
                "data_wait",
                "alignment",
                "uniformity",
                "deviation",
                "effective_rank",
            ],
            _ => &["loss", "knn_top1"],
        };
        for field in fields {
            assert!(record[field].is_number(), "{field} in {record}");
        }
        let knows_memory = cfg!(target_os = "linux") && record["kind"] == "step";
        assert_eq!(record["memory_mb"].is_number(), knows_memory, "{record}");
        assert!(record["epoch"].as_u64() >= Some(1) && record["step"].as_u64() >= Some(1));
    }
    assert_eq!((&records[7]["epoch"], &records[7]["step"]), (&2.into(), &6.into()));
}

#[test]
fn checkpoints_hold_everything_under_the_published_names() {
    let here = Workshop::trained();
    let bytes = here.state("run", "last");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for name in ["model.backbone.conv1.weight", "model.backbone.layer4.1.bn2.running_var"] {
        assert!(tensors.tensor(name).is_ok(), "{name} in {:?}", tensors.names());
    }
    assert!(tensors.names().iter().any(|name| name.starts_with("optimizer.")));
    // 64 channels at width 1.
    assert_eq!(tensors.tensor("model.backbone.conv1.weight").unwrap().shape(), [4, 3, 3, 3]);
    let meta: toml::Table = here.text("run/checkpoints/last/checkpoint.toml").parse().unwrap();
    assert_eq!((meta["method"].as_str(), meta["progress"]["step"].as_integer()), (Some("simclr"), Some(6)));
}

#[test]
fn the_seed_decides_everything_and_the_workers_nothing() {
    let here = Workshop::new();
    here.pretrain("a", &[]).succeeds();
    here.pretrain("b", &["--set", "data.workers=1"]).succeeds();
    here.pretrain("c", &["--seed", "1"]).succeeds();
    here.assert_same("a", "b");
    assert!(here.state("a", "last") != here.state("c", "last"));
}

#[test]
fn a_run_is_repeated_from_its_settings() {
    let here = Workshop::new();
    here.pretrain("a", &["--quiet", "--set", "method.temperature=0.2"]).succeeds();
    let said =
        here.run(&["pretrain", "simclr", "--config", "a/config.toml", "--out", "b", "--quiet"]).succeeds();
    assert_eq!(said.stderr, "");
    here.assert_same("a", "b");
    assert_eq!(here.text("a/config.toml"), here.text("b/config.toml"));
}

#[test]
fn people_get_a_plan_progress_and_what_to_type_next() {
    let here = Workshop::new();
    let said = here.pretrain("run", &[]).succeeds();
    said.mentions(&[
        "SimCLR",
        "photos: 24 pictures, 3 classes",
        "resnet18 of width 0.0625",
        "epoch 1/2",
        "epoch 2/2 done",
    ]);
    for words in
        ["finished 2 epochs (6 steps)", "% before", "selfsame eval linear run", "selfsame export run"]
    {
        assert!(said.stdout.contains(words), "{words} in {said:#?}");
    }
    let quiet = here.pretrain("quiet", &["--quiet"]).succeeds();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn an_existing_run_is_replaced_only_when_asked() {
    let here = Workshop::new();
    here.pretrain("run", &[]).succeeds();
    fs::write(here.path("run/notes.txt"), "mine").unwrap();
    let before = (here.state("run", "last"), here.text("run/run.json"), here.text("run/metrics.jsonl"));
    here.pretrain("run", &["--quiet"])
        .fails(2, &["run already holds a run", "selfsame resume run", "--overwrite"]);
    assert_eq!(
        before,
        (here.state("run", "last"), here.text("run/run.json"), here.text("run/metrics.jsonl"))
    );

    // Nor when the new training cannot begin.
    let wrong = ["--overwrite", "--quiet", "--set", "method.temperature=-1"];
    here.pretrain("run", &wrong).fails(2, &["method.temperature is -1"]);
    assert_eq!(before.0, here.state("run", "last"));

    here.pretrain("run", &["--overwrite", "--seed", "1"]).succeeds();
    assert!(before.0 != here.state("run", "last"));
    assert_eq!((here.metrics("run").len(), here.text("run/notes.txt").as_str()), (8, "mine"));
    assert_eq!(here.json("run/run.json")["seed"], 1);
}

#[test]
fn folders_of_other_things_are_never_touched() {
    let here = Workshop::new();
    fs::write(here.path("file"), "mine").unwrap();
    for more in [&["--quiet"][..], &["--quiet", "--overwrite"]] {
        here.pretrain("photos", more).fails(2, &["photos is not empty and holds no run", "--out"]);
        here.pretrain("file", more).fails(2, &["file is a file, not a folder", "--out"]);
        here.pretrain("file/run", more).fails(1, &["cannot create file/run", "choose another path"]);
    }
    assert_eq!((here.names("photos").len(), here.text("file").as_str()), (3, "mine"));
}

#[test]
fn a_dry_run_shows_the_settings_and_writes_nothing() {
    let here = Workshop::new();
    let said = here.pretrain("run", &["--dry-run"]).succeeds();
    said.mentions(&["SimCLR", "2 of 3 steps, batch 8"]);
    let settings: toml::Table = said.stdout.parse().unwrap();
    assert_eq!(settings["run"]["batch_size"].as_integer(), Some(8));
    let json = here.pretrain("run", &["--dry-run", "--json"]).succeeds().result();
    assert_eq!(json["run"]["batch_size"], 8);
    assert!(!here.path("run").exists());
}

#[test]
fn a_training_may_start_from_weights() {
    let here = Workshop::trained();
    let out = tempfile::tempdir().unwrap();
    let weights = out.path().join("weights.safetensors");
    here.run(&["export", "run", "--to", "torchvision", "-o", weights.to_str().unwrap()]).succeeds();
    let run = out.path().join("run");
    let more = ["--init-from", weights.to_str().unwrap(), "--json"];
    let result = here.pretrain(run.to_str().unwrap(), &more).succeeds().result();
    // It is worth before the first step what the other run ended with.
    assert_eq!(result["knn_before"], here.json("run/run.json")["results"]["knn_after"]);
}

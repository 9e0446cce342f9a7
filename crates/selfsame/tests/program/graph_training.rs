//! `selfsame pretrain|resume|sweep` on interactions.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use serde_json::json;

use crate::workshop::{Running, Said, Workshop};

/// The smallest training that does everything: 8 steps an epoch, 2 epochs.
const TINY: [&str; 14] = [
    "--data",
    "made-up.tsv",
    "--epochs",
    "2",
    "--batch-size",
    "40",
    "--set",
    "backbone.dimension=8",
    "--set",
    "run.log_every=1",
    "--set",
    "data.validation_share=0.1",
    "--set",
    "run.checkpoint_every=1",
];

/// A folder with 40 users of two tastes, and the items of each taste: `user<TAB>item<TAB>time` a line.
fn place() -> Workshop {
    let here = Workshop::empty();
    let mut lines = String::new();
    for user in 0..40 {
        for number in 0..10 {
            // Spread so that no two users of a taste have the same items.
            let item = (user * 7 + number * number + number) % 30 + 30 * (user % 2);
            writeln!(lines, "u{user}\ti{item}\t{}", 100 * number + user).unwrap();
        }
    }
    fs::write(here.path("made-up.tsv"), lines).unwrap();
    here
}

fn training(here: &Workshop, method: &str, run: &str, more: &[&str]) -> Command {
    let mut command = here.command();
    command.args(["pretrain", method, "--out", run]).args(TINY).args(more);
    command
}

fn pretrain(here: &Workshop, method: &str, run: &str, more: &[&str]) -> Said {
    Said::of(training(here, method, run, more).output().unwrap())
}

#[test]
fn every_method_leaves_a_complete_run() {
    let here = place();
    for (method, terms, sections) in [
        ("mf", &["bpr", "l2"][..], &["data", "backbone", "method", "optimizer", "schedule", "run"][..]),
        ("lightgcn", &["bpr", "l2"], &["data", "backbone", "method", "optimizer", "schedule", "run"]),
        (
            "sgl",
            &["bpr", "l2", "ssl"],
            &["data", "backbone", "method", "optimizer", "schedule", "run", "view"],
        ),
    ] {
        let said = pretrain(&here, method, method, &["--json"]).succeeds();
        said.mentions(&["40 users, ", " items, ", " interactions to learn from", "pairs/s", "Recall@20"]);
        let result = said.result();
        assert_eq!((&result["status"], &result["epochs"]), (&"finished".into(), &2.into()));
        for name in ["recall@20_before", "recall@20_after"] {
            assert!((0.0..=1.0).contains(&result[name].as_f64().unwrap()), "{name} in {result}");
        }
        let record = here.json(&format!("{method}/run.json"));
        assert_eq!((&record["method"], &record["status"]), (&method.into(), &"finished".into()));
        assert!(record["results"]["recall@20_after"].is_number());
        let names = here.names(method);
        for name in ["users.txt", "items.txt", "config.toml", "metrics.jsonl", "train.log"] {
            assert!(names.iter().any(|there| there == name), "{name} in {names:?}");
        }
        assert_eq!(here.text(&format!("{method}/users.txt")).lines().count(), 40);
        assert_eq!(
            here.names(&format!("{method}/checkpoints")),
            ["best", "epoch-0001", "epoch-0002", "last"]
        );
        let config: toml::Table = here.text(&format!("{method}/config.toml")).parse().unwrap();
        assert_eq!(config.keys().collect::<Vec<_>>(), sections);
        for step in here.metrics(method).iter().filter(|record| record["kind"] == "step") {
            for field in terms.iter().chain(&["loss", "lr", "alignment", "uniformity", "effective_rank"]) {
                assert!(step[*field].is_number(), "{field} in {step}");
            }
        }
    }
    let table = here.run(&["list", "methods"]).succeeds().stdout;
    for words in ["sgl", "lightgcn", "interactions", "simclr", "images"] {
        assert!(table.contains(words), "{words} in {table}");
    }
}

#[test]
fn a_training_killed_or_stopped_anywhere_ends_with_the_same_bits() {
    let here = place();
    let more = [
        "--quiet",
        "--set",
        "schedule.epochs=4",
        "--set",
        "run.checkpoint_steps=1",
        "--set",
        "run.patience=9",
    ];
    for (method, more) in
        [("lightgcn", &more[..]), ("sgl", &[&more[..], &["--augmentation", "walk"]].concat())]
    {
        let whole = format!("{method}-whole");
        pretrain(&here, method, &whole, more).succeeds();
        for (records, signal) in [(1, "KILL"), (9, "TERM"), (14, "INT")] {
            let run = format!("{method}-{signal}");
            let mut running = Running::start(training(&here, method, &run, more));
            running.until_records(&here.path(&run).join("metrics.jsonl"), records);
            running.signal(signal);
            let said = running.end();
            assert!([None, Some(0), Some(75), Some(130)].contains(&said.code), "{said:#?}");
            here.run(&["resume", &run, "--quiet"]).succeeds();
            here.assert_same(&whole, &run);
        }
    }
}

#[test]
fn data_that_moved_is_found_and_data_that_changed_is_not_learned_from() {
    let here = place();
    let mut running =
        Running::start(training(&here, "mf", "run", &["--set", "schedule.epochs=2000", "--quiet"]));
    running.until_records(&here.path("run/metrics.jsonl"), 2);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(75));
    fs::rename(here.path("made-up.tsv"), here.path("moved.tsv")).unwrap();
    here.run(&["resume", "run"]).fails(3, &["made-up.tsv: the data of this run is not there", "--data"]);
    let text = here.text("moved.tsv");
    fs::write(here.path("moved.tsv"), format!("{text}u1\ti99\t5\n")).unwrap();
    here.run(&["resume", "run", "--data", "moved.tsv"]).fails(3, &["the data has changed"]);
    here.run(&["resume", "run", "--data", "moved.tsv", "--workers", "2"])
        .fails(2, &["--workers means nothing to mf, which learns from interactions"]);
}

#[test]
fn given_files_are_the_split_and_noise_comes_on_top() {
    let here = place();
    fs::create_dir(here.path("split")).unwrap();
    let lists = |users: std::ops::Range<usize>, from: usize| -> String {
        let items = |user: usize| {
            [0, 1, 2, 3].map(|at| from + (user + at) % 7).into_iter().chain([from + 8, from + 9])
        };
        let line =
            |user: usize| items(user).fold(user.to_string(), |line, item| format!("{line} {item}")) + "\n";
        users.map(line).collect()
    };
    fs::write(here.path("split/train.txt"), lists(0..30, 0) + &lists(0..30, 10)).unwrap();
    fs::write(here.path("split/test.txt"), lists(0..30, 20)).unwrap();
    let more =
        ["--data", "split", "--noise", "0.1", "--set", "data.validation_share=0", "--json", "--dry-run"];
    let said = Said::of({
        let mut command = here.command();
        command.args(["pretrain", "sgl", "--out", "run"]).args(more).output().unwrap()
    })
    .succeeds();
    said.mentions(&[
        "396 interactions to learn from, of which 9.1 % are false, 0 for validation, 180 for the test",
    ]);
    said.mentions(&["nothing is measured while training", "data.noise = 0.1 (--noise)"]);
    assert_eq!(said.result()["data"]["noise"], json!(0.1));
    assert!(!here.path("run").exists());
}

#[test]
fn a_sweep_over_methods_is_compared_by_recall() {
    let here = place();
    let mut command = here.command();
    let more = ["--seeds", "0..2", "--quiet", "--json"];
    command.args(["sweep", "lightgcn,sgl", "--out", "all"]).args(TINY).args(more);
    let result = Said::of(command.output().unwrap()).succeeds().result();
    assert_eq!(here.names("all"), ["lightgcn-seed-0", "lightgcn-seed-1", "sgl-seed-0", "sgl-seed-1"]);
    assert_eq!((&result["status"], result["groups"].as_array().unwrap().len()), (&"finished".into(), 2));
    for name in ["recall@20_before", "recall@20_after"] {
        assert!(result["groups"][0][name]["mean"].is_number(), "{name} in {result}");
    }
    pretrain(&here, "sgl", "single", &["--seed", "1", "--quiet"]).succeeds();
    here.assert_same("single", "all/sgl-seed-1");
    let table = here.run(&["compare", "all/sgl-seed-0"]).succeeds().stdout;
    assert!(table.contains("Recall@20 after") && !table.contains("kNN"), "{table}");
}

#[test]
fn runs_are_drawn_over_a_setting_and_over_groups_of_items() {
    let here = place();
    for (method, noise, seed) in [
        ("mf", "0", "0"),
        ("mf", "0", "1"),
        ("mf", "0.2", "0"),
        ("lightgcn", "0", "0"),
        ("lightgcn", "0.2", "0"),
    ] {
        let run = format!("runs/{method}-{noise}-{seed}");
        pretrain(&here, method, &run, &["--noise", noise, "--seed", seed, "--quiet"]).succeeds();
        here.run(&["eval", "ranking", &run, "--k", "5,20", "--groups", "4"]).succeeds();
    }
    let words = [
        "compare",
        "runs",
        "--against",
        "data.noise",
        "--chart",
        "noise.png",
        "--long-tail",
        "tail.png",
        "--json",
    ];
    let said = here.run(&words).succeeds().result();
    for name in ["noise.png", "tail.png"] {
        assert_eq!(&fs::read(here.path(name)).unwrap()[1..4], b"PNG");
    }

    let [lightgcn, mf] = [0, 1].map(|at| &said["chart"]["of"][at]);
    assert_eq!((&lightgcn["name"], &lightgcn["runs"]), (&json!("lightgcn"), &json!(2)));
    assert_eq!((&mf["name"], &mf["runs"]), (&json!("mf"), &json!(3)));
    let recalls: Vec<_> = said["runs"].as_array().unwrap().iter().map(|run| &run["recall@20"]).collect();
    let mean = (recalls[2].as_f64().unwrap() + recalls[3].as_f64().unwrap()) / 2.0;
    let places: Vec<_> = mf["points"].as_array().unwrap().iter().map(|point| &point["data.noise"]).collect();
    assert_eq!(places, [&json!(0), &json!(0.2)]);
    assert!((mf["points"][0]["mean"].as_f64().unwrap() - mean).abs() < 1e-12, "{mf} {recalls:?}");
    assert_eq!(&mf["points"][1]["mean"], recalls[4]);

    // The two seeds are one curve; what its groups contribute comes to the recall.
    let tails = said["long_tail"]["of"].as_array().unwrap();
    assert_eq!(tails.len(), 4);
    let of_groups = tails[0]["points"].as_array().unwrap();
    assert_eq!((&tails[0]["runs"], of_groups.len()), (&json!(2), 4));
    let sum: f64 = of_groups.iter().map(|point| point["mean"].as_f64().unwrap()).sum();
    assert!((sum - mean).abs() < 1e-9, "{sum} of {mean}");

    for (more, words) in [
        (&["--against", "data.nose"][..], &["data.nose is not among its settings"][..]),
        (&["--against", "noise"], &["not SECTION.NAME"]),
        (&["--against", "data.path"], &["not a number"]),
        (&["--against", "data.noise", "--measure", "knn"], &["`knn`", "recall@20"]),
    ] {
        let command = [&["compare", "runs", "--chart", "other.png"], more].concat();
        here.run(&command).fails(2, words);
    }
    here.run(&["compare", "runs", "--long-tail", "tail.png"]).fails(2, &["tail.png", "--overwrite"]);
    for again in ["one.png", "./one.png"] {
        here.run(&["compare", "runs", "--long-tail", "one.png", "--curves", again])
            .fails(2, &["one.png", "asked for as two pictures"]);
    }
    assert!(!here.path("one.png").exists());
}

#[test]
fn what_makes_no_sense_for_interactions_is_explained() {
    let here = place();
    fs::write(here.path("empty.txt"), "").unwrap();
    let images = "which learns from interactions";
    let cases: [(&str, &[&str], i32, &[&str]); 14] = [
        ("sgl", &["--image-size", "32"], 2, &["--image-size means nothing to sgl", images, "--dry-run"]),
        ("lightgcn", &["--recipe", "simclr"], 2, &["--recipe means nothing to lightgcn", images]),
        ("mf", &["--backbone", "resnet18"], 2, &["--backbone means nothing to mf", images]),
        ("mf", &["--augmentation", "edge"], 2, &["--augmentation means nothing to mf", images]),
        ("sgl", &["--augmentation", "egde"], 2, &["view.augmentation", "egde", "`edge`"]),
        ("sgl", &["--set", "view.ratio=1.0"], 2, &["a share of 1 of the graph", "below 1"]),
        ("sgl", &["--set", "backbone.layers=0"], 2, &["backbone.layers = 0", "at least 1 layer", "mf"]),
        ("lightgcm", &[], 2, &["no method `lightgcm`", "did you mean `lightgcn`?"]),
        ("mf", &["--set", "data.noise=a"], 2, &["data.noise"]),
        ("mf", &["--noise=-0.5"], 2, &["a noise of -0.5", "such as 0.05"]),
        ("mf", &["--data", "nowhere.tsv"], 3, &["nowhere.tsv"]),
        ("mf", &["--data", "empty.txt"], 3, &["empty.txt", "the file has no interactions"]),
        ("mf", &["--set", "run.patience=2", "--set", "data.validation_share=0"], 2, &["run.patience is 2"]),
        ("mf", &["--set", "run.patience=2", "--set", "run.measure_every=0"], 2, &["nothing is measured"]),
    ];
    for (method, more, code, message) in cases {
        let mut command = here.command();
        command.args(["pretrain", method, "--out", "run", "--quiet"]);
        if !more.contains(&"--data") {
            command.args(["--data", "made-up.tsv"]);
        }
        command.args(["--set", "data.validation_share=0.1"]).args(more);
        let said = Said::of(command.output().unwrap());
        assert_eq!(said.code, Some(code), "{method} {more:?}: {said:#?}");
        said.mentions(message);
    }
    assert!(!here.path("run").exists());
    here.run(&["pretrain", "simclr", "--data", "x", "--out", "run", "--noise", "0.1"])
        .fails(2, &["--noise means nothing to simclr, which learns from images"]);
}

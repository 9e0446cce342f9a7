//! `selfsame eval knn|linear|finetune`

use std::fs;

use serde_json::Value;

use crate::pictures;
use crate::workshop::Workshop;

fn share(result: &Value, name: &str) -> f64 {
    let value = result[name].as_f64().unwrap_or_else(|| panic!("no {name} in {result}"));
    assert!((0.0..=1.0).contains(&value), "{name} in {result}");
    value
}

#[test]
fn every_protocol_prints_one_object_and_leaves_it_in_the_run() {
    let here = Workshop::trained();
    for (protocol, more) in [
        ("knn", &["-k", "3", "--temperature", "0.1"][..]),
        ("linear", &[]),
        ("finetune", &["--epochs", "2", "--batch-size", "8", "--fraction", "0.5", "--optimizer", "adam"]),
    ] {
        let words = [&["eval", protocol, "run", "--data", "photos", "--json", "--quiet"], more].concat();
        let said = here.run(&words).succeeds();
        assert_eq!(said.stderr, "");
        let result = said.result();
        assert_eq!((&result["protocol"], &result["run"]), (&protocol.into(), &"run".into()));
        assert_eq!((&result["checkpoint"], &result["classes"]), (&"last".into(), &3.into()));
        // Of eight pictures a class every fifth is asked about; of the others half, rounded up, has labels.
        assert_eq!(result["test_images"], 3);
        assert_eq!(result["train_images"], if protocol == "finetune" { 12 } else { 21 });
        assert!(share(&result, "top1") <= share(&result, "top5"));
        if protocol == "finetune" {
            assert_eq!((&result["optimizer"], &result["lr"]), (&"adam".into(), &0.001.into()));
        }
        // The same question has the same answer.
        assert_eq!(result, here.run(&words).result());
        let record = here.json("run/run.json");
        assert_eq!(record["results"][format!("{protocol}_top1")], result["top1"]);
        assert_eq!(record["status"], "finished");
    }
}

#[test]
fn what_an_earlier_network_was_worth_is_not_told_of_the_run() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet"]).succeeds();
    for protocol in ["knn", "linear"] {
        here.run(&["eval", protocol, "run", "--data", "photos", "--quiet"]).succeeds();
    }
    let steps = here.json("run/run.json")["results"]["steps"].clone();
    assert_eq!(here.json("run/run.json")["results"]["knn"]["steps"], steps);
    // As if kNN had been measured halfway.
    let record = here.text("run/run.json");
    let mut changed: Value = serde_json::from_str(&record).unwrap();
    changed["results"]["knn"]["steps"] = 1.into();
    fs::write(here.path("run/run.json"), changed.to_string()).unwrap();
    let run = &here.run(&["compare", "run", "--json"]).succeeds().result()["runs"][0];
    assert!(run["knn"].is_null() && run["linear"].is_number(), "{run}");
    assert_eq!(run["outdated"], serde_json::json!([{ "protocol": "knn", "steps": 1 }]));
    let table = here.run(&["compare", "run"]).succeeds().stdout;
    assert!(
        table.contains("knn was measured after 1 steps") && table.contains("measure it again"),
        "{table}"
    );
}

#[test]
fn evaluations_side_by_side_lose_nothing() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet"]).succeeds();
    let start = |protocol: &str| {
        let mut command = here.command();
        command.args(["eval", protocol, "run", "--data", "photos", "--quiet"]);
        crate::workshop::Running::start(command)
    };
    let running: Vec<_> = ["knn", "linear", "retrieval"].map(start).into_iter().collect();
    running.into_iter().for_each(|running| assert_eq!(running.end().code, Some(0)));
    let results = &here.json("run/run.json")["results"];
    for protocol in ["knn", "linear", "retrieval"] {
        assert!(results[protocol].is_object(), "{protocol} in {results}");
    }
}

#[test]
fn people_get_percentages() {
    let here = Workshop::trained();
    let said = here.run(&["eval", "knn", "run", "--data", "photos"]).succeeds();
    for words in ["knn  top-1 ", " %  top-5 100.0 %", "train_images: 21"] {
        assert!(said.stdout.contains(words), "{words} in {said:#?}");
    }
}

#[test]
fn the_split_may_be_given() {
    let here = Workshop::trained();
    let labelled = tempfile::tempdir().unwrap();
    pictures::classes(&labelled.path().join("train"), 4);
    pictures::classes(&labelled.path().join("test"), 2);
    let path = |name: &str| labelled.path().join(name).display().to_string();
    let inside = here.run(&["eval", "knn", "run", "--data", &path(""), "--json"]).succeeds().result();
    let words = ["eval", "knn", "run", "--train", &path("train"), "--test", &path("test"), "--json"];
    let given = here.run(&words).succeeds().result();
    assert_eq!((&inside["train_images"], &inside["test_images"]), (&12.into(), &6.into()));
    assert_eq!(inside["top1"], given["top1"]);
}

#[test]
fn other_weights_and_layers_may_be_measured() {
    let here = Workshop::trained();
    let results_before = here.json("run/run.json")["results"]["untrained"].clone();
    let base = ["eval", "knn", "run", "--data", "photos", "--json", "--quiet"];
    let with = |more: &[&str]| here.run(&[&base[..], more].concat()).succeeds().result();
    let random = with(&["--random"]);
    assert_eq!(random["checkpoint"], "untrained");
    // What the training measured before its first step.
    assert_eq!(random["top1"], here.json("run/run.json")["results"]["knn_before"]);
    assert_eq!(results_before, here.json("run/run.json")["results"]["untrained"]);
    assert_eq!(with(&["--checkpoint", "best"])["checkpoint"], "best");
    assert_eq!(with(&["--layer", "projector"])["layer"], "projector");
    assert_eq!(with(&["--workers", "1"])["top1"], with(&["--workers", "3"])["top1"]);
}

#[test]
fn labels_that_do_not_fit_are_errors() {
    let here = Workshop::trained();
    let labelled = tempfile::tempdir().unwrap();
    let path = |name: &str| labelled.path().join(name).display().to_string();
    pictures::classes(&labelled.path().join("three"), 2);
    pictures::classes(&labelled.path().join("two"), 2);
    fs::remove_dir_all(labelled.path().join("two/stripes")).unwrap();
    pictures::classes(&labelled.path().join("one"), 6);
    fs::remove_dir_all(labelled.path().join("one/stripes")).unwrap();
    fs::remove_dir_all(labelled.path().join("one/discs")).unwrap();

    let eval = |more: &[&str]| here.run(&[&["eval", "knn", "run", "--quiet"], more].concat());
    eval(&["--train", &path("three"), "--test", &path("two")])
        .fails(3, &["two: classes of", "have no pictures here: `stripes`", "both sides"]);
    eval(&["--train", &path("two"), "--test", &path("three")]).fails(3, &["two: classes of", "`stripes`"]);
    eval(&["--data", &path("three")]).fails(3, &["no class has 5 pictures", "--train DIR --test DIR"]);
    eval(&["--data", &path("one")]).fails(3, &["only one class with pictures, `squares`"]);
    eval(&["--data", &path("one/squares")]).fails(3, &["the pictures have no labels", "one folder a class"]);
    eval(&["--data", &path("nowhere")]).fails(3, &["nowhere", "check the path"]);
    eval(&[]).fails(2, &["no labelled data", "--data DIR"]);
    let said = eval(&["--train", &path("three")]);
    assert_eq!(said.code, Some(2));
    said.mentions(&["--test <DIR>"]);
}

#[test]
fn settings_that_cannot_be_used_are_errors() {
    let here = Workshop::trained();
    for (protocol, more, message) in [
        ("knn", &["-k", "0"][..], &["k = 0"][..]),
        ("knn", &["--temperature=-1"], &["kNN temperature is -1"]),
        ("finetune", &["--fraction", "0"], &["fraction of labels is 0"]),
        ("finetune", &["--fraction", "1.5"], &["fraction of labels is 1.5"]),
        ("finetune", &["--epochs", "0"], &["0 epochs"]),
        ("finetune", &["--batch-size", "1"], &["batches of 1", "at least 2"]),
        ("finetune", &["--lr=-1"], &["learning rate is -1"]),
    ] {
        let words = [&["eval", protocol, "run", "--data", "photos", "--quiet"], more].concat();
        here.run(&words).fails(2, message);
    }
    let words = ["eval", "finetune", "run", "--data", "photos", "--quiet", "--lr", "1e30", "--epochs", "3"];
    here.run(&words).fails(5, &["the loss of fine-tuning is", "--lr"]);
}

#[test]
fn knn_while_training_may_have_its_own_data() {
    let here = Workshop::new();
    pictures::classes(&here.path("labelled"), 5);
    let result = here.pretrain("run", &["--eval-data", "labelled", "--json", "--quiet"]).succeeds().result();
    assert!(result["knn_after"].is_number());
    here.pretrain("wrong", &["--eval-data", "nowhere", "--quiet"]).fails(3, &["nowhere"]);
    let result =
        here.pretrain("without", &["--set", "run.measure_every=0", "--json", "--quiet"]).succeeds().result();
    assert!(result["knn_after"].is_null() && result["knn_before"].is_null());
}

#[test]
fn a_result_is_told_even_where_it_cannot_be_kept() {
    let here = Workshop::new();
    here.pretrain("run", &["--quiet"]).succeeds();
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$PROGRAM\" eval knn run --data photos --json --quiet";
    let said = crate::workshop::Said::of(here.shell(script).output().unwrap()).succeeds();
    assert!(said.result()["top1"].is_number());
    said.mentions(&["warning: the result is not kept in run.json"]);
    assert_eq!(here.json("run/run.json")["status"], "finished");
}

//! `selfsame sweep`: many runs by one command, which may be stopped and given again.

use std::fs;

use crate::workshop::{Running, Workshop};

/// What both methods can be trained with on batches of eight.
const SMALL: [&str; 4] = ["--set", "method.projector_dimension=2", "--set", "run.checkpoint_steps=1"];

fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SMALL[..], more].concat()
}

#[test]
fn a_sweep_trains_what_single_commands_would_and_compares_it() {
    let here = Workshop::new();
    let more = words(&[
        "--seeds",
        "0..2",
        "--eval",
        "knn -k 3",
        "--eval",
        "linear",
        "--eval",
        "knn --dense=1",
        "--quiet",
    ]);
    let said = here.sweep("simclr,w-mse", "all", &[&more[..], &["--json"]].concat()).succeeds();
    assert_eq!(said.stderr, "");
    let result = said.result();
    assert_eq!((&result["status"], &result["failed"]), (&"finished".into(), &serde_json::json!([])));
    let names = ["simclr-seed-0", "simclr-seed-1", "w-mse-seed-0", "w-mse-seed-1"];
    assert_eq!(here.names("all"), names);
    for (at, name) in names.iter().enumerate() {
        let run = &result["runs"][at];
        assert_eq!((&run["run"], &run["status"]), (&format!("all/{name}").into(), &"finished".into()));
        assert!(["knn", "linear", "knn_dense"].iter().all(|name| run[*name].is_number()), "{run}");
        assert_eq!(here.json(&format!("all/{name}/run.json"))["results"]["knn"]["k"], 3);
    }
    assert_eq!(result["groups"].as_array().unwrap().len(), 2);
    for field in ["knn", "linear", "knn_after", "loss"] {
        assert!(result["groups"][1][field]["deviation"].is_number(), "{field} in {result}");
    }

    here.pretrain("single", &words(&["--seed", "1", "--quiet"])).succeeds();
    here.assert_same("single", "all/simclr-seed-1");

    // Given again, nothing is trained or measured anew.
    let records = || names.map(|name| here.text(&format!("all/{name}/run.json")));
    let before = records();
    let said = here.sweep("simclr,w-mse", "all", &more).succeeds();
    assert_eq!(records(), before);
    for cell in ["all/simclr: mean of 2 seeds", "all/w-mse: mean of 2 seeds", "kNN after", "linear"] {
        assert!(said.stdout.contains(cell), "{cell} in {}", said.stdout);
    }
    // One more seed is one more run, and another question is asked.
    let more = words(&["--seeds", "1..=2", "--eval", "knn", "--quiet"]);
    here.sweep("w-mse", "all", &more).succeeds();
    assert_eq!(here.names("all").len(), 5);
    assert_eq!(here.json("all/w-mse-seed-1/run.json")["results"]["knn"]["k"], 20);
    assert_eq!(here.text("all/w-mse-seed-0/run.json"), before[2]);
}

#[cfg(unix)]
#[test]
fn a_sweep_that_was_stopped_or_killed_ends_as_if_it_had_not_been() {
    let here = Workshop::new();
    let more = words(&["--seeds", "0..2", "--vary", "optimizer.lr=0.003,0.001", "--quiet", "--json"]);
    here.sweep("w-mse", "whole", &more).succeeds();
    let names = here.names("whole");
    assert_eq!(
        names,
        ["w-mse-seed-0-lr-0.001", "w-mse-seed-0-lr-0.003", "w-mse-seed-1-lr-0.001", "w-mse-seed-1-lr-0.003"]
    );
    // In the order in which they are trained.
    for (run, records, signal) in [(1, 2, Some("INT")), (3, 1, None), (0, 4, Some("TERM")), (2, 3, None)] {
        let mut running = Running::start(here.sweeping("w-mse", "parts", &more));
        running.until_records(&here.path("parts").join(&names[run]).join("metrics.jsonl"), records);
        match signal {
            None => running.kill(),
            Some(signal) => {
                running.signal(signal);
                let said = running.end();
                // It may have been over before the signal came.
                let code = if signal == "INT" { 130 } else { 75 };
                if said.code != Some(0) {
                    assert_eq!(said.code, Some(code), "{said:#?}");
                    assert_eq!(said.result()["status"], "stopped");
                    said.mentions(&["the same command goes on"]);
                }
            }
        }
    }
    let result = here.sweep("w-mse", "parts", &more).succeeds().result();
    assert_eq!((&result["status"], result["groups"].as_array().unwrap().len()), (&"finished".into(), 2));
    for name in names {
        here.assert_same(&format!("whole/{name}"), &format!("parts/{name}"));
    }
}

#[test]
fn a_run_that_fails_is_told_and_the_others_are_trained() {
    let here = Workshop::new();
    let more = words(&["--seeds", "3", "--vary", "optimizer.lr=1e30,0.01", "--quiet"]);
    for _ in 0..2 {
        let said = here.sweep("simclr", "all", &more);
        assert_eq!(said.code, Some(5), "{said:#?}");
        said.mentions(&["error: all/simclr-seed-3-lr-1e30: ", "help: ", "1 of 2 runs failed"]);
        assert!(said.stdout.contains("all/simclr-seed-3-lr-1e30 (failed)"), "{said:#?}");
        assert_eq!(here.json("all/simclr-seed-3-lr-0.01/run.json")["status"], "finished");
    }
    let result = here.sweep("simclr", "all", &[&more[..], &["--json"]].concat()).result();
    assert_eq!(
        (&result["status"], &result["failed"][0]["run"]),
        (&"failed".into(), &"all/simclr-seed-3-lr-1e30".into())
    );
}

#[test]
fn what_cannot_work_is_told_before_anything_is_trained() {
    let here = Workshop::new();
    let cases: [(&str, &[&str], &[&str]); 15] = [
        ("simclr,simclt", &[], &["no method `simclt`", "did you mean `simclr`?"]),
        ("simclr,simclr", &[], &["two runs of this sweep would have the folder all/simclr-seed-0"]),
        ("simclr", &["--seeds", "3..3"], &["--seeds 3..3: these are no seeds", "0..3 for 0, 1 and 2"]),
        ("simclr", &["--vary", "optimizer.lr"], &["--vary optimizer.lr", "KEY=VALUE,VALUE"]),
        ("simclr", &["--vary", "optimizer.lrr=1,2"], &["did you mean `optimizer.lr`?", "--vary"]),
        (
            "simclr,w-mse",
            &["--vary", "method.temperature=0.1,0.2"],
            &["unknown setting `method.temperature`"],
        ),
        ("simclr", &["--eval", "knm"], &["--eval knm", "selfsame eval"]),
        ("simclr", &["--eval", "knn --neighbours 3"], &["--neighbours", "selfsame eval"]),
        ("simclr", &["--eval", "knn", "--eval", "knn -k 3"], &["--eval knn -k 3: this is measured twice"]),
        ("simclr", &["--eval", "ranking"], &["--eval ranking", "learn from images"]),
        ("simclr", &["--eval", "episodes --video a.gif"], &["same --video"]),
        ("simclr", &["--eval", "knn --random"], &["untrained network are not kept"]),
        (
            "simclr,w-mse",
            &["--set", "method.projector_dimension=5"],
            &["all/w-mse-seed-0: a batch of 8", "run.batch_size = 10"],
        ),
        ("simclr", &["--vary", "run.batch_size=8,99"], &["a batch of 99 is larger"]),
        ("simclr", &["--eval", ""], &["selfsame eval"]),
    ];
    for (methods, more, message) in cases {
        let more = [&["--quiet", "--set", "method.projector_dimension=2"], more].concat();
        here.sweep(methods, "all", &more).fails(2, message);
    }
    for eval in ["linear --data nowhere", "knn --train photos --test=nowhere"] {
        here.sweep("simclr", "all", &["--quiet", "--eval", eval])
            .fails(3, &["nowhere: there is nothing to measure"]);
    }
    let said = here.sweep("simclr", "all", &["--seeds", "1..3", "--seed", "4"]);
    assert_eq!(said.code, Some(2));
    said.mentions(&["--seeds", "--seed"]);
    assert!(!here.path("all").exists());

    let planned = here.sweep("simclr", "all", &["--dry-run", "--seed", "4", "--json"]).succeeds().result();
    assert_eq!(planned["runs"], serde_json::json!([{"run": "all/simclr-seed-4", "state": "begins"}]));
    assert!(!here.path("all").exists());

    // A run of other settings is left as it is.
    here.sweep("simclr", "all", &["--seed", "4", "--quiet"]).succeeds();
    let before = here.text("all/simclr-seed-4/run.json");
    here.sweep("simclr", "all", &["--seed", "4", "--quiet", "--set", "schedule.epochs=3"]).fails(
        2,
        &["all/simclr-seed-4 holds a run with other settings: schedule.epochs = 2 there, 3 here", "--out"],
    );
    assert_eq!(here.text("all/simclr-seed-4/run.json"), before);
    let again = ["--seed", "4", "--quiet", "--workers", "1", "--dry-run"];
    let said = here.sweep("simclr", "all", &again);
    assert_eq!(said.code, Some(2), "two numbers of workers are given: {said:#?}");
    // Another number of workers, or the same data by another name, are no other settings.
    let data = here.path("photos");
    let again = ["--seed", "4", "--quiet", "--set", "data.workers=1", "--dry-run"];
    let said = here.sweep("simclr", "all", &again).succeeds();
    assert!(said.stdout.contains("is finished"), "{said:#?}");
    let set = format!("data.path={}", data.display());
    let said =
        here.sweep("simclr", "all", &["--seed", "4", "--quiet", "--set", &set, "--dry-run"]).succeeds();
    assert!(said.stdout.contains("is finished"), "{said:#?}");

    // What a killed process left before it had written its settings is begun anew.
    fs::remove_file(here.path("all/simclr-seed-4/config.toml")).unwrap();
    fs::remove_dir_all(here.path("all/simclr-seed-4/checkpoints")).unwrap();
    here.sweep("simclr", "all", &["--seed", "4", "--quiet"]).succeeds();
    assert_eq!(here.json("all/simclr-seed-4/run.json")["status"], "finished");
}

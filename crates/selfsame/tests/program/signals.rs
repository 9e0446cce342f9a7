//! SIGTERM and Ctrl-C.

#![cfg(unix)]

use crate::workshop::{Running, Workshop};

const LONG: [&str; 3] = ["--json", "--set", "schedule.epochs=4"];

#[test]
fn a_stopped_training_has_saved_itself_and_ends_as_if_it_had_not_been() {
    let here = Workshop::new();
    here.pretrain("whole", &LONG).succeeds();
    for (signal, code, name) in [("TERM", 75, "SIGTERM"), ("INT", 130, "Ctrl-C")] {
        let mut running = Running::start(here.pretraining(name, &LONG));
        running.until_records(&here.path(name).join("metrics.jsonl"), 2);
        running.signal(signal);
        let said = running.end();
        assert_eq!(said.code, Some(code), "{said:#?}");
        let result = said.result();
        assert_eq!(result["status"], "stopped");
        let steps = result["steps"].as_u64().unwrap();
        assert!((2..12).contains(&steps), "{result}");

        let record = here.json(&format!("{name}/run.json"));
        assert_eq!((&record["status"], &record["reason"]), (&"stopped".into(), &name.into()));
        let meta: toml::Table =
            here.text(&format!("{name}/checkpoints/last/checkpoint.toml")).parse().unwrap();
        assert_eq!(meta["progress"]["step"].as_integer(), Some(steps as i64));
        assert!(
            here.text(&format!("{name}/train.log")).contains(&format!("stopped after step {steps}: {name}"))
        );

        let result = here.run(&["resume", name, "--json"]).succeeds().result();
        assert_eq!((&result["status"], &result["steps"]), (&"finished".into(), &12.into()));
        here.assert_same("whole", name);
    }
}

#[test]
fn a_stopped_training_says_how_to_go_on() {
    let here = Workshop::new();
    let mut running = Running::start(here.pretraining("run", &["--set", "schedule.epochs=50"]));
    running.until_records(&here.path("run/metrics.jsonl"), 1);
    running.signal("INT");
    let said = running.end();
    assert_eq!(said.code, Some(130), "{said:#?}");
    assert!(
        said.stdout.contains("stopped by Ctrl-C") && said.stdout.contains("selfsame resume run"),
        "{said:#?}"
    );
}

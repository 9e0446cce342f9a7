//! `selfsame resume`: a training that was killed anywhere ends as one that never was.

use std::fs;
use std::time::Duration;

use crate::workshop::{Running, Said, Workshop};

const LONG: [&str; 5] = ["--quiet", "--set", "schedule.epochs=4", "--set", "run.checkpoint_steps=2"];

/// Deterministic, spread over 0..most.
fn delay(number: u32, most: u32) -> Duration {
    Duration::from_millis(u64::from(number.wrapping_mul(2_654_435_761) >> 8) % u64::from(most))
}

#[test]
fn a_training_killed_again_and_again_ends_with_the_same_bits() {
    let here = Workshop::new();
    here.pretrain("whole", &LONG).succeeds();
    // Killed between its record and its settings, a run can only be begun again.
    let anew = [&LONG[..], &["--overwrite"]].concat();
    for attempt in 0..4 {
        let run = format!("killed{attempt}");
        let mut kills = 0;
        for number in 0..5 {
            let is_run = here.path(&run).join("config.toml").exists();
            let workers = ["1", "2", "3"][number as usize % 3];
            let mut running = Running::start(match is_run {
                true => {
                    let mut command = here.command();
                    command.args(["resume", &run, "--workers", workers]);
                    command
                }
                false => here.pretraining(&run, &anew),
            });
            std::thread::sleep(delay(5 * attempt + number, 400));
            if running.has_ended() {
                break;
            }
            running.kill();
            kills += 1;
        }
        assert!(kills > 0);
        if here.path(&run).join("config.toml").exists() {
            here.run(&["resume", &run]).succeeds();
        } else {
            here.pretrain(&run, &anew).succeeds();
        }
        here.assert_same("whole", &run);
        assert_eq!(here.json(&format!("{run}/run.json"))["status"], "finished");
    }
}

#[test]
fn every_optimizer_goes_on_where_it_was() {
    let here = Workshop::new();
    for (name, more) in [
        ("sgd", &["--set", "optimizer.nesterov=true", "--set", "optimizer.clip=0.1"][..]),
        ("adam", &["--set", "optimizer.accumulate=3"]),
        ("adamw", &["--set", "schedule.kind=step", "--set", "schedule.milestones=[1]"]),
        ("lars", &["--set", "method.projector=linear"]),
    ] {
        let optimizer = format!("optimizer.name={name}");
        let more = [&["--quiet", "--set", "run.checkpoint_steps=1", "--set", &optimizer], more].concat();
        let (whole, run) = (format!("whole-{name}"), format!("run-{name}"));
        here.pretrain(&whole, &more).succeeds();
        let mut running = Running::start(here.pretraining(&run, &more));
        running.until_records(&here.path(&run).join("metrics.jsonl"), 2);
        running.kill();
        here.run(&["resume", &run, "--workers", "1"]).succeeds();
        here.assert_same(&whole, &run);
    }
}

#[test]
fn a_training_killed_before_its_first_checkpoint_begins_anew() {
    let here = Workshop::new();
    here.pretrain("whole", &LONG).succeeds();
    here.pretrain("run", &LONG).succeeds();
    // As SIGKILL leaves it while the untrained network is measured.
    fs::remove_dir_all(here.path("run/checkpoints")).unwrap();
    let record = here.text("run/run.json").replace("\"finished\"", "\"running\"");
    fs::write(here.path("run/run.json"), record).unwrap();
    here.run(&["resume", "run"]).succeeds();
    here.assert_same("whole", "run");
}

#[test]
fn an_epoch_whose_end_was_lost_is_told_once() {
    let here = Workshop::new();
    let more = ["--set", "run.checkpoint_steps=3"];
    here.pretrain("whole", &more).succeeds();
    let mut running = Running::start(here.pretraining("run", &more));
    // The third step is saved with the epoch still open; then the epoch is measured and recorded.
    running.until_records(&here.path("run/metrics.jsonl"), 4);
    running.kill();
    here.run(&["resume", "run"]).succeeds();
    here.assert_same("whole", "run");
}

#[test]
fn where_the_last_checkpoint_is_damaged_an_earlier_one_leads_to_the_same_bits() {
    let here = Workshop::new();
    let more = ["--set", "run.checkpoint_every=1", "--set", "run.log_every=1"];
    here.pretrain("whole", &more).succeeds();
    let mut running = Running::start(here.pretraining("run", &more));
    running.until(|| here.path("run/checkpoints/epoch-0001/checkpoint.toml").is_file());
    running.kill();
    fs::write(here.path("run/checkpoints/last/state.safetensors"), "damaged").unwrap();
    let record = here.text("run/run.json");
    // Where the training was over before it was killed there is nothing to resume.
    if record.contains("\"finished\"") {
        return;
    }
    here.run(&["resume", "run"]).fails(3, &["state.safetensors", "--checkpoint"]);
    here.run(&["resume", "run", "--checkpoint", "epoch-0009"]).fails(3, &["no such", "epoch-0001"]);
    here.run(&["resume", "run", "--checkpoint", "epoch-0001"]).succeeds();
    here.assert_same("whole", "run");
}

#[test]
fn a_finished_run_is_left_as_it_is() {
    let here = Workshop::trained();
    let before = (here.text("run/run.json"), here.text("run/metrics.jsonl"), here.names("run"));
    let said = here.run(&["resume", "run", "--json"]).succeeds();
    said.mentions(&["run is finished already"]);
    let result = said.result();
    assert_eq!(
        (&result["status"], &result["epochs"], &result["steps"]),
        (&"finished".into(), &2.into(), &6.into())
    );
    assert_eq!(before, (here.text("run/run.json"), here.text("run/metrics.jsonl"), here.names("run")));
}

/// A run that was stopped after its first steps.
fn stopped(here: &Workshop) {
    let mut running = Running::start(here.pretraining("run", &["--set", "schedule.epochs=50"]));
    running.until_records(&here.path("run/metrics.jsonl"), 2);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(75));
}

#[test]
fn other_data_are_an_error_and_moved_data_are_not() {
    let here = Workshop::new();
    stopped(&here);
    let before = here.state("run", "last");
    fs::rename(here.path("photos"), here.path("moved")).unwrap();
    here.run(&["resume", "run"]).fails(3, &["photos: the data of this run is not there", "--data"]);
    fs::write(here.path("moved/discs/new.png"), crate::pictures::png()).unwrap();
    here.run(&["resume", "run", "--data", "moved"])
        .fails(3, &["moved: the data has changed", "24 instances then, 25 now"]);
    fs::remove_file(here.path("moved/discs/new.png")).unwrap();
    assert!(before == here.state("run", "last"));

    let mut running = Running::start({
        let mut command = here.command();
        command.args(["resume", "run", "--data", "moved"]);
        command
    });
    running.until_records(&here.path("run/metrics.jsonl"), 10);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(75));
    assert!(before != here.state("run", "last"));
}

#[test]
fn a_run_goes_on_from_any_folder() {
    let here = Workshop::new();
    here.pretrain("first", &["--quiet"]).succeeds();
    here.run(&["export", "first", "-o", "weights.safetensors"]).succeeds();
    let more = ["--eval-data", "photos", "--init-from", "weights.safetensors", "--set", "schedule.epochs=50"];
    let mut running = Running::start(here.pretraining("run", &more));
    running.until_records(&here.path("run/metrics.jsonl"), 2);
    running.signal("TERM");
    let said = running.end();
    assert_eq!(said.code, Some(75));
    said.mentions(&["  photos: 24 pictures", "\"weights.safetensors\" (--init-from)"]);

    fs::create_dir(here.path("elsewhere")).unwrap();
    let elsewhere = |words: &[&str]| {
        let mut command = here.command();
        command.current_dir(here.path("elsewhere")).args(words);
        command
    };
    let mut running = Running::start(elsewhere(&["resume", "../run"]));
    running.until_records(&here.path("run/metrics.jsonl"), 10);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(75));

    // A checkpoint needs nothing but itself.
    fs::remove_file(here.path("weights.safetensors")).unwrap();
    let eval = ["eval", "knn", "../run", "--data", "../photos", "--quiet"];
    Said::of(elsewhere(&eval).output().unwrap()).succeeds();
    let untrained = [&eval[..], &["--random"]].concat();
    Said::of(elsewhere(&untrained).output().unwrap()).fails(3, &["weights.safetensors"]);
}

#[test]
fn two_trainings_never_share_a_run() {
    let here = Workshop::new();
    let mut running = Running::start(here.pretraining("run", &["--set", "schedule.epochs=1000"]));
    running.until_records(&here.path("run/metrics.jsonl"), 1);
    here.run(&["resume", "run"]).fails(2, &["run is being trained by another process", "wait for it"]);
    here.pretrain("run", &["--overwrite", "--quiet"])
        .fails(2, &["being trained by another process", "--out"]);
    // Reading is free.
    here.run(&["compare", "run"]).succeeds();
    here.run(&["eval", "knn", "run", "--data", "photos", "--quiet"]).succeeds();
    running.signal("TERM");
    assert_eq!(running.end().code, Some(75));
    // And what was measured meanwhile is kept.
    assert!(here.json("run/run.json")["results"]["knn_top1"].is_number());
}

#[test]
fn what_is_no_run_is_an_error() {
    let here = Workshop::new();
    here.run(&["resume", "nowhere"]).fails(3, &["nowhere: there is no such run", "--out"]);
    here.run(&["resume", "photos"]).fails(3, &["photos: not a run", "run.json"]);
    let said: Said = here.run(&["resume"]);
    assert_eq!(said.code, Some(2));
    said.mentions(&["<RUN>"]);
}

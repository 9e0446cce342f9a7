//! Runs and checkpoints that are broken or foreign, trainings that go wrong.

use std::fs;

use crate::pictures;
use crate::workshop::{Running, Workshop};

/// A workshop with a stopped training in `run/`, and its last checkpoint's folder.
fn stopped() -> Workshop {
    let here = Workshop::new();
    let mut running = Running::start(here.pretraining("run", &["--set", "schedule.epochs=50"]));
    running.until_records(&here.path("run/metrics.jsonl"), 2);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(75));
    here
}

const STATE: &str = "run/checkpoints/last/state.safetensors";
const META: &str = "run/checkpoints/last/checkpoint.toml";

#[test]
fn broken_checkpoints_are_errors_and_nothing_is_lost() {
    let here = stopped();
    let state = fs::read(here.path(STATE)).unwrap();
    let meta = here.text(META);
    let (record, metrics) = (here.text("run/run.json"), here.text("run/metrics.jsonl"));
    let mut damaged = state.clone();
    damaged[state.len() / 2] ^= 1;
    let foreign = |from: &str, to: &str| {
        assert!(meta.contains(from), "{from} in {meta}");
        meta.replace(from, to).into_bytes()
    };
    let cases: [(&str, Vec<u8>, &[&str]); 6] = [
        (STATE, state[..state.len() / 2].to_vec(), &["state.safetensors", "truncated", "another checkpoint"]),
        (STATE, damaged, &["state.safetensors", "checksum is wrong"]),
        (META, b"{}".to_vec(), &["checkpoint.toml", "not the description of a checkpoint"]),
        (META, foreign("format = 1", "format = 9"), &["checkpoint.toml", "format 9", "reads format 1"]),
        (META, foreign("\"simclr\"", "\"byol\""), &["written by byol, this run trains simclr"]),
        (META, foreign("step_in_epoch = ", "step_in_era = "), &["unknown kind of progress"]),
    ];
    for (file, content, message) in cases {
        let whole = fs::read(here.path(file)).unwrap();
        fs::write(here.path(file), &content).unwrap();
        here.run(&["resume", "run"]).fails(3, message);
        if !message[0].starts_with("unknown kind") {
            here.run(&["eval", "knn", "run", "--data", "photos", "--quiet"]).fails(3, message);
            here.run(&["export", "run"]).fails(3, message);
        }
        assert_eq!(fs::read(here.path(file)).unwrap(), content, "the evidence is still there");
        fs::write(here.path(file), whole).unwrap();
    }
    fs::remove_file(here.path(META)).unwrap();
    here.run(&["resume", "run"]).fails(3, &["last: there is no such checkpoint"]);
    fs::write(here.path(META), meta).unwrap();
    assert_eq!((record, metrics), (here.text("run/run.json"), here.text("run/metrics.jsonl")));
    assert!(!here.path("run/export").exists());
}

#[test]
fn checkpoints_of_another_shape_are_errors() {
    let here = stopped();
    let config = here.text("run/config.toml");
    for (from, to, words) in [
        (
            "width = 0.0625",
            "width = 0.125",
            &["has shape [4, 3, 3, 3], this run needs [8, 3, 3, 3]", "config.toml"][..],
        ),
        ("name = \"resnet18\"", "name = \"resnet34\"", &["has no tensor", "layer1.2"]),
        ("projector = \"mlp\"", "projector = \"none\"", &["does not know", "projector"]),
    ] {
        assert!(config.contains(from), "{from} in {config}");
        fs::write(here.path("run/config.toml"), config.replace(from, to)).unwrap();
        here.run(&["resume", "run"]).fails(3, words);
    }
    fs::write(here.path("run/config.toml"), config).unwrap();
    let mut running = Running::start({
        let mut command = here.command();
        command.args(["resume", "run"]);
        command
    });
    running.until_records(&here.path("run/metrics.jsonl"), 8);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(75));
}

#[test]
fn runs_with_broken_files_are_errors() {
    let here = stopped();
    let cases: [(&str, &str, &[&str]); 7] = [
        ("run/run.json", "{", &["run.json", "not the record of a run", "restore the file"]),
        ("run/config.toml", "[data", &["config.toml: line 1 is not TOML", "restore the file"]),
        ("run/config.toml", "[data]\n", &["config.toml", "method.name is missing"]),
        ("run/config.toml", "[method]\nname = \"boyl\"\n", &["config.toml", "no method `boyl`"]),
        (
            "run/config.toml",
            "[method]\nname = \"simclr\"\ntau = 1\n",
            &["config.toml:3: unknown setting `method.tau`"],
        ),
        (
            "run/config.toml",
            "[method]\nname = \"simclr\"\n\n[data]\nmax_bad_share = \"few\"\n",
            &["config.toml:5: data.max_bad_share: expected a number"],
        ),
        ("run/config.toml", "method = 1\n", &["config.toml", "method.name is missing"]),
    ];
    for (file, content, message) in cases {
        let whole = here.text(file);
        fs::write(here.path(file), content).unwrap();
        here.run(&["resume", "run"]).fails(3, message);
        here.run(&["embed", "run", "--data", "photos", "-o", "e.npy", "--quiet"]).fails(3, message);
        fs::write(here.path(file), whole).unwrap();
    }
    // Every setting is kept: what is gone is not filled in.
    let whole = here.text("run/config.toml");
    let changed = |key: &str, line: &str| {
        let lines = whole.lines().map(|old| if old.starts_with(key) { line } else { old });
        fs::write(here.path("run/config.toml"), lines.collect::<Vec<_>>().join("\n")).unwrap();
        here.run(&["resume", "run"])
    };
    changed("image_size", "image_size = \"big\"").fails(3, &["view.image_size = \"big\": invalid type"]);
    changed("epochs", "")
        .fails(3, &["config.toml", "settings are missing: schedule.epochs", "restore the file"]);
    fs::write(here.path("run/config.toml"), &whole).unwrap();
    let metrics = here.text("run/metrics.jsonl");
    fs::write(here.path("run/metrics.jsonl"), format!("oops\n{metrics}")).unwrap();
    here.run(&["resume", "run"]).fails(3, &["metrics.jsonl", "line 1 is not a record"]);
}

#[test]
fn names_of_checkpoints_that_are_not_there_list_those_that_are() {
    let here = Workshop::trained();
    for command in [
        &["eval", "knn", "run", "--data", "photos"][..],
        &["eval", "finetune", "run", "--data", "photos"],
        &["embed", "run", "--data", "photos", "-o", "missing.npy"],
        &["export", "run", "-o", "missing.safetensors"],
    ] {
        let words = [command, &["--checkpoint", "epoch-0007", "--quiet"]].concat();
        here.run(&words).fails(3, &["epoch-0007: there is no such checkpoint", "there are: best, last"]);
        let words = [command, &["--checkpoint", "../../last", "--quiet"]].concat();
        here.run(&words).fails(2, &["`../../last` is not the name of a checkpoint", "last, best"]);
    }
}

#[test]
fn a_diverged_training_keeps_its_last_good_checkpoint() {
    let here = Workshop::new();
    let more = ["--quiet", "--set", "optimizer.lr=1e30", "--set", "schedule.warmup_epochs=0"];
    here.pretrain("run", &more)
        .fails(5, &["the loss is NaN", "last good checkpoint is kept", "optimizer.lr"]);
    let record = here.json("run/run.json");
    assert_eq!(record["status"], "failed");
    assert!(record["reason"].as_str().unwrap().contains("the loss is NaN"));
    // What is kept is whole and usable.
    here.run(&["eval", "knn", "run", "--data", "photos", "--quiet"]).succeeds();
    here.run(&["resume", "run"]).fails(5, &["the loss is NaN"]);
}

#[test]
fn a_collapse_is_a_warning_or_the_end() {
    let here = Workshop::empty();
    fs::create_dir(here.path("photos")).unwrap();
    for number in 0..24 {
        // All alike, and without augmentation there is nothing to tell them apart by.
        pictures::picture(0, 3).save(here.path(&format!("photos/{number}.png"))).unwrap();
    }
    let alike = ["--set", "view.without=[\"crop\", \"flip\", \"jitter\", \"grayscale\", \"blur\"]"];
    let said = here.pretrain("warned", &alike).succeeds();
    said.mentions(&["warning: the representation has collapsed at step 3", "deviate by 0.0"]);
    assert!(here.text("warned/train.log").contains("warning: the representation has collapsed"));

    let fatal = [&alike[..], &["--stop-on-collapse", "--quiet"]].concat();
    here.pretrain("run", &fatal)
        .fails(5, &["the representation has collapsed at step 3", "last checkpoint is kept"]);
    assert_eq!(here.json("run/run.json")["status"], "failed");
    here.run(&["export", "run"]).succeeds();
}

//! Where settings come from, and settings that cannot be used.

use std::fs;

use serde_json::Value;

use crate::workshop::{Said, Workshop};

/// The settings that a command line would train with.
fn resolved(here: &Workshop, environment: &[(&str, &str)], words: &[&str]) -> Value {
    let mut command = here.command();
    command.args(["pretrain", "simclr", "--data", "photos", "--out", "run", "--batch-size", "8"]);
    command.args(["--dry-run", "--json"]).args(words).envs(environment.iter().copied());
    Said::of(command.output().unwrap()).succeeds().result()
}

#[test]
fn the_last_word_counts() {
    let here = Workshop::new();
    fs::write(here.path("mine.toml"), "[schedule]\nepochs = 11\n[optimizer]\nlr = 0.5\nclip = 2\n").unwrap();
    let file = ["--config", "mine.toml"];
    let environment = [("SELFSAME_SCHEDULE_EPOCHS", "12"), ("SELFSAME_LOG", "off")];
    let flag = ["--config", "mine.toml", "--epochs", "13"];
    let set = ["--config", "mine.toml", "--epochs", "13", "--set", "schedule.epochs=14"];
    let epochs = |settings: Value| settings["schedule"]["epochs"].as_u64();
    assert_eq!(epochs(resolved(&here, &[], &file)), Some(11));
    assert_eq!(epochs(resolved(&here, &environment, &file)), Some(12));
    assert_eq!(epochs(resolved(&here, &environment, &flag)), Some(13));
    let last = resolved(&here, &environment, &set);
    // A number is a number, with a point or without.
    assert_eq!((&last["optimizer"]["lr"], &last["optimizer"]["clip"]), (&0.5.into(), &2.0.into()));
    assert_eq!(epochs(last), Some(14));
}

#[test]
fn presets_are_defaults_only() {
    let here = Workshop::new();
    let paper = ["--preset", "paper", "--set", "backbone.width=0.0625", "--image-size", "32"];
    let settings = resolved(&here, &[], &paper);
    assert_eq!(
        (&settings["optimizer"]["name"], &settings["method"]["temperature"]),
        (&"lars".into(), &0.1.into())
    );
    assert_eq!(
        (&settings["view"]["image_size"], &settings["backbone"]["name"]),
        (&32.into(), &"resnet50".into())
    );
}

#[test]
fn settings_that_do_not_exist_have_a_suggestion() {
    let here = Workshop::new();
    fs::write(here.path("typo.toml"), "[optimizer]\nname = \"sgd\"\nlearning_rat = 1\n").unwrap();
    fs::write(here.path("broken.toml"), "[optimizer\n").unwrap();
    let cases: [(&[&str], &[&str]); 8] = [
        (
            &["--set", "optimizer.lrr=0.3"],
            &["unknown setting `optimizer.lrr` (--set)", "did you mean `optimizer.lr`?"],
        ),
        (&["--set", "method.temprature=1"], &["did you mean `method.temperature`?"]),
        (&["--set", "optimiser.lr=1"], &["did you mean `optimizer.lr`?"]),
        (&["--set", "lr"], &["--set lr", "KEY=VALUE"]),
        (&["--set", "optimizer=1"], &["is a section", "optimizer.lr"]),
        (&["--config", "typo.toml"], &["optimizer.learning_rat", "typo.toml:3"]),
        (&["--config", "broken.toml"], &["broken.toml:1", "not valid TOML"]),
        (&["--config", "nowhere.toml"], &["nowhere.toml", "readable TOML file"]),
    ];
    for (words, message) in cases {
        here.pretrain("run", words).fails(2, message);
    }
    // The method on the command line is never another's.
    fs::write(here.path("other.toml"), "[method]\nmomentum = 0.9\nname = \"byol\"\n").unwrap();
    let message = ["trained by simclr, but other.toml says byol", "train by byol"];
    here.pretrain("run", &["--config", "other.toml"]).fails(2, &message);
    here.sweep("simclr", "run", &["--config", "other.toml"]).fails(2, &message);
    here.pretrain("run", &["--set", "method.name=byol"]).fails(2, &["method.name says byol"]);
    let mut command = here.pretraining("run", &[]);
    let said = Said::of(command.env("SELFSAME_OPTIMIZER_LRR", "1").output().unwrap());
    said.fails(2, &["SELFSAME_OPTIMIZER_LRR", "did you mean `optimizer.lr`?"]);
    assert!(!here.path("run").exists());
}

#[test]
fn values_that_cannot_be_used_are_named() {
    let here = Workshop::new();
    let cases: [(&[&str], &[&str]); 27] = [
        (
            &["--set", "optimizer.lr=fast"],
            &["optimizer.lr: expected a number, got the string \"fast\" (--set)"],
        ),
        (&["--seed", "1.5"], &["run.seed: expected an integer, got the number 1.5 (--seed)"]),
        (&["--set", "run.stop_on_collapse=1"], &["run.stop_on_collapse: expected true or false, got 1"]),
        (&["--set", "view.image_size=big"], &["view.image_size", "\"big\"", "--set"]),
        (&["--set", "view.image_size=-8"], &["view.image_size", "-8"]),
        (&["--set", "view.image_size=0"], &["image size"]),
        (&["--set", "view.image_size=4"], &["4×4", "`cifar` stem, which needs 8×8"]),
        (&["--set", "backbone.stem=imagenet"], &["8×8", "`imagenet` stem, which needs 32×32"]),
        (&["--set", "backbone.width=0"], &["width 0", "between"]),
        (&["--set", "backbone.width=wide"], &["backbone.width", "\"wide\""]),
        (&["--set", "method.temperature=-0.5"], &["method.temperature is -0.5", "positive"]),
        (&["--set", "method.temperature=nan"], &["method.temperature is NaN", "positive"]),
        (&["--set", "method.projector=deep"], &["method.projector", "deep"]),
        (&["--set", "method.projector_dimension=0"], &["projector"]),
        (&["--set", "optimizer.lr=-1"], &["optimizer.lr is -1"]),
        (&["--set", "optimizer.name=sdg"], &["optimizer.name", "sdg", "sgd"]),
        (&["--set", "optimizer.accumulate=4"], &["optimizer.accumulate is 4", "an epoch has 3 batches"]),
        (&["--set", "schedule.epochs=0"], &["schedule.epochs is 0"]),
        (&["--set", "schedule.epochs=-1"], &["schedule.epochs", "-1"]),
        (&["--set", "run.batch_size=1"], &["run.batch_size is 1", "at least 2"]),
        (&["--set", "run.batch_size=25"], &["batch of 25 is larger", "photos has 24 pictures", "at most 24"]),
        (&["--set", "data.max_bad_share=2"], &["data.max_bad_share is 2", "0 to 1"]),
        (&["--set", "run.seed=-1"], &["run.seed", "-1"]),
        (&["--set", "run.log_every=0"], &["run.log_every is 0"]),
        (&["--set", "run.checkpoint_every=-1"], &["run.checkpoint_every", "-1"]),
        (&["--set", "data.workers=0"], &["data.workers is 0", "at least 1"]),
        (&["--set", "data.workers=5000"], &["5000 threads", "leave --workers out"]),
    ];
    for (words, message) in cases {
        let words = [words, &["--quiet"]].concat();
        here.pretrain("run", &words).fails(2, message);
    }
    assert!(!here.path("run").exists());
}

#[test]
fn names_that_do_not_exist_are_told_from_those_that_do() {
    let here = Workshop::new();
    here.run(&["pretrain", "simclt", "--data", "photos", "--out", "run"])
        .fails(2, &["no method `simclt`", "did you mean `simclr`?"]);
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--backbone", "resnet19"], &["no backbone `resnet19`", "resnet18", "resnet101"]),
        (&["--recipe", "simclr-cifr"], &["`simclr-cifr`", "did you mean `simclr-cifar`?"]),
        (&["--set", "backbone.stem=cifer"], &["`cifer`", "did you mean `cifar`?"]),
        (&["--set", "view.without=[\"crops\"]"], &["`crops`", "did you mean `crop`?"]),
        (&["--device", "tpu"], &["run.device = \"tpu\"", "known kinds: cpu, cuda"]),
        (&["--device", "cuda:first"], &["run.device = \"cuda:first\"", "cuda:0"]),
        (&["--init-from", "nowhere.safetensors"], &["nowhere.safetensors"]),
    ];
    for (words, message) in cases {
        let words = [words, &["--quiet"]].concat();
        let code = if words[0] == "--init-from" { 3 } else { 2 };
        here.pretrain("run", &words).fails(code, message);
    }
    assert!(!here.path("run").exists());
}

#[test]
fn a_missing_gpu_feature_has_the_command_that_adds_it() {
    let here = Workshop::trained();
    let doctor = here.run(&["doctor", "--json"]).result();
    for feature in doctor["missing_features"].as_array().unwrap() {
        let feature = feature.as_str().unwrap();
        let command = format!("cargo build --release --features {feature}");
        let message = [format!("built without {feature}"), command];
        let message: Vec<&str> = message.iter().map(String::as_str).collect();
        let device = format!("{feature}:0");
        here.pretrain("gpu", &["--quiet", "--device", &device]).fails(2, &message);
        here.run(&["eval", "knn", "run", "--data", "photos", "--device", &device]).fails(2, &message);
        here.run(&["embed", "run", "--data", "photos", "-o", "e.npy", "--device", &device])
            .fails(2, &message);
    }
    assert!(!here.path("gpu").exists());
}

#[test]
fn a_command_line_that_makes_no_sense_is_explained() {
    let here = Workshop::empty();
    let cases: [(&[&str], &[&str]); 6] = [
        (&[], &["Usage: selfsame <COMMAND>"]),
        (&["pretain"], &["pretain", "similar subcommand"]),
        (&["pretrain", "simclr", "--dat", "x"], &["--dat", "'--data'"]),
        (&["pretrain", "simclr", "--data", "photos"], &["--out <DIR>", "Usage"]),
        (&["eval", "knn"], &["<RUN>"]),
        (&["list", "cats"], &["cats", "methods, backbones, recipes"]),
    ];
    for (words, message) in cases {
        let said = here.run(words);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:#?}");
        said.mentions(message);
    }
    here.run(&["pretrain", "simclr", "--out", "run"]).fails(2, &["no data to learn from", "--data"]);
}

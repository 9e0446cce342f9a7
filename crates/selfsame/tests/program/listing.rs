//! `selfsame list|doctor|compare|completions` and the help texts

use crate::workshop::{Said, Workshop};

#[test]
fn lists_are_tables_or_objects() {
    let here = Workshop::empty();
    for (what, names) in [
        ("methods", &["simclr", "byol", "simsiam", "mixsiam", "w-mse", "scrl"][..]),
        ("backbones", &["resnet18", "resnet34", "resnet50", "resnet101"]),
        ("recipes", &["simclr", "simclr-cifar", "evaluation"]),
    ] {
        let table = here.run(&["list", what]).succeeds().stdout;
        let json = here.run(&["list", what, "--json"]).succeeds().result().to_string();
        for name in names {
            assert!(table.contains(name) && json.contains(&format!("\"{name}\"")), "{name} in {table}{json}");
        }
    }
}

#[test]
fn backbones_for_clips_are_listed_where_the_program_has_video() {
    let here = Workshop::empty();
    let table = here.run(&["list", "backbones"]).succeeds().stdout;
    let result = here.run(&["list", "backbones", "--json"]).succeeds().result();
    let backbones = result["backbones"].as_array().unwrap();
    let of = |data: &str| backbones.iter().filter(|row| row["data"] == data).collect::<Vec<_>>();
    assert_eq!(of("images").len(), 4);
    assert_eq!(of("images")[2]["in short"], "residual network of bottlenecks, 3-4-6-3");
    let videos = of("videos");
    if cfg!(not(feature = "video")) {
        assert!(videos.is_empty() && !table.contains("videos"), "{table}");
        return;
    }
    let expected = [
        ("r3d_18", "512"),
        ("r2plus1d_18", "512"),
        ("s3d", "1024"),
        ("c3d", "512"),
        ("r3d_26", "2048"),
        ("r2plus1d_26", "2048"),
    ];
    let cell = |row: &serde_json::Value, column: &str| row[column].as_str().unwrap().to_owned();
    let found = videos.iter().map(|row| (cell(row, "backbone"), cell(row, "features at width 1")));
    assert!(found.eq(expected.map(|(name, features)| (name.to_owned(), features.to_owned()))), "{result}");
    assert!(expected.iter().all(|(name, _)| table.contains(name)), "{table}");
}

#[test]
fn doctor_tells_what_there_is() {
    let here = Workshop::empty();
    let doctor = here.run(&["doctor", "--json"]).succeeds().result();
    assert_eq!(
        (&doctor["devices"][0], &doctor["version"]),
        (&"cpu".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert!(doctor["threads"].as_u64() >= Some(1));
    let list = if cfg!(feature = "video") { "features" } else { "missing_features" };
    assert!(doctor[list].as_array().unwrap().contains(&"video".into()), "{doctor}");
    // The Python that environments would be run with, and no other.
    let mut other = here.command();
    other.args(["doctor", "--json"]).env("SELFSAME_PYTHON", "/nowhere/python3");
    assert!(Said::of(other.output().unwrap()).result()["python"].is_null());
    let table = here.run(&["doctor"]).succeeds().stdout;
    for words in ["devices", "cpu", "not compiled in", "cargo build --release --features"] {
        assert!(table.contains(words), "{words} in {table}");
    }
}

#[test]
fn runs_are_compared_side_by_side() {
    let here = Workshop::new();
    here.pretrain("a", &["--quiet"]).succeeds();
    here.pretrain("b", &["--quiet", "--seed", "1"]).succeeds();
    here.run(&["eval", "linear", "a", "--data", "photos", "--quiet"]).succeeds();
    let result = here.run(&["compare", "a", "b", "--json"]).succeeds().result();
    assert_eq!((&result["runs"][0]["run"], &result["runs"][1]["seed"]), (&"a".into(), &1.into()));
    assert_eq!((&result["runs"][0]["status"], &result["runs"][0]["epochs"]), (&"finished".into(), &2.into()));
    for name in ["loss", "knn_before", "knn_after", "linear", "images_per_second"] {
        assert!(result["runs"][0][name].is_number(), "{name} in {result}");
    }
    // They differ only by seed.
    assert_eq!(result["groups"].as_array().unwrap().len(), 1);
    let table = here.run(&["compare", "a", "b"]).succeeds().stdout;
    assert!(table.contains("simclr") && table.contains("mean of 2 seeds"), "{table}");
    here.run(&["compare", "a", "nowhere"]).fails(3, &["nowhere: there is no such run"]);
    here.run(&["compare", "a", "photos"]).fails(3, &["photos: not a run"]);
    // A folder of runs stands for them, and a picture among them for nothing.
    std::fs::create_dir(here.path("runs")).unwrap();
    for run in ["a", "b"] {
        std::fs::rename(here.path(run), here.path("runs").join(run)).unwrap();
    }
    here.run(&["compare", "runs", "--curves", "runs/new/c.png"]).succeeds();
    let said = here.run(&["compare", "runs", "runs/new/c.png", "--json"]).succeeds();
    said.mentions(&["c.png is a file, not a run"]);
    assert_eq!(said.result()["runs"].as_array().unwrap().len(), 2);
    here.run(&["compare", "runs/new/c.png"]).fails(2, &["no run among these"]);
}

#[test]
fn completions_are_scripts() {
    let here = Workshop::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = here.run(&["completions", shell]).succeeds().stdout;
        assert!(script.contains("pretrain") && script.contains("stop-on-collapse"), "{shell}");
    }
}

#[test]
fn every_command_has_help() {
    let here = Workshop::empty();
    let version = here.run(&["--version"]).succeeds().stdout;
    assert_eq!(version, format!("selfsame {}\n", env!("CARGO_PKG_VERSION")));
    let commands: [&[&str]; 24] = [
        &[],
        &["pretrain"],
        &["resume"],
        &["sweep"],
        &["eval"],
        &["eval", "knn"],
        &["eval", "linear"],
        &["eval", "finetune"],
        &["eval", "segmentation"],
        &["eval", "correspondence"],
        &["eval", "retrieval"],
        &["eval", "episodes"],
        &["eval", "probe"],
        &["embed"],
        &["export"],
        &["compare"],
        &["list"],
        &["completions"],
        &["data"],
        &["data", "check"],
        &["data", "preview"],
        &["data", "index"],
        &["data", "pack"],
        &["doctor"],
    ];
    for command in commands {
        let help = here.run(&[command, &["--help"]].concat()).succeeds().stdout;
        assert!(help.contains("Usage: selfsame"), "{command:?}: {help}");
        assert!(help.contains("Example"), "{command:?}: {help}");
    }
    let help = here.run(&["--help"]).stdout;
    for words in ["75 stopped by SIGTERM", "130 by Ctrl-C", "pretrain", "completions"] {
        assert!(help.contains(words), "{words} in {help}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_had_enough_is_no_error() {
    let here = Workshop::empty();
    for words in ["completions zsh", "list recipes", "doctor --json", "--help"] {
        let script = format!("set -o pipefail; \"$PROGRAM\" {words} 2> said | true; cat said");
        let output = here.shell(&script).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{words}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let here = Workshop::empty();
    let said = Said::of(here.shell("\"$PROGRAM\" list recipes > /dev/full").output().unwrap());
    said.fails(1, &["cannot write the standard output", "free some disk space"]);
}

//! `selfsame pretrain|resume|eval|compare` of agents in our own environments, and what is said where that cannot be.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::workshop::{Running, Said, Workshop};

/// The smallest training that does everything: 240 steps in epochs of 60, updates from step 60 on.
const TINY: [&str; 26] = [
    "--steps",
    "240",
    "--batch-size",
    "8",
    "--set",
    "data.size=30",
    "--set",
    "schedule.epoch_steps=60",
    "--set",
    "run.log_every=20",
    "--set",
    "method.rainbow.channels=[4,4]",
    "--set",
    "method.rainbow.hidden=8",
    "--set",
    "method.rainbow.first_update=60",
    "--set",
    "method.sac.channels=4",
    "--set",
    "method.sac.hidden=8",
    "--set",
    "method.sac.random_steps=50",
    "--set",
    "method.sac.first_update=60",
    "--set",
    "method.curl.hidden=8",
];

fn training(here: &Workshop, method: &str, environment: &str, run: &str, more: &[&str]) -> Command {
    let mut command = here.command();
    command.args(["pretrain", method, "--env", environment, "--out", run]).args(TINY).args(more);
    command
}

fn pretrain(here: &Workshop, method: &str, environment: &str, run: &str, more: &[&str]) -> Said {
    Said::of(training(here, method, environment, run, more).output().unwrap())
}

/// What the replay of a run's last checkpoint is.
fn replay(here: &Workshop, run: &str) -> Vec<u8> {
    fs::read(here.path(run).join("checkpoints/last/replay.bin")).unwrap()
}

#[test]
fn the_papers_settings_can_be_trained_with() {
    let here = Workshop::empty();
    for (method, environment, clip) in [
        ("rainbow", "catch", 1.0),
        ("sac", "pendulum-pixels", 0.0),
        ("curl", "catch", 1.0),
        ("rcrl", "catch", 1.0),
    ] {
        let mut command = here.command();
        command.args([
            "pretrain",
            method,
            "--env",
            environment,
            "--preset",
            "paper",
            "--dry-run",
            "--out",
            "run",
        ]);
        let said = Said::of(command.output().unwrap()).succeeds();
        let settings: toml::Table = said.stdout.parse().unwrap();
        assert_eq!(settings["method"]["rainbow"]["multi_step"].as_integer(), Some(20));
        assert_eq!(settings["data"]["reward_clip"].as_float(), Some(clip), "{method}");
        // What depends on the environment is recorded, where it is used.
        let weight = settings["method"]["curl"]["weight"].as_float();
        assert_eq!(weight, (method == "curl").then_some(1.0), "{method}");
    }
}

#[test]
fn every_agent_leaves_a_complete_run() {
    let here = Workshop::empty();
    for (method, environment, auxiliary, terms) in [
        ("rainbow", "catch", "none", &["rl", "gradient_norm"][..]),
        ("rcrl", "catch", "curl+rcrl", &["rl", "curl", "rcrl"]),
        ("curl", "pendulum-pixels", "curl", &["critic", "curl"]),
        ("sac", "pendulum-pixels", "rcrl", &["critic", "rcrl"]),
    ] {
        let run = &format!("{method}-{environment}");
        let said =
            pretrain(&here, method, environment, run, &["--json", "--auxiliary", auxiliary]).succeeds();
        said.mentions(&[environment, "frames of 1×30×30", "240 of the agent", "steps/s", "return"]);
        let result = said.result();
        assert_eq!((&result["status"], &result["steps"]), (&"finished".into(), &240.into()));
        let record = here.json(&format!("{run}/run.json"));
        assert_eq!((&record["method"], &record["data"]["path"]), (&method.into(), &environment.into()));
        let config: toml::Table = here.text(&format!("{run}/config.toml")).parse().unwrap();
        assert_eq!(config["method"]["auxiliary"].as_str(), Some(auxiliary));
        let records = here.metrics(run);
        let of = |kind: &str| records.iter().filter(|record| record["kind"] == kind).collect::<Vec<_>>();
        assert_eq!((of("step").len(), of("epoch").len()), (12, 4));
        let last = of("step").pop().unwrap().clone();
        for field in terms.iter().chain(&["loss", "lr", "updates", "episodes", "replay"]) {
            assert!(last[*field].is_number(), "{field} in {last}");
        }
        for episode in of("episode") {
            assert!(episode["return"].is_number() && episode["length"].as_f64() > Some(0.0), "{episode}");
        }
        assert!(here.names(&format!("{run}/checkpoints/last")).contains(&"replay.bin".to_owned()));
    }
    let table = here.run(&["list", "methods"]).succeeds().stdout;
    for words in ["rainbow", "sac", "curl", "rcrl", "an environment"] {
        assert!(table.contains(words), "{words} in {table}");
    }
}

#[test]
fn a_training_killed_or_stopped_anywhere_ends_with_the_same_bits() {
    let here = Workshop::empty();
    for (method, environment, together) in
        [("rcrl", "catch", "1"), ("curl", "pendulum-pixels", "1"), ("rainbow", "catch", "3")]
    {
        let more = ["--quiet", "--set", "run.checkpoint_steps=1", "--auxiliary", "curl+rcrl"];
        let more = [&more[..], &["--environments", together]].concat();
        let whole = format!("{method}-whole");
        pretrain(&here, method, environment, &whole, &more).succeeds();
        // Where frames lie decides nothing.
        let elsewhere = ["--set", "data.replay_folder=."];
        for (records, signal, frames) in [(1, "KILL", &[][..]), (9, "TERM", &elsewhere), (14, "INT", &[])] {
            let run = format!("{method}-{signal}");
            let more = [&more[..], frames].concat();
            let mut running = Running::start(training(&here, method, environment, &run, &more));
            running.until_records(&here.path(&run).join("metrics.jsonl"), records);
            running.signal(signal);
            let said = running.end();
            assert!([None, Some(0), Some(75), Some(130)].contains(&said.code), "{said:#?}");
            here.run(&["resume", &run, "--quiet"]).succeeds();
            here.assert_same(&whole, &run);
            assert!(replay(&here, &whole) == replay(&here, &run), "the replay of {run}");
        }
    }
}

#[test]
fn environments_that_step_together_take_whole_rounds() {
    let here = Workshop::empty();
    let said =
        pretrain(&here, "sac", "pendulum-pixels", "three", &["--environments", "3", "--json"]).succeeds();
    said.mentions(&["3 step at the same time", "240 of the agent"]);
    assert_eq!(said.result()["steps"], 240);
    let told = ["schedule.steps is 240", "--set schedule.steps=245"];
    pretrain(&here, "sac", "pendulum-pixels", "seven", &["--environments", "7"]).fails(2, &told);
    pretrain(&here, "rainbow", "catch", "none", &["--environments", "0"]).fails(2, &["--environments 1"]);
    assert!(!here.path("seven").exists());
}

#[test]
fn a_stopped_training_says_how_to_go_on() {
    let here = Workshop::empty();
    let mut running =
        Running::start(training(&here, "rainbow", "catch", "run", &["--set", "schedule.steps=100000"]));
    running.until_records(&here.path("run/metrics.jsonl"), 5);
    running.signal("INT");
    let said = running.end();
    assert_eq!(said.code, Some(130), "{said:#?}");
    assert!(said.stdout.contains("selfsame resume run"), "{said:#?}");
    let config = here.path("run/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("size = 30", "size = 40")).unwrap();
    here.run(&["resume", "run"]).fails(3, &["this is not the environment that the run began in (catch)"]);
}

#[test]
fn episodes_are_played_shown_and_compared() {
    let here = Workshop::empty();
    for seed in ["0", "1"] {
        pretrain(&here, "rcrl", "catch", &format!("run-seed-{seed}"), &["--quiet", "--seed", seed])
            .succeeds();
    }
    let words = ["eval", "episodes", "run-seed-0", "--episodes", "7", "--video", "a.gif", "--json"];
    let result = here.run(&words).succeeds().result();
    assert_eq!((&result["protocol"], &result["episodes"]), (&"episodes".into(), &7.into()));
    for name in ["mean_return", "median_return", "iqm", "deviation"] {
        assert!((-1.0..=1.0).contains(&result[name].as_f64().unwrap()), "{name} in {result}");
    }
    assert_eq!((&result["mean_length"], &result["steps"]), (&json!(9.0), &240.into()));
    assert!(result.get("human_normalised").is_none());
    assert_eq!(&fs::read(here.path("a.gif")).unwrap()[..6], b"GIF89a");
    assert_eq!(here.json("run-seed-0/run.json")["results"]["episodes_mean_return"], result["mean_return"]);
    // The same episodes again, since their seed is the same; and the picture is not replaced.
    let again =
        here.run(&["eval", "episodes", "run-seed-0", "--episodes", "7", "--json"]).succeeds().result();
    assert_eq!(again["mean_return"], result["mean_return"]);
    here.run(&words).fails(2, &["a.gif exists", "--overwrite"]);
    let none = ["eval", "episodes", "run-seed-0", "--video", "none.gif", "--frames", "0"];
    assert_eq!(here.run(&none).code, Some(2));
    let words = ["eval", "episodes", "run-seed-0", "--episodes", "1", "--video", "new/a.gif", "--quiet"];
    here.run(&words).succeeds();
    assert!(here.path("new/a.gif").is_file());
    here.run(&["eval", "episodes", "run-seed-0", "--video", "a.mp4"]).fails(2, &["GIF"]);
    here.run(&["eval", "episodes", "run-seed-0", "--episodes", "0"]).fails(2, &["no episodes"]);
    // An episode of nine steps, as far as it may go: the reward would come with the last.
    let words =
        ["eval", "episodes", "run-seed-1", "--random", "--episodes", "3", "--max-steps", "8", "--json"];
    let short = here.run(&words).succeeds().result();
    assert_eq!((&short["cut_off"], &short["mean_length"]), (&3.into(), &json!(8.0)));
    assert_eq!((&result["cut_off"], &short["mean_return"]), (&0.into(), &json!(0.0)));
    assert_eq!(here.run(&["eval", "episodes", "run-seed-1", "--max-steps", "0"]).code, Some(2));
    let untrained = here.run(&["eval", "episodes", "run-seed-1", "--random", "--json"]).succeeds().result();
    assert_eq!((&untrained["checkpoint"], &untrained["steps"]), (&"untrained".into(), &0.into()));
    assert!(here.json("run-seed-1/run.json")["results"]["episodes"].is_null());
    let table = here.run(&["eval", "episodes", "run-seed-1", "--checkpoint", "best"]).succeeds().stdout;
    for words in ["10 episodes in catch", "interquartile mean", "95 %"] {
        assert!(table.contains(words), "{words} in {table}");
    }

    let compared = here.run(&["compare", "run-seed-0", "run-seed-1", "--curves", "c.png", "--json"]);
    let compared = compared.succeeds().result();
    let group = &compared["groups"][0];
    assert!(
        group["returns"]["iqm"].is_number() && group["returns"]["interval"]["low"].is_number(),
        "{group}"
    );
    let curve = &compared["curves"]["of"][0];
    assert_eq!((&curve["runs"], curve["points"].as_array().unwrap().len()), (&2.into(), 4));
    assert_eq!(&fs::read(here.path("c.png")).unwrap()[1..4], b"PNG");
    let table = here.run(&["compare", "run-seed-0", "run-seed-1"]).succeeds().stdout;
    assert!(table.contains("return's IQM") && !table.contains("kNN"), "{table}");
}

#[test]
fn probes_tell_what_a_representation_knows_of_returns() {
    let here = Workshop::empty();
    pretrain(&here, "rcrl", "catch", "with", &["--quiet"]).succeeds();
    pretrain(&here, "rainbow", "catch", "without", &["--quiet"]).succeeds();
    let probe = |run: &str, more: &[&str]| {
        let words = [&["eval", "probe", run, "--episodes", "40", "--json"], more].concat();
        here.run(&words).succeeds().result()
    };
    let (with, without) = (probe("with", &[]), probe("without", &["--behaviour", "with"]));
    for name in ["features_r2", "phi_r2", "discriminator_accuracy", "discriminator_area"] {
        assert!(with[name].as_f64().unwrap() <= 1.0, "{name} in {with}");
    }
    assert!(without["features_r2"].is_number() && without.get("phi_r2").is_none(), "{without}");
    // An episode has nine steps. The very same ones were probed.
    assert_eq!((&with["random_steps"], &with["episodes"]), (&9.into(), &40.into()));
    assert!(with["transitions"].as_u64().is_some_and(|steps| (40..360).contains(&steps)), "{with}");
    assert_eq!((&without["transitions"], &without["behaviour"]), (&with["transitions"], &"with".into()));
    assert_eq!(here.json("with/run.json")["results"]["probe_phi_r2"], with["phi_r2"]);
    let whole = probe("with", &["--random-steps", "0", "--per-episode", "2"]);
    assert_eq!((&whole["random_steps"], &whole["transitions"]), (&0.into(), &80.into()));
    here.run(&["eval", "probe", "with", "--episodes", "4"]).fails(2, &["4 episodes cannot be split"]);
    here.run(&["eval", "probe", "with", "--per-episode", "0"]).fails(2, &["--per-episode 64"]);
    here.run(&["eval", "probe", "with", "--behaviour", "nobody"]).fails(3, &["nobody"]);
    pretrain(&here, "sac", "pendulum-pixels", "elsewhere", &["--quiet"]).succeeds();
    here.run(&["eval", "probe", "with", "--behaviour", "elsewhere"]).fails(
        2,
        &["with was trained in catch and elsewhere in pendulum-pixels", "they do not see the same episodes"],
    );
}

/// Method, environment, more words, exit code, and what is said.
type Refused<'a> = (&'a str, &'a str, &'a [&'a str], i32, &'a [&'a str]);

#[test]
fn what_makes_no_sense_for_agents_is_explained() {
    let here = Workshop::empty();
    let python = "data.python=/nowhere/python3";
    let cases: [Refused; 18] = [
        ("rainbow", "cacth", &[], 2, &["no environment `cacth`", "did you mean `catch`?"]),
        ("rainbow", "", &[], 2, &["no environment to act in", "--env", "pendulum-pixels"]),
        ("rainbow", "ALE/Pong-v5", &["--set", python], 2, &["/nowhere/python3", "pip install"]),
        ("sac", "dm_control/cartpole-swingup", &["--set", python], 2, &["/nowhere/python3", "pip install"]),
        ("rainbow", "pendulum-pixels", &[], 2, &["rainbow chooses among discrete actions", "train sac"]),
        ("sac", "catch", &[], 2, &["sac chooses among continuous actions", "train rainbow"]),
        ("rcrl", "catch", &["--auxiliary", "crul"], 2, &["`crul`", "did you mean `curl`?"]),
        ("rainbow", "catch", &["--data", "photos"], 2, &["--data means nothing to rainbow", "--env NAME"]),
        ("rainbow", "catch", &["--epochs", "2"], 2, &["--epochs means nothing to rainbow", "an environment"]),
        (
            "rainbow",
            "catch",
            &["--set", "schedule.steps=60"],
            2,
            &["schedule.steps is 60", "nothing would be learned"],
        ),
        (
            "rainbow",
            "catch",
            &["--set", "run.batch_size=58"],
            2,
            &["run.batch_size is 58", "finds 57 transitions"],
        ),
        (
            "rainbow",
            "catch",
            &["--set", "data.capacity=9"],
            2,
            &["run.batch_size is 8", "finds 6 transitions"],
        ),
        ("rainbow", "catch", &["--set", "data.reward_clip=-1"], 2, &["data.reward_clip is -1"]),
        (
            "rainbow",
            "catch",
            &["--set", "method.rainbow.hiden=8"],
            2,
            &["did you mean `method.rainbow.hidden`?"],
        ),
        ("rainbow", "catch", &["--set", "data.size=5"], 2, &["catch cannot be drawn in 5 by 5 pixels"]),
        ("rainbow", "catch", &["--device", "abacus"], 2, &["no such kind of device"]),
        (
            "rainbow",
            "catch",
            &[
                "--set",
                "schedule.steps=400000000",
                "--set",
                "data.capacity=400000000",
                "--set",
                "data.size=1000",
            ],
            4,
            &["the replay of", "needs", "MB of memory", "would fit", "data.replay_folder"],
        ),
        (
            "rainbow",
            "catch",
            &["--set", "data.replay_folder=nowhere"],
            3,
            &["nowhere", "MB of the replay's frames", "data.replay_folder"],
        ),
    ];
    for (method, environment, more, code, message) in cases {
        let said = pretrain(&here, method, environment, "run", more);
        assert_eq!(said.code, Some(code), "{method} {environment} {more:?}: {said:#?}");
        said.mentions(message);
    }
    assert!(!here.path("run").exists());
    here.run(&["pretrain", "simclr", "--data", "x", "--out", "run", "--env", "catch"])
        .fails(2, &["--env means nothing to simclr, which learns from images"]);
    here.run(&["compare", ".", "--curves", "c.jpg"]).fails(2, &["PNG"]);
}

#[test]
fn runs_of_other_kinds_have_no_episodes() {
    let here = Workshop::trained();
    here.run(&["eval", "episodes", "run"]).fails(3, &["trained by `simclr`", "an environment"]);
}

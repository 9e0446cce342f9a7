//! Gymnasium's environments in their processes. The tests need the Python that `cargo xtask setup` makes; `cargo xtask test` runs them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use selfsame_control::data::{
    Action, Actions, Environment, EnvironmentOptions, Pixels, VectorEnvironment, make,
};

/// The interpreter of `cargo xtask setup`, or the one that the environment names.
fn python() -> PathBuf {
    let ours = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python").join(ours);
    std::env::var_os("SELFSAME_PYTHON").map_or(ours, PathBuf::from)
}

fn options() -> EnvironmentOptions {
    EnvironmentOptions { python: Some(python()), size: Some(4), ..EnvironmentOptions::default() }
}

/// A name of `tests/python/trouble.py`, which Python finds from this crate's folder, where tests run.
fn trouble(name: &str) -> String {
    format!("tests.python.trouble:{name}-v0")
}

fn troubled(name: &str, options: &EnvironmentOptions) -> Box<dyn Environment> {
    make(&trouble(name), options).unwrap()
}

/// The exit code and message with which an environment is not made.
fn refused(name: &str, options: &EnvironmentOptions) -> (u8, String) {
    let Err(error) = make(name, options) else { panic!("{name} was made") };
    (error.exit_code(), error.to_string())
}

/// The exit code and message with which the first step fails.
fn failed(name: &str, timeout: f64) -> (u8, String) {
    let mut environment = troubled(name, &EnvironmentOptions { timeout, ..options() });
    environment.reset(1).unwrap();
    let error = environment.step(&Action::Discrete(0)).unwrap_err();
    // A failed environment goes on failing, and says so.
    assert!(environment.step(&Action::Discrete(0)).is_err());
    (error.exit_code(), error.to_string())
}

/// Waits until there is no process of this number any more.
fn wait_for_end(process: u32) {
    let path = format!("/proc/{process}/stat");
    let start = Instant::now();
    // One that nobody waits for yet has ended all the same.
    while std::fs::read_to_string(&path).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(start.elapsed() < Duration::from_secs(20), "process {process} is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn frames_rewards_and_ends_come_through() {
    let mut environment = troubled("Behaved", &EnvironmentOptions { size: Some(2), ..options() });
    assert_eq!(environment.name(), trouble("Behaved"));
    assert_eq!(environment.pixels(), Pixels { channels: 3, height: 2, width: 2 });
    assert_eq!(environment.actions(), Actions::Discrete(3));
    let frame = |first: u8, second: u8| [[first; 4], [second; 4], [first; 4]].concat();
    assert_eq!(environment.reset(77).unwrap(), frame(0, 77));
    let first = environment.step(&Action::Discrete(0)).unwrap();
    assert_eq!((first.frame, first.terminated, first.truncated), (frame(1, 77), false, false));
    let second = environment.step(&Action::Discrete(2)).unwrap();
    // The environment counts its actions from 5.
    assert_eq!((second.reward, second.terminated, second.truncated), (7.0, false, true));
    let third = environment.step(&Action::Discrete(1)).unwrap();
    assert_eq!((third.reward, third.terminated, third.truncated), (6.0, true, false));
    assert!(environment.step(&Action::Discrete(3)).is_err());
    assert_eq!(environment.reset(1 << 31).unwrap(), frame(0, 0));
    assert_eq!(environment.state(), None);
    drop(environment);
    wait_for_end(first.reward as u32);
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn what_is_rendered_serves_where_observations_are_no_pixels() {
    let mut environment = troubled("Rendered", &options());
    assert_eq!(environment.actions(), Actions::Continuous(2));
    assert_eq!(environment.reset(0).unwrap(), [0; 48]);
    let outcome = environment.step(&Action::Continuous(vec![0.4, -0.5])).unwrap();
    assert_eq!((outcome.frame, outcome.reward), (vec![17; 48], 1.0));
    let nan = Action::Continuous(vec![f32::NAN, 0.0]);
    assert_eq!(environment.step(&nan).unwrap_err().exit_code(), 5);

    let arguments = serde_json::from_str(r#"{"observed": "nan"}"#).unwrap();
    let mut environment = troubled("Rendered", &EnvironmentOptions { arguments, ..options() });
    environment.reset(0).unwrap();
    let error = environment.step(&Action::Continuous(vec![0.0, 0.0])).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("observation"), "{error}");
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn what_goes_wrong_in_an_environment_is_told() {
    let (code, text) = failed("Raises", 60.0);
    assert!(
        code == 3 && text.contains("ValueError: the arm is broken") && text.contains("trouble.py"),
        "{text}"
    );
    let (code, text) = failed("Dies", 60.0);
    assert!(
        code == 3 && text.contains("process of the environment ended") && text.contains("my last words"),
        "{text}"
    );
    // A package that is missing is no mistake of the user's where the environment has begun without it.
    let (code, text) = failed("Imports", 60.0);
    assert!(code == 3 && text.contains("a_package_that_nobody_has") && text.contains("trouble.py"), "{text}");
    assert!(!text.contains("pip install"), "{text}");
    let (code, text) = failed("Infinite", 60.0);
    assert!(code == 3 && text.contains("reward is nan"), "{text}");
    let (code, text) = failed("Grows", 60.0);
    assert!(code == 3 && text.contains("(7, 4, 3)"), "{text}");
    for name in ["Hangs", "HangsInC"] {
        let (code, text) = failed(name, 1.5);
        assert!(code == 3 && text.contains("does not answer") && text.contains("in step"), "{text}");
    }
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn what_ends_while_its_owner_is_busy_is_told_for_what_it_was() {
    for (name, says) in [("Dies", "process of the environment ended"), ("Hangs", "does not answer")] {
        let environment = troubled(name, &EnvironmentOptions { timeout: 1.0, ..options() });
        let mut environment = VectorEnvironment::new(vec![environment]).unwrap();
        environment.reset(0, 1).unwrap();
        environment.begin_step(vec![Action::Discrete(0)]).unwrap();
        // An agent that learns for longer than a step may take.
        std::thread::sleep(Duration::from_secs(3));
        let text = environment.finish_step().unwrap_err().to_string();
        assert!(text.contains(says), "{name}: {text}");
    }
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn what_an_environment_prints_is_no_answer() {
    let mut environment = troubled("Talks", &options());
    environment.reset(3).unwrap();
    environment.step(&Action::Discrete(0)).unwrap();
    assert_eq!(environment.step(&Action::Discrete(0)).unwrap().reward, 5.0);
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn environments_that_agents_cannot_use_are_refused() {
    for (name, says) in
        [("Switches", "its actions are"), ("Unbounded", "its actions are"), ("Blind", "no pixels")]
    {
        let (code, text) = refused(&trouble(name), &options());
        assert!(code == 2 && text.contains(says), "{text}");
    }
    for (name, nearest) in [
        ("CarRacign-v3", "CarRacing-v3"),
        ("ALE/Pongg-v5", "ALE/Pong-v5"),
        ("dm_control/cartpole-swingupp", "dm_control/cartpole-swingup"),
    ] {
        let (code, text) = refused(name, &options());
        assert!(code == 2 && text.contains(&format!("did you mean `{nearest}`?")), "{text}");
    }
    let (code, text) = refused("no_such_package:Thing-v0", &options());
    assert!(
        code == 2 && text.contains("that brings `no_such_package`") && text.contains("PYTHONPATH"),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn a_python_without_packages_is_told_what_to_install() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("python");
    std::fs::write(&bare, format!("#!/bin/sh\nexec {} -S \"$@\"\n", python().display())).unwrap();
    std::fs::set_permissions(&bare, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = EnvironmentOptions { python: Some(bare), ..options() };
    for (name, packages) in [
        ("ALE/Pong-v5", "gymnasium ale-py"),
        ("dm_control/cartpole-swingup", "dm_control 'mujoco<4'"),
        ("CartPole-v1", "gymnasium"),
    ] {
        let (code, text) = refused(name, &options);
        assert!(code == 2 && text.contains(&format!("python -m pip install {packages}`")), "{text}");
    }
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn atari_is_seen_as_through_gymnasiums_own_preprocessing() {
    let options = EnvironmentOptions { size: None, ..options() };
    let (mut ours, mut theirs) = (make("ALE/Pong-v5", &options).unwrap(), troubled("Preprocessed", &options));
    assert_eq!(ours.pixels(), Pixels { channels: 1, height: 84, width: 84 });
    assert_eq!((ours.actions(), ours.pixels()), (theirs.actions(), theirs.pixels()));
    let close = |ours: &[u8], theirs: &[u8], step: u32| {
        let off = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(1), "frames of step {step} differ by {off:?}");
    };
    let mut scored = 0.0;
    for seed in [3, 4] {
        close(&ours.reset(seed).unwrap(), &theirs.reset(seed).unwrap(), 0);
        for step in 1..150 {
            let action = Action::Discrete((step as usize * 7 / 5) % 6);
            let (a, b) = (ours.step(&action).unwrap(), theirs.step(&action).unwrap());
            assert_eq!((a.reward, a.terminated, a.truncated), (b.reward, b.terminated, b.truncated));
            close(&a.frame, &b.frame, step);
            scored += a.reward.abs();
        }
    }
    assert!(scored > 0.0);
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn an_episode_of_atari_begins_alike_whatever_was_played_before() {
    // Qbert and Amidar keep something that the emulator's state does not hold; sticky actions draw from the emulator's own numbers.
    for (name, sticky) in [("ALE/Qbert-v5", 0.0), ("ALE/Amidar-v5", 0.0), ("ALE/Pong-v5", 0.25)] {
        let options = EnvironmentOptions { size: None, sticky, ..options() };
        let episode = |environment: &mut dyn Environment| {
            let first = environment.reset(5).unwrap();
            let step = |step: usize| environment.step(&Action::Discrete(step / 7 % 5)).unwrap();
            (first, (0..40).map(step).collect::<Vec<_>>())
        };
        let mut fresh = make(name, &options).unwrap();
        let mut played = make(name, &options).unwrap();
        played.reset(1).unwrap();
        let _ = (0..200)
            .take_while(|step| !played.step(&Action::Discrete(step / 9 % 4)).unwrap().terminated)
            .count();
        assert!(episode(&mut *fresh) == episode(&mut *played), "{name}");
    }
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn atari_tells_lost_lives_and_cuts_long_episodes_off() {
    let limited = EnvironmentOptions { size: None, frame_limit: 2000, ..options() };
    let mut breakout = make("ALE/Breakout-v5", &limited).unwrap();
    breakout.reset(1).unwrap();
    let (mut lives, mut steps) = (0, 0);
    loop {
        // Serving again and again and never moving loses them all.
        let outcome = breakout.step(&Action::Discrete(1)).unwrap();
        (lives, steps) = (lives + u32::from(outcome.life_lost), steps + 1);
        if outcome.terminated || outcome.truncated {
            assert!(!outcome.life_lost);
            break;
        }
    }
    assert!(lives >= 3, "{lives} lives in {steps} steps");

    let mut pong =
        make("ALE/Pong-v5", &EnvironmentOptions { frame_limit: 200, no_ops: 0, ..limited }).unwrap();
    pong.reset(1).unwrap();
    let ends: Vec<_> = (0..50).map(|_| pong.step(&Action::Discrete(0)).unwrap()).collect();
    assert!(ends[..48].iter().all(|step| !step.truncated && !step.terminated));
    assert!(ends[49].truncated && !ends[49].terminated);
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn deepmind_control_is_rendered_and_repeatable() {
    let options = EnvironmentOptions { size: Some(24), repeat: Some(400), ..options() };
    let make = |name: &str| make(name, &options).unwrap();
    let mut first = make("dm_control/ball_in_cup-catch");
    let mut second = make("dm_control/ball-in-cup-catch-v0");
    assert_eq!(first.pixels(), Pixels { channels: 3, height: 24, width: 24 });
    assert_eq!(first.actions(), Actions::Continuous(2));
    let frame = first.reset(8).unwrap();
    assert_eq!(frame, second.reset(8).unwrap());
    assert!(frame.iter().max() > frame.iter().min());
    for step in 1..=3 {
        let action = Action::Continuous(vec![0.3, -0.7]);
        let outcome = first.step(&action).unwrap();
        assert_eq!(outcome, second.step(&action).unwrap());
        // 1000 steps of the task are cut off, not ended.
        assert_eq!((outcome.truncated, outcome.terminated), (step == 3, false));
    }
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn several_processes_step_together() {
    let environments = (0..3).map(|_| troubled("Behaved", &options())).collect();
    let mut together = VectorEnvironment::new(environments).unwrap();
    for number in 0..3 {
        together.reset(number, number as u64).unwrap();
    }
    let outcomes = together.step(vec![Action::Discrete(0); 3]).unwrap();
    let mut processes: Vec<u32> = outcomes.iter().map(|outcome| outcome.reward as u32).collect();
    processes.dedup();
    assert_eq!(processes.len(), 3);
    let outcomes = together.step((0..3).map(Action::Discrete).collect()).unwrap();
    assert_eq!(outcomes.iter().map(|outcome| outcome.reward).collect::<Vec<_>>(), [5.0, 6.0, 7.0]);
    drop(together);
    processes.into_iter().for_each(wait_for_end);
}

#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn what_an_environment_has_started_ends_with_it() {
    for then in ["goes on", "dies", "hangs"] {
        let arguments = serde_json::from_str(&format!(r#"{{"then": "{then}"}}"#)).unwrap();
        let options = EnvironmentOptions { arguments, timeout: 2.0, ..options() };
        let mut environment = troubled("Starts", &options);
        environment.reset(1).unwrap();
        let started = environment.step(&Action::Discrete(0)).unwrap().reward as u32;
        assert!(Path::new(&format!("/proc/{started}")).exists());
        assert_eq!(environment.step(&Action::Discrete(0)).is_ok(), then == "goes on");
        drop(environment);
        wait_for_end(started);
    }
}

/// What the next test starts as a process of its own: it says the number of an environment's process and is then killed while that hangs.
#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn an_environment_is_held() {
    if std::env::var_os("HOLD_AN_ENVIRONMENT").is_none() {
        return;
    }
    let mut behaved = troubled("Behaved", &options());
    behaved.reset(0).unwrap();
    println!("\nprocess {}", behaved.step(&Action::Discrete(0)).unwrap().reward);
    let mut starting = troubled("Starts", &options());
    starting.reset(0).unwrap();
    println!("process {}", starting.step(&Action::Discrete(0)).unwrap().reward);
    let mut hanging = troubled("Hangs", &options());
    hanging.reset(0).unwrap();
    // The last line before it hangs, which nobody waits for.
    println!("process {}", std::process::id());
    let _ = hanging.step(&Action::Discrete(0));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the Python of `cargo xtask setup`"]
fn no_process_outlives_the_program() {
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "an_environment_is_held", "--nocapture"])
        .env("HOLD_AN_ENVIRONMENT", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(program.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<u32> =
        lines.filter_map(|line| line.strip_prefix("process ")?.parse().ok()).take(3).collect();
    assert_eq!(told[2], program.id());
    std::thread::sleep(Duration::from_millis(300));
    let children = children_of(program.id());
    assert!(children.len() == 3 && children.contains(&told[0]), "{children:?}");
    program.kill().unwrap();
    program.wait().unwrap();
    children.into_iter().chain([told[1]]).for_each(wait_for_end);
}

/// The processes that a process has started.
#[cfg(target_os = "linux")]
fn children_of(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let children = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).unwrap());
    children
        .flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

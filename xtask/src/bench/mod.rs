//! `cargo xtask bench`: kernels, networks, views, graphs, videos, agents and whole trainings; with `--peers` beside PyTorch's libraries.
//!
//! Machines drift, so what is compared is measured in turns (A B A B …) and given as the ratio of each turn. The ratios of each kind of machine
//! are recorded in `xtask/ratios/`, and a later measurement is compared with them.

mod compare;
mod control;
mod graphs;
mod guard;
mod limits;
mod machine;
mod methods;
mod networks;
mod options;
mod picture;
mod profile;
mod ratios;
mod training;
mod video;
mod views;

use std::path::PathBuf;

use crate::process::{cargo, command, run as run_command};
use crate::{Failure, root};
use compare::{Case, Ratio, Row, numbers};
use guard::Guard;
use options::{Options, USAGE};

/// The task.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    if options.only.as_deref() == Some("profile") {
        return profile::profile();
    }
    if options.wants("kernels") {
        run_command(cargo().args(["bench", "--workspace", "--bench", "*"]))?;
    }
    if options.only.as_deref() != Some("kernels") {
        build()?;
    }
    if options.wants("limits") {
        limits::limits(&options)?;
    }
    if options.wants("methods") {
        methods::methods(&options)?;
    }
    let guard = Guard::new(&options)?;
    let mut fallen = Vec::new();
    for (part, measure) in PARTS {
        if options.wants(part) {
            fallen.extend(guard.check(measure(&options)?)?);
        }
    }
    guard.conclude(&fallen)
}

/// A part that gives ratios where there are peers.
type Part = fn(&Options) -> Result<Vec<Ratio>, Failure>;

const PARTS: [(&str, Part); 8] = [
    ("convolutions", networks::convolutions),
    ("video-convolutions", networks::video_convolutions),
    ("steps", networks::steps),
    ("views", views::views),
    ("graphs", graphs::graphs),
    ("training", training::training),
    ("video", video::video),
    ("control", control::control),
];

impl Options {
    /// Measures what an example prints, and in turn what a peer's script prints when given the same arguments.
    fn compare_example(
        &self,
        example: &str,
        script: &str,
        arguments: &[&str],
        case: Case<'_>,
    ) -> Result<Vec<Ratio>, Failure> {
        let ours = || numbers(command(release().join("examples").join(example)).args(arguments));
        self.compare_with(script, arguments, case, &ours)
    }

    /// Measures ourselves, and in turn what a peer's script prints.
    fn compare_with(
        &self,
        script: &str,
        arguments: &[&str],
        case: Case<'_>,
        ours: &dyn Fn() -> Result<Vec<f64>, Failure>,
    ) -> Result<Vec<Ratio>, Failure> {
        let peer = || self.peer(script, arguments).map(|mut peer| numbers(&mut peer)).transpose();
        case.compare(self.rounds, ours, script, &peer)
    }
}

/// The examples and the program, in one go: the features of dependencies depend on what is built together.
fn build() -> Result<(), Failure> {
    let packages = [
        "selfsame",
        "selfsame-control",
        "selfsame-graph",
        "selfsame-image",
        "selfsame-kernels",
        "selfsame-video",
    ];
    let mut build = cargo();
    build.args(["build", "--release", "--bins", "--examples", "--features", "selfsame/video"]);
    build.args(packages.iter().flat_map(|package| ["--package", package]));
    run_command(&mut build)
}

/// Where cargo puts what it builds with `--release`.
fn release() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    root().join(target).join("release")
}

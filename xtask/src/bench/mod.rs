//! `cargo xtask bench`: kernels, networks, views and whole trainings; with `--peers` beside PyTorch's libraries.
//!
//! Machines drift, so what is compared is measured in turns (A B A B …) and given as the ratio of each turn.

mod compare;
mod networks;
mod training;
mod views;

use std::path::PathBuf;
use std::process::Command;

use crate::process::{cargo, command, run as run_command};
use crate::{Failure, root};
use compare::{Case, numbers};

const USAGE: &str = "\
usage: cargo xtask bench [OPTIONS]

  --only PART        kernels, convolutions, video-convolutions, steps, views or training (default: all)
  --data FOLDER      pictures in class folders (default: data/sample)
  --photos FOLDER    photographs in class folders for views of 224 pixels (default: those views are not measured)
  --width SHARE      of ResNet-18's channels while training (default: 0.25)
  --batch-size N     while training (default: 64)
  --rounds N         turns of every measurement (default: 5)
  --peers PYTHON     measure PyTorch, lightly and torchvision in turn with this Python, which has them
";

/// What can be measured alone.
const PARTS: [&str; 6] = ["kernels", "convolutions", "video-convolutions", "steps", "views", "training"];

struct Options {
    only: Option<String>,
    data: PathBuf,
    photos: Option<PathBuf>,
    width: String,
    batch_size: String,
    rounds: usize,
    peers: Option<String>,
}

/// The task.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    if wanted("kernels") {
        run_command(cargo().args(["bench", "--workspace", "--bench", "*"]))?;
    }
    if options.only.as_deref() != Some("kernels") {
        build()?;
    }
    if wanted("convolutions") {
        networks::convolutions(&options)?;
    }
    if wanted("video-convolutions") {
        networks::video_convolutions(&options)?;
    }
    if wanted("steps") {
        networks::steps(&options)?;
    }
    if wanted("views") {
        views::views(&options)?;
    }
    if wanted("training") {
        training::training(&options)?;
    }
    Ok(())
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            only: None,
            data: root().join("data/sample"),
            photos: None,
            width: "0.25".into(),
            batch_size: "64".into(),
            rounds: 5,
            peers: None,
        };
        for pair in arguments.chunks(2) {
            let [flag, value] = pair else { return Err(format!("{} needs a value\n\n{USAGE}", pair[0])) };
            let folder = || PathBuf::from(value).canonicalize().map_err(|cause| format!("{value}: {cause}"));
            match flag.as_str() {
                "--only" if PARTS.contains(&value.as_str()) => options.only = Some(value.clone()),
                "--data" => options.data = folder()?,
                "--photos" => options.photos = Some(folder()?),
                "--width" => options.width = value.clone(),
                "--batch-size" => options.batch_size = value.clone(),
                "--rounds" => {
                    options.rounds =
                        value.parse().map_err(|_| format!("--rounds {value} is not a number"))?;
                }
                "--peers" => options.peers = Some(value.clone()),
                _ => return Err(format!("`{flag} {value}` is not understood\n\n{USAGE}")),
            }
        }
        Ok(options)
    }

    /// Measures what an example prints, and in turn what a peer's script prints when given the same arguments.
    fn compare_example(
        &self,
        example: &str,
        script: &str,
        arguments: &[&str],
        case: Case<'_>,
    ) -> Result<(), Failure> {
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
    ) -> Result<(), Failure> {
        let peer = || self.peer(script, arguments).map(|mut peer| numbers(&mut peer)).transpose();
        case.compare(self.rounds, ours, script, &peer)
    }

    /// A peer's script, if there is a Python to run it.
    fn peer(&self, script: &str, arguments: &[&str]) -> Option<Command> {
        let mut peer = command(self.peers.as_ref()?);
        peer.arg(root().join("xtask/peers").join(script)).args(arguments);
        Some(peer)
    }
}

/// The examples and the program, in one go: the features of dependencies depend on what is built together.
fn build() -> Result<(), Failure> {
    let packages = ["selfsame", "selfsame-image", "selfsame-kernels"];
    let mut build = cargo();
    build.args(["build", "--release", "--bins", "--examples"]);
    build.args(packages.iter().flat_map(|package| ["--package", package]));
    run_command(&mut build)
}

/// Where cargo puts what it builds with `--release`.
fn release() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    root().join(target).join("release")
}

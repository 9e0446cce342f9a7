//! The command line of `cargo xtask bench`.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::process::command;
use crate::python::interpreter;
use crate::{Failure, root};

/// What `--help` prints.
pub const USAGE: &str = "\
usage: cargo xtask bench [OPTIONS]

  --only PART        kernels, limits, convolutions, video-convolutions, steps, methods, views, graphs, training, video or
                     control (default: all), or profile: what the time of a step is spent on, with Linux's perf, drawn for the book
  --data FOLDER      pictures in class folders (default: data/sample)
  --photos FOLDER    photographs in class folders for views of 224 pixels (default: those views are not measured)
  --interactions FOLDER  train.txt and test.txt with a user and their items a line, for graphs (default: made-up ones, without peers)
  --videos FOLDER    videos, for motion vectors and clips (default: neither is measured)
  --python PYTHON    Gymnasium's, with ale-py and opencv-python-headless, for steps of Atari (default: SELFSAME_PYTHON, or what
                     cargo xtask setup has made; left out where there is none)
  --width SHARE      of ResNet-18's channels while training (default: 0.25)
  --batch-size N     while training (default: 64)
  --rounds N         turns of every measurement (default: 5)
  --peers PYTHON     measure PyTorch, lightly, torchvision and PyAV in turn with this Python, which has them

The ratios are compared with those that were recorded on this kind of machine, in xtask/ratios/, if there are any:

  --record           record them in place of the old ones
  --against FILE     compare with those of this file
  --tolerance SHARE  fail if all turns of a row are worse than the recorded median by more than this (default: 0.2)
";

/// What can be measured alone.
const PARTS: [&str; 12] = [
    "kernels",
    "limits",
    "convolutions",
    "video-convolutions",
    "steps",
    "methods",
    "views",
    "graphs",
    "training",
    "video",
    "control",
    "profile",
];

/// What is to be measured, and how.
pub struct Options {
    pub only: Option<String>,
    pub data: PathBuf,
    pub photos: Option<PathBuf>,
    pub interactions: Option<PathBuf>,
    pub videos: Option<PathBuf>,
    pub python: Option<PathBuf>,
    pub width: String,
    pub batch_size: String,
    pub rounds: usize,
    pub peers: Option<String>,
    pub record: bool,
    pub against: Option<PathBuf>,
    pub tolerance: f64,
}

impl Options {
    pub fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            only: None,
            data: root().join("data/sample"),
            photos: None,
            interactions: None,
            videos: None,
            python: None,
            width: "0.25".into(),
            batch_size: "64".into(),
            rounds: 5,
            peers: None,
            record: false,
            against: None,
            tolerance: 0.2,
        };
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            if flag == "--record" {
                options.record = true;
                continue;
            }
            let Some(value) = arguments.next() else {
                return Err(format!("`{flag}` needs a value, or is not understood\n\n{USAGE}"));
            };
            let path = || PathBuf::from(value).canonicalize().map_err(|cause| format!("{value}: {cause}"));
            let refused = || format!("`{flag} {value}` is not understood\n\n{USAGE}");
            match flag.as_str() {
                "--only" if PARTS.contains(&value.as_str()) => options.only = Some(value.clone()),
                "--data" => options.data = path()?,
                "--photos" => options.photos = Some(path()?),
                "--interactions" => options.interactions = Some(path()?),
                "--videos" => options.videos = Some(path()?),
                "--python" => options.python = Some(value.into()),
                "--width" => options.width = value.clone(),
                "--batch-size" => options.batch_size = value.clone(),
                "--rounds" => {
                    options.rounds = value.parse().ok().filter(|&rounds| rounds > 0).ok_or_else(refused)?;
                }
                "--peers" => options.peers = Some(value.clone()),
                "--against" => options.against = Some(path()?),
                "--tolerance" => {
                    let share = value.parse().ok().filter(|share| (0.0..1.0).contains(share));
                    options.tolerance = share.ok_or_else(refused)?;
                }
                _ => return Err(refused()),
            }
        }
        if options.peers.is_none() && (options.record || options.against.is_some()) {
            return Err("--record and --against are about ratios, which need --peers".into());
        }
        Ok(options)
    }

    /// Whether a part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }

    /// A peer's script, if there is a Python to run it.
    pub fn peer(&self, script: &str, arguments: &[&str]) -> Option<Command> {
        let mut peer = Self::script(self.peers.as_ref()?, script);
        peer.args(arguments);
        Some(peer)
    }

    /// A peer's script, run by this Python.
    pub fn script(python: impl AsRef<OsStr>, script: &str) -> Command {
        let mut peer = command(python);
        peer.arg(root().join("xtask/peers").join(script));
        peer
    }

    /// The Python that runs Gymnasium, whether it is there or not.
    pub fn environments(&self) -> PathBuf {
        let given = self.python.clone().or_else(|| std::env::var_os("SELFSAME_PYTHON").map(PathBuf::from));
        given.unwrap_or_else(interpreter)
    }

    /// What the folder of videos is called, for the rows of a table.
    pub fn videos_name(&self) -> String {
        let name = self.videos.as_ref().and_then(|folder| folder.file_name());
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_understood_in_any_order() {
        let options = parse("--record --rounds 3 --peers python --tolerance 0.1 --only steps");
        let found =
            options.map(|it| (it.record, it.rounds, it.tolerance, it.wants("steps"), it.wants("views")));
        assert_eq!(found, Ok((true, 3, 0.1, true, false)));
        assert!(parse("").is_ok_and(|options| options.wants("views") && options.peer("x.py", &[]).is_none()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--record",
            "--rounds",
            "--rounds 0",
            "--only nothing",
            "--peers python --tolerance 20",
            "--faster yes",
            "--against /no/such/file",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

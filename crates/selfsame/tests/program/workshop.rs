//! A folder of its own for each test, the program in it, and what it said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::pictures;

/// The smallest training that does everything: 24 pictures, 3 steps an epoch, 2 epochs.
const TINY: [&str; 14] = [
    "--data",
    "photos",
    "--width",
    "0.0625",
    "--image-size",
    "8",
    "--batch-size",
    "8",
    "--epochs",
    "2",
    "--workers",
    "2",
    "--set",
    "run.log_every=1",
];

/// Fields of `metrics.jsonl` that depend on the machine.
const OF_THE_MACHINE: [&str; 4] = ["images_per_second", "updates_per_second", "data_wait", "memory_mb"];

/// A folder where the program runs.
pub struct Workshop {
    folder: TempDir,
}

/// How the program ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program at work.
pub struct Running {
    child: Child,
}

impl Workshop {
    /// An empty folder.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with three classes of eight pictures in `photos/`.
    pub fn new() -> Self {
        let workshop = Self::empty();
        pictures::classes(&workshop.path("photos"), 8);
        workshop
    }

    /// As [`new`](Self::new), with a finished training in `run/`, shared by all tests that only read it.
    pub fn trained() -> Arc<Self> {
        static SHARED: Mutex<Weak<Workshop>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let workshop = Arc::new(Self::new());
            workshop.pretrain("run", &[]).succeeds();
            *shared = Arc::downgrade(&workshop);
            workshop
        })
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is in a file of the folder.
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// What is in a JSON file of the folder.
    #[track_caller]
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// The names in a folder, hidden ones too, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program, about to run here with a cache and an environment of its own.
    pub fn command(&self) -> Command {
        self.isolated(Command::new(env!("CARGO_BIN_EXE_selfsame")))
    }

    /// A shell script, about to run here with the program as `$PROGRAM`.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", script]).env("PROGRAM", env!("CARGO_BIN_EXE_selfsame"));
        self.isolated(command)
    }

    fn isolated(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SELFSAME_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program with these words.
    pub fn run(&self, words: &[&str]) -> Said {
        Said::of(self.command().args(words).output().unwrap())
    }

    /// Trains on `photos/` into a run folder, with more words on the command line.
    pub fn pretrain(&self, run: &str, more: &[&str]) -> Said {
        Said::of(self.pretraining(run, more).output().unwrap())
    }

    /// The command of [`pretrain`](Self::pretrain).
    pub fn pretraining(&self, run: &str, more: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["pretrain", "simclr", "--out", run]).args(TINY).args(more);
        command
    }

    /// The command that sweeps over methods on `photos/`.
    pub fn sweeping(&self, methods: &str, out: &str, more: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["sweep", methods, "--out", out]).args(TINY).args(more);
        command
    }

    /// Runs [`sweeping`](Self::sweeping).
    pub fn sweep(&self, methods: &str, out: &str, more: &[&str]) -> Said {
        Said::of(self.sweeping(methods, out, more).output().unwrap())
    }

    /// The records of a run, without what depends on the machine.
    pub fn metrics(&self, run: &str) -> Vec<Value> {
        let text = self.text(&format!("{run}/metrics.jsonl"));
        let record = |line: &str| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            record.as_object_mut().unwrap().retain(|name, _| !OF_THE_MACHINE.contains(&name.as_str()));
            record
        };
        text.lines().map(record).collect()
    }

    /// The bytes of all tensors of a checkpoint: weights and the optimiser's state.
    #[track_caller]
    pub fn state(&self, run: &str, checkpoint: &str) -> Vec<u8> {
        let path = self.path(run).join("checkpoints").join(checkpoint).join("state.safetensors");
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Both runs have the same checkpoints to the last bit, and tell the same story.
    #[track_caller]
    pub fn assert_same(&self, run: &str, other: &str) {
        let checkpoints = self.names(&format!("{run}/checkpoints"));
        assert_eq!(checkpoints, self.names(&format!("{other}/checkpoints")));
        for name in checkpoints {
            assert!(
                self.state(run, &name) == self.state(other, &name),
                "`{name}` of {run} and {other} differ"
            );
            let meta = |run: &str| self.text(&format!("{run}/checkpoints/{name}/checkpoint.toml"));
            assert_eq!(meta(run), meta(other));
        }
        assert_eq!(self.metrics(run), self.metrics(other));
    }
}

impl Said {
    /// What a finished process said.
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// It ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// It ended with this code and a message with all these words that says what to do, and printed no result.
    #[track_caller]
    pub fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(self.stderr.contains("error: ") && self.stderr.contains("help: "), "{self:#?}");
        self.mentions(words);
        assert_eq!(self.stdout, "");
    }

    /// stderr has all these words.
    #[track_caller]
    pub fn mentions(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in {self:#?}");
        }
    }

    /// The result, which must be one JSON object on one line and all of stdout.
    #[track_caller]
    pub fn result(&self) -> Value {
        assert_eq!(self.stdout.trim_end().lines().count(), 1, "{self:#?}");
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        assert!(value.is_object());
        value
    }
}

impl Running {
    /// Starts a command.
    pub fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child }
    }

    /// Waits until something is so, or the process has ended.
    #[track_caller]
    pub fn until(&mut self, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() && self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(120), "waited too long");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until this many records of steps and epochs are written.
    #[track_caller]
    pub fn until_records(&mut self, metrics: &Path, count: usize) {
        self.until(|| fs::read_to_string(metrics).is_ok_and(|text| text.lines().count() >= count));
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal by its name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    pub fn end(self) -> Said {
        Said::of(self.child.wait_with_output().unwrap())
    }
}
